"""How often one caller may call: a bucket of tokens for each key, and for each address without one, in this process."""

from __future__ import annotations

import math
import time
from collections import OrderedDict

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access import Key, is_own
from app.api.problems import problem_response
from app.errors import TooMany

MOST_HELD = 10_000
WINDOW = 60


class Limit:
    """Stands behind the door. Callers of this machine, where no key was ever made, limit only themselves and are not held up."""

    def __init__(self, app: ASGIApp, per_minute: int) -> None:
        self.app, self.quota = app, per_minute
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Tokens and when they were counted, of each caller."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        who = None if scope["type"] != "http" or not self.quota else _who(scope)
        if who is None:
            await self.app(scope, receive, send)
            return
        left = self.take(who, time.monotonic())
        wait = (1 - left) * WINDOW / self.quota if left < 0 else 0.0
        told = {
            "RateLimit-Policy": f'"default";q={self.quota};w={WINDOW}',
            "RateLimit": f'"default";r={max(0, math.floor(left))};t={math.ceil((self.quota - left) * WINDOW / self.quota)}',
        }
        if left < 0:
            error = TooMany(f"a caller may send {self.quota} requests in {WINDOW} s", retry_after=math.ceil(wait))
            await problem_response(error, str(scope.get("request_id", "")), told)(scope, receive, send)
            return

        async def told_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(told)
            await send(message)

        await self.app(scope, receive, told_send)

    def take(self, who: str, now: float) -> float:
        """The tokens that are left after this request; negative where it must wait, and then none is taken."""
        tokens, then = self._held.pop(who, (float(self.quota), now))
        tokens = min(float(self.quota), tokens + (now - then) * self.quota / WINDOW)
        left = tokens - 1
        self._held[who] = (left if left >= 0 else tokens), now
        while len(self._held) > MOST_HELD:
            self._held.popitem(last=False)
        return left


def _who(scope: Scope) -> str | None:
    key: Key = scope["state"]["key"]
    if key.id is not None:
        return key.id
    address = str((scope.get("client") or ("", 0))[0])
    return None if is_own(address) else address
