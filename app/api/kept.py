"""What was answered before, sent again as it was: behind the door and the limit, ahead of routing, validation and encoding.

Kept are reads of the knowledge base that may be kept by anybody, and the answers to tasks, each for the team that asked. An entry
is found by everything that its answer follows from, so that none has to be struck out when figures come or go. Of an answer to a
task the handler says what that is beside the request, as `state.kept`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.wire import prefers
from app.measured import Advisors

MOST_BYTES = 64_000_000
LONGEST = 4096
"""Of a body or a query; what is longer is answered anew."""
ASKED, FIGURES = "/v1/recommendations", "/v1/benchmarks"
OVERHEAD = 2000
"""Bytes of an entry beside its body: headers, path, bookkeeping."""
READ = ("/v1/architectures", FIGURES, "/v1/rules", "/v1/datasets", "/v1/gpus")
NOT_SENT = (b"content-length", b"content-type", b"content-encoding")
"""With a 304."""
Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response of 200 as it was sent, and the route that gave it."""

    route: Any
    headers: tuple[tuple[bytes, bytes], ...]
    tag: bytes
    body: bytes
    size: int
    """Bytes that holding it takes, with what it is found by."""


class Kept:
    """The last answers, up to MOST_BYTES of them."""

    def __init__(self, app: ASGIApp, most_bytes: int = MOST_BYTES) -> None:
        self.app, self._most = app, most_bytes
        self._held: OrderedDict[Hashable, Answer] = OrderedDict()
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asks = scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == ASKED
        reads = scope["type"] == "http" and scope["method"] == "GET" and scope["path"].startswith(READ)
        headers = dict(reversed(scope["headers"])) if asks or reads else {}  # of those that come twice the first, as in handlers
        length = headers.get(b"content-length", b"" if asks else b"0")
        if not headers or not _is_short(length) or len(scope["query_string"]) > LONGEST or b"idempotency-key" in headers:
            await self.app(scope, receive, send)
            return
        read = await _whole(receive) if asks else []
        again = _again(read, receive) if asks else receive
        state = await self._state(scope, asks)
        if state is None:
            await self.app(scope, again, send)
            return
        forms = (
            prefers(headers.get(b"accept", b"").decode("latin-1"), "text/csv"),
            b"gzip" in headers.get(b"accept-encoding", b""),
        )
        body = b"".join(message.get("body", b"") for message in read)
        request = (scope["path"], scope["query_string"], *forms, body)
        if (found := self._held.get((state, request))) is None:
            await self._first(scope, again, send, request, state)
            return
        self._held.move_to_end((state, request))
        scope["route"] = found.route
        if reads and _matches(headers, found.tag):
            told = [header for header in found.headers if header[0] not in NOT_SENT]
            await send({"type": "http.response.start", "status": 304, "headers": told})
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.start", "status": 200, "headers": list(found.headers)})
        await send({"type": "http.response.body", "body": found.body})

    async def _state(self, scope: Scope, asks: bool) -> Hashable | None:
        """What an answer follows from beside the request: nothing, a team's own figures, or its advisor. None where that has no
        answer yet."""
        if not asks and not scope["path"].startswith(FIGURES):
            return ""
        advisors: Advisors = scope["app"].state.advisors
        team = scope["state"]["key"].team
        try:
            if (seen := advisors.seen(team)) is None:
                seen = await run_in_threadpool(advisors.look, team)
        except SQLAlchemyError:
            return None
        if asks:
            advisor = advisors.fitted(team)
            return None if advisor is None else (team, advisor.digest)
        return seen[2]

    async def _first(self, scope: Scope, receive: Receive, send: Send, request: tuple[Hashable, ...], state: Hashable) -> None:
        """Lets the request through, and keeps what it is answered if that may be."""
        start: Message = {}
        headers: Headers = []
        whole: bytes | None = None

        async def keeping(message: Message) -> None:
            nonlocal start, headers, whole
            if message["type"] == "http.response.start":
                start, headers = message, list(message["headers"])  # the layers outside write into theirs
            elif not message.get("more_body", False):
                whole = message.get("body", b"") if whole is None else None
            else:
                whole = b""  # in pieces
            await send(message)

        await self.app(scope, receive, keeping)
        named = dict(headers)
        given = scope["state"].get("kept")
        may = start.get("status") == 200 and named.get(b"cache-control", b"").startswith(b"public")
        if whole and (may or (given is not None and start.get("status") in (200, 201))):
            size = OVERHEAD + len(whole) + sum(len(part) for part in request if isinstance(part, bytes))
            answer = Answer(scope.get("route"), tuple(headers), named.get(b"etag", b""), whole, size)
            self._keep((state if given is None else given, request), answer)

    def _keep(self, key: Hashable, answer: Answer) -> None:
        if (before := self._held.pop(key, None)) is not None:
            self._bytes -= before.size
        self._held[key] = answer
        self._bytes += answer.size
        while self._bytes > self._most:
            self._bytes -= self._held.popitem(last=False)[1].size


def _is_short(length: bytes) -> bool:
    return length.isdigit() and len(length) < 8 and int(length) <= LONGEST


def _matches(headers: Mapping[bytes, bytes], tag: bytes) -> bool:
    wanted = headers.get(b"if-none-match")
    return wanted is not None and (wanted.strip() == b"*" or tag in {w.strip().removeprefix(b"W/") for w in wanted.split(b",")})


async def _whole(receive: Receive) -> list[Message]:
    """The messages of a body, or up to where the caller has gone."""
    read = [await receive()]
    while read[-1].get("more_body", False):
        read.append(await receive())
    return read


def _again(read: list[Message], receive: Receive) -> Receive:
    """What was read once more, then what comes after it."""
    left = iter(read)

    async def again() -> Message:
        return next(left, None) or await receive()

    return again
