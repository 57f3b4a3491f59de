"""One layer that gives every POST under /v1 its Idempotency-Key: same key, same request, the first answer again."""

from __future__ import annotations

import hashlib
import logging
import re
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import replays
from app.api.problems import problem_response
from app.errors import AdvisorError, Conflict, FieldProblem, NotReady, TooLarge, Unprocessable
from app.replays import Answer

log = logging.getLogger("gan_advisor")
HEADER = b"idempotency-key"
VALID = re.compile(r"[ -~]{1,255}")
NOT_REPLAYED = ("content-length", "date", "server", "x-request-id", "connection")


class Idempotency:
    """Stands behind the door, since a key belongs to the caller's team."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self.app, self.max_body_bytes = app, max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith("/v1/"):
            await self.app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(HEADER)
        if given is None:
            await self.app(scope, receive, send)
            return
        try:
            where, body = await self._begin(scope, receive, given.decode("latin-1"))
            before = await run_in_threadpool(replays.take, where, _digest(scope, body))
            response = None if before is None else _again(before)
        except HTTPException as error:
            response = self._problem(TooLarge(error.detail), scope)
        except AdvisorError as error:
            response = self._problem(error, scope)
        except SQLAlchemyError:
            response = self._problem(NotReady("the database does not answer", retry_after=5), scope)
        if response is None:
            response = await self._first(scope, where, body)
        await response(scope, receive, send)

    async def _begin(self, scope: Scope, receive: Receive, key: str) -> tuple[str, bytes]:
        """Where the answer is kept, and the body. Raises Unprocessable, TooLarge."""
        if not VALID.fullmatch(key):
            detail = "an Idempotency-Key has 1 to 255 printable ASCII characters"
            raise Unprocessable(detail, [FieldProblem(pointer="header:Idempotency-Key", code="pattern", detail=detail)])
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            body, more = body + message.get("body", b""), message.get("more_body", False)
            if len(body) > self.max_body_bytes:
                raise TooLarge(f"the body may hold {self.max_body_bytes} bytes")
        return replays.place(scope["state"]["key"].team, scope["path"], key.strip('"')), body

    async def _first(self, scope: Scope, where: str, body: bytes) -> Response:
        """Lets the request through and keeps what it is answered."""
        sent: dict[str, Any] = {"status": 500, "headers": [], "body": b""}
        told = False

        async def receive() -> Message:
            nonlocal told
            told, first = True, not told
            return {"type": "http.request", "body": body} if first else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent.update(status=message["status"], headers=message["headers"])
            elif message["type"] == "http.response.body":
                sent["body"] += message.get("body", b"")

        try:
            await self.app(scope, receive, send)
        except BaseException:
            await run_in_threadpool(replays.forget, where)
            raise
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in sent["headers"]}
        answer = Answer(sent["status"], {n: v for n, v in headers.items() if n not in NOT_REPLAYED}, sent["body"])
        try:
            await (
                run_in_threadpool(replays.keep, where, answer)
                if answer.status < 400 or answer.status == 500
                else run_in_threadpool(replays.forget, where)
            )
        except SQLAlchemyError:
            log.warning("an answer could not be kept for its Idempotency-Key; request %s", scope.get("request_id"))
        return _response(answer)

    def _problem(self, error: AdvisorError, scope: Scope) -> Response:
        return problem_response(error, str(scope.get("request_id", "")))


def _digest(scope: Scope, body: bytes) -> str:
    return hashlib.sha256(scope["query_string"] + b"\0" + body).hexdigest()


def _again(answer: Answer) -> Response:
    """Raises Conflict for an answer that held a secret, which is shown once."""
    if "no-store" in answer.headers.get("cache-control", ""):
        raise Conflict("this was made before, and the answer that held its secret is not kept")
    response = _response(answer)
    response.headers["Idempotent-Replayed"] = "true"
    return response


def _response(answer: Answer) -> Response:
    return Response(answer.body, status_code=answer.status, headers=dict(answer.headers))
