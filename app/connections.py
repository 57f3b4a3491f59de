"""A connection that must get somewhere: slow and endless senders, and those who never read, are let go.

The server by itself waits for ever for a head or a body and keeps as much of a head as is sent.
"""

from __future__ import annotations

import asyncio
import secrets

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.api.problems import problem_response
from app.errors import AdvisorError, BadRequest, HeadTooLarge, TooSlow

HEAD_SECONDS = 15.0
"""From the connection, or the first byte of a request, to the end of its head."""
HEAD_BYTES = 65_536
IDLE_SECONDS = 30.0
"""A body may pause for so long, and a client may read nothing for twice that."""
LEAST_RATE = 1_000.0
"""Bytes of a body a second, over all of it, once it has taken IDLE_SECONDS."""


class Connection(HttpToolsProtocol):
    """One client. What is cut off before an answer has begun is told why."""

    _timer: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None
    _head: int | None = 0
    """Bytes of a head that is still coming; None beyond its end."""
    _began = _last = 0.0
    _body = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait(None)
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._last = self.loop.time()
        super().data_received(data)
        if self._head is not None and not self.transport.is_closing():
            self._head += len(data)
            if self._head > HEAD_BYTES:
                self._refuse(HeadTooLarge(f"the head of a request may hold {HEAD_BYTES} bytes"))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head = 0
        self._wait(HEAD_SECONDS)

    def on_headers_complete(self) -> None:
        self._head, self._body, self._began = None, 0, self.loop.time()
        self._wait(IDLE_SECONDS)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._wait(None)
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(2 * IDLE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        self._refuse(BadRequest("this is no HTTP request"))

    def _wait(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        if self._head is None:
            until = min(self._last + IDLE_SECONDS, self._began + IDLE_SECONDS + self._body / LEAST_RATE)
            left = IDLE_SECONDS if self.flow.read_paused else until - self.loop.time()  # it is we who do not read
            if left > 0:
                self._wait(left)
                return
        if self._head == 0 or (self._head is None and self.cycle.response_started):
            self.transport.close()
        else:
            self._refuse(TooSlow("the request did not come in time"))

    def _refuse(self, error: AdvisorError) -> None:
        name = secrets.token_hex(16)
        answer = problem_response(error, name, {"Connection": "close", "X-Request-Id": name})
        head = b"".join(b"%s: %s\r\n" % header for header in answer.raw_headers)
        self._wait(None)
        self.transport.write(b"HTTP/1.1 %d \r\n%s\r\n%s" % (answer.status_code, head, bytes(answer.body)))
        self.transport.close()
