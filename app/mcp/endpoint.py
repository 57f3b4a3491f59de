"""`/mcp` of the service: streamable HTTP without sessions. A tool calls the service itself, with the key that its caller sent."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx
from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.api.problems import problem_response
from app.client import AsyncClient
from app.errors import NotFound

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context, MCPServer


def install(app: FastAPI) -> None:
    """Adds the route. Without sessions there is no stream to GET, which would carry nothing and never end, and nothing to DELETE."""
    app.router.routes.append(Route("/mcp", endpoint=Endpoint(), methods=["POST"], include_in_schema=False))


class Endpoint:
    """An ASGI application. The SDK is loaded with the first request: it takes a second."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            tools = self._tools
        except ModuleNotFoundError:
            missing = NotFound("this service was installed without the extra `mcp`")
            await problem_response(missing, str(scope.get("request_id", "")))(scope, receive, send)
            return
        from mcp.server.transport_security import TransportSecuritySettings

        # Foreign hosts and origins were refused at the door; without sessions, a manager for each request holds nothing.
        open_to_all = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        app = tools.streamable_http_app(
            streamable_http_path="/", json_response=True, stateless_http=True, transport_security=open_to_all
        )
        async with tools.session_manager.run():
            await app({**scope, "path": "/", "root_path": "", "service": scope["app"]}, receive, send)

    @cached_property
    def _tools(self) -> MCPServer[Any]:
        from app.mcp.tools import server

        return server(_inward)


def _inward(ctx: Context[Any, Any]) -> AsyncClient:
    """A client of the application that is answering, in its own process."""
    request = ctx.request_context.request
    assert request is not None, "a tool is called by a request"
    key = request.headers.get("authorization", "").partition(" ")[2].strip()  # the door has seen that it is a bearer's
    return AsyncClient("http://localhost", key=key, transport=httpx.ASGITransport(request.scope["service"]))
