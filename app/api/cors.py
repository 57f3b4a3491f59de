"""Cross-origin calls from the pages of an allow-list. Never with credentials: a page sends a key of its own, not a cookie of ours."""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
TAKEN = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Prefer, Upload-Offset, X-Request-Id"
)
SHOWN = (
    "ETag, Idempotent-Replayed, Link, Location, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, Upload-Offset, "
    "X-Request-Id"
)
MAX_AGE = "600"


class Cors:
    """Outermost, so that refusals can be read too. An origin that is not allowed is answered as if it were none."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self.app, self.origins = app, frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = {} if scope["type"] != "http" or not self.origins else dict(scope["headers"])
        origin = given.get(b"origin", b"").decode("latin-1")
        if not origin or not self.origins & {origin, "*"}:
            await self.app(scope, receive, send)
            return
        own = {"Access-Control-Allow-Origin": "*"} if "*" in self.origins else {"Access-Control-Allow-Origin": origin}
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in given:
            own |= {"Access-Control-Allow-Methods": METHODS, "Access-Control-Allow-Headers": TAKEN}
            own |= {"Access-Control-Max-Age": MAX_AGE, "Vary": "Origin"}
            await Response(status_code=204, headers=own)(scope, receive, send)
            return

        async def shown_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update({**own, "Access-Control-Expose-Headers": SHOWN})
                headers.add_vary_header("Origin")
            await send(message)

        await self.app(scope, receive, shown_send)
