"""Every error leaves as application/problem+json, whoever raised it, on every path."""

from __future__ import annotations

import logging
import re
import sqlite3

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, OperationalError, SQLAlchemyError
from starlette.exceptions import HTTPException

from app.api.wire import encode
from app.errors import (
    AdvisorError,
    BadRequest,
    FieldProblem,
    MethodNotAllowed,
    NotFound,
    NotReady,
    Problem,
    TooLarge,
    Unprocessable,
    UnsupportedMedia,
    field_problem,
)

log = logging.getLogger("gan_advisor")
MEDIA_TYPE = "application/problem+json"

RAISED = {kind.status: kind for kind in (BadRequest, NotFound, MethodNotAllowed, TooLarge, UnsupportedMedia)}
"""What the framework raises by its status."""


def problem_response(error: AdvisorError, request_id: str, headers: dict[str, str] | None = None) -> Response:
    """One error as RFC 9457."""
    body = Problem(
        type=f"/problems/{error.code}",
        title=error.title,
        status=error.status,
        detail=error.detail,
        instance=request_id,
        code=error.code,
        errors=error.errors,
        retryable=error.retryable,
    )
    own = dict(headers or {})
    if error.retry_after is not None:
        own["Retry-After"] = str(max(1, round(error.retry_after)))
    return Response(encode(body), status_code=error.status, headers=own, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Registers the handlers."""

    @app.exception_handler(AdvisorError)
    async def _ours(request: Request, error: AdvisorError) -> Response:
        return problem_response(error, request_id(request))

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        return problem_response(from_validation(error), request_id(request))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        known, headers = RAISED.get(error.status_code, AdvisorError)(str(error.detail)), dict(error.headers or {})
        if error.status_code == 404:
            known.detail = f"there is no {request.url.path}; see /openapi.json for what there is"
        if error.status_code == 405:
            allowed = ", ".join(_methods(request)) or headers.get("Allow", "")
            headers = {"Allow": allowed}
            if request.method == "OPTIONS":
                return Response(status_code=204, headers=headers)
            known.detail = f"{request.method} is not allowed here" + (f", but {allowed}" if allowed else "")
        return problem_response(known, request_id(request), headers)

    @app.exception_handler(DataError)
    async def _unfit(request: Request, error: DataError) -> Response:
        return problem_response(
            Unprocessable("the request holds a character that cannot be stored, such as 0"), request_id(request)
        )

    @app.exception_handler(SQLAlchemyError)
    async def _database(request: Request, error: SQLAlchemyError) -> Response:
        log.error("database failed on %s", request.url.path, exc_info=error)
        busy = isinstance(error, OperationalError) or isinstance(getattr(error, "orig", None), sqlite3.OperationalError)
        ours: AdvisorError = NotReady("the database does not answer", retry_after=5) if busy else AdvisorError("unexpected error")
        return problem_response(ours, request_id(request))


def _methods(request: Request) -> list[str]:
    """What may be done with the resource of a path, by the document: the routes of one path are several, and the framework
    names the first. Empty for what the document does not know."""
    path, known = request.url.path, request.app.openapi()["paths"]
    for part in ("[^/]+", ".+"):  # an id may hold slashes
        for template in (path, *known):
            if template in known and re.fullmatch(re.sub(r"\{\w+\}", part, template), path):
                methods = [method.upper() for method in known[template]]
                return [*methods, "HEAD"] if "GET" in methods else methods
    return []


def request_id(request: Request) -> str:
    return str(request.scope.get("request_id", ""))


def from_validation(error: RequestValidationError) -> AdvisorError:
    """Pydantic's errors with JSON pointers; broken JSON is malformed rather than invalid."""
    problems = [field_problem(e) for e in error.errors()]
    for broken in (e for e in error.errors() if e["type"] == "json_invalid"):
        what = f"{broken.get('ctx', {}).get('error', 'it cannot be read')}, at character {broken['loc'][-1]}"
        return BadRequest(f"the body is not JSON: {what}", [FieldProblem(pointer="#", code="json_invalid", detail=what)])
    named = "; ".join(f"{p.pointer}: {p.detail}" for p in problems[:3])
    more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
    return Unprocessable(named + more, problems)
