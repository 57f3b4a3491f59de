"""How often one caller may call: a bucket of tokens for each key, and for each address without one, in this process."""

from __future__ import annotations

import math
import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access import Key, is_own, network
from app.api.problems import problem_response
from app.buckets import WINDOW, Buckets
from app.errors import TooMany


class Limit:
    """Stands behind the door. Callers of this machine, where no key was ever made, limit only themselves and are not held up."""

    def __init__(self, app: ASGIApp, per_minute: int) -> None:
        self.app, self.quota, self._buckets = app, per_minute, Buckets(per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        who = None if scope["type"] != "http" or not self.quota else _who(scope)
        if who is None:
            await self.app(scope, receive, send)
            return
        left = self._buckets.take(who, time.monotonic())
        told = {
            "RateLimit-Policy": f'"default";q={self.quota};w={WINDOW}',
            "RateLimit": f'"default";r={max(0, math.floor(left))};t={math.ceil((self.quota - left) * WINDOW / self.quota)}',
        }
        if left < 0:
            wait = math.ceil(self._buckets.wait(left + 1))
            error = TooMany(f"a caller may send {self.quota} requests in {WINDOW} s", retry_after=wait)
            await problem_response(error, str(scope.get("request_id", "")), told)(scope, receive, send)
            return

        async def told_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(told)
            await send(message)

        await self.app(scope, receive, told_send)


def _who(scope: Scope) -> str | None:
    key: Key = scope["state"]["key"]
    if key.id is not None:
        return key.id
    address = str((scope.get("client") or ("", 0))[0])
    return None if is_own(address) else network(address)
