"""`gan-advisor mcp`: the tools over standard input and output, as an agent starts them."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from functools import cache

from app.client import AsyncClient
from app.errors import Unprocessable
from app.settings import settings
from app.watch import local_address


def run(url: str | None) -> None:
    """Until the input ends. Without a URL it has a service and a worker of its own, from the first call on."""
    try:
        from app.mcp.tools import server
    except ModuleNotFoundError as error:
        raise Unprocessable("the Model Context Protocol needs the extra: pip install 'gan-advisor[mcp]'") from error
    with ExitStack() as ends:

        @cache
        def address() -> str:
            return url or ends.enter_context(local_address())

        key = settings().key.get_secret_value()
        asyncio.run(server(lambda _: AsyncClient(address(), key=key)).run_stdio_async())
