"""One ASGI layer around everything: request ids, body limit, JSON only, and a problem document when all else fails."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import MutableMapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import problem_response
from app.errors import AdvisorError, NotFound, TooLarge, UnsupportedMedia

log = logging.getLogger("gan_advisor")
REQUEST_ID = re.compile(rb"^[\x21-\x7e]{1,128}$")
WITH_BODY = ("POST", "PUT", "PATCH")
BYTES = ("/datasets", "/v1/datasets", "/v1/benchmarks")
"""Below these paths a body that is not JSON is a data set or a table, streamed to the disk and limited there."""


class Edge:
    """Names each request, refuses bodies that are too large or not JSON before anything reads them."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self.app, self.max_body_bytes = app, max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            scope, send = {**scope, "method": "GET"}, _without_body(send)
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        name = given.decode() if REQUEST_ID.match(given) else secrets.token_hex(16)
        scope["request_id"] = name
        counted, started = 0, False
        most = None if self._carries_bytes(scope, headers) else self.max_body_bytes

        async def named_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], (b"x-request-id", name.encode())]
            await send(message)

        async def limited_receive() -> MutableMapping[str, Any]:
            nonlocal counted
            message = await receive()
            counted += len(message.get("body", b""))
            if most is not None and counted > most:  # the framework turns any other error of a body into 400
                raise HTTPException(413, self._too_large().detail)
            return message

        try:
            self._refuse(scope, headers)
        except AdvisorError as error:
            await problem_response(error, name, {"Connection": "close"})(scope, receive, named_send)
            return
        try:
            await self.app(scope, limited_receive, named_send)
        except Exception as error:
            log.error("unexpected error on %r, request %s", scope["path"], name, exc_info=error)
            if started:
                raise
            unexpected = AdvisorError("unexpected error; the server's log has it under this request id")
            await problem_response(unexpected, name)(scope, receive, named_send)

    def _carries_bytes(self, scope: Scope, headers: dict[bytes, bytes]) -> bool:
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        return scope["method"] in WITH_BODY and scope["path"].startswith(BYTES) and not kind.endswith(b"json")

    def _refuse(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        if "\0" in scope["path"]:  # PostgreSQL holds no text with one, so no id has it
            raise NotFound("no address here holds the character 0")
        length = headers.get(b"content-length", b"0")
        coding = headers.get(b"content-encoding", b"identity").strip().lower()
        if coding != b"identity":  # what unpacks to a thousand times its size is not unpacked here
            raise UnsupportedMedia(f"send the body as it is, not as {coding.decode('latin-1')[:40]}")
        if self._carries_bytes(scope, headers):
            return
        if length.isdigit() and int(length) > self.max_body_bytes:
            raise self._too_large()
        if scope["method"] not in WITH_BODY or not scope["path"].startswith("/v1/"):
            return
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        has_body = length != b"0" or b"transfer-encoding" in headers
        if has_body and kind != b"application/json" and not kind.endswith(b"+json"):
            raise UnsupportedMedia(f"send application/json, not {kind.decode('latin-1') or 'a body without content type'}")

    def _too_large(self) -> TooLarge:
        return TooLarge(f"the body may hold {self.max_body_bytes} bytes")


def _without_body(send: Send) -> Send:
    """The head of an answer to GET, for HEAD. A stream hears that its client has gone."""
    ended = False

    async def head(message: Message) -> None:
        nonlocal ended
        if message["type"] == "http.response.start":
            await send(message)
        elif not ended:
            ended = True
            await send({"type": "http.response.body", "body": b""})

    return head
