"""The error tree; each error knows its status, and all have one shape on the wire.

AdvisorError                 500  internal
|- BadRequest                400  malformed
|- Unprocessable             422  invalid, with a pointer to every field at fault
|   |- UnknownSlug           422  unknown_slug, with the nearest known one
|   |- PolicyError           422  invalid_policy, with file and line of each mistake
|   `- LockUnreadable        422  lock_unreadable, names the command that writes it anew
|- Unauthorized              401  unauthorized
|- Forbidden                 403  forbidden, names the scope that is missing
|- NotFound                  404  not_found
|- MethodNotAllowed          405  method_not_allowed, names those that are
|- TooSlow                   408  too_slow
|- Conflict                  409  conflict
|- Gone                      410  gone
|- Changed                   412  precondition_failed
|- TooLarge                  413  too_large
|- UnsupportedMedia          415  unsupported_media_type
|- TooMany                   429  too_many_requests, says when to come back
|- HeadTooLarge              431  head_too_large
|- KnowledgeError            500  knowledge, with file, line and field
|- NotReady                  503  not_ready
`- KnowledgeOutOfDate        503  knowledge_out_of_date, names the command that mends it
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, Field


class FieldProblem(BaseModel):
    """One field at fault."""

    pointer: str = Field(description="JSON pointer into the body, `#/data/resolution`, or `?limit` for a query parameter.")
    code: str
    detail: str
    allowed: Any = None


class Problem(BaseModel):
    """application/problem+json, RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = Field(description="The request id.")
    code: str
    errors: list[FieldProblem] = []
    retryable: bool = False


class AdvisorError(Exception):
    """Base of every error this program raises on purpose."""

    status = 500
    code = "internal"
    title = "Something failed on our side"
    retryable = False

    def __init__(self, detail: str, errors: Iterable[FieldProblem] = (), retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)
        self.retry_after = retry_after


class BadRequest(AdvisorError):
    status, code, title = 400, "malformed", "The request could not be read"


class Unprocessable(AdvisorError):
    status, code, title = 422, "invalid", "The request holds values that cannot be used"


class UnknownSlug(Unprocessable):
    """A name that is not known; offers the nearest one."""

    code, title = "unknown_slug", "A name in the request is not known"

    def __init__(self, pointer: str, slug: str, known: Iterable[str], near: Sequence[str] = ()) -> None:
        known = sorted(known)
        near = near or difflib.get_close_matches(slug, known, n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        detail = f"{slug!r} is not known{hint}"
        allowed = list(near) or known[:20]
        super().__init__(detail, [FieldProblem(pointer=pointer, code="unknown_slug", detail=detail, allowed=allowed)])


class PolicyError(Unprocessable):
    """A policy file that cannot be used."""

    code, title = "invalid_policy", "A policy cannot be used"


class Unauthorized(AdvisorError):
    status, code, title = 401, "unauthorized", "A valid key is needed"


class Forbidden(AdvisorError):
    status, code, title = 403, "forbidden", "This key may not do that"


class LockUnreadable(Unprocessable):
    """A committed decision that is missing, broken, or was changed by hand."""

    code, title = "lock_unreadable", "The lock cannot be read"


class NotFound(AdvisorError):
    status, code, title = 404, "not_found", "There is nothing here"


class MethodNotAllowed(AdvisorError):
    status, code, title = 405, "method_not_allowed", "The method is not allowed here"


class TooSlow(AdvisorError):
    """A head or a body that did not come in time."""

    status, code, title, retryable = 408, "too_slow", "The request came too slowly", True


class Conflict(AdvisorError):
    status, code, title = 409, "conflict", "The state of the resource does not allow this"


class Gone(AdvisorError):
    """It was deleted when its retention ended."""

    status, code, title = 410, "gone", "It is here no longer"


class Changed(AdvisorError):
    """If-Match names another state of the resource than its present one."""

    status, code, title = 412, "precondition_failed", "It has changed since you read it"


class TooLarge(AdvisorError):
    status, code, title = 413, "too_large", "The request body is too large"


class UnsupportedMedia(AdvisorError):
    status, code, title = 415, "unsupported_media_type", "The content type is not supported"


class TooMany(AdvisorError):
    status, code, title, retryable = 429, "too_many_requests", "Too many requests", True


class HeadTooLarge(AdvisorError):
    status, code, title = 431, "head_too_large", "The head of the request is too large"


class KnowledgeError(AdvisorError):
    """A knowledge file that cannot be read; the detail names file, line and field."""

    code, title = "knowledge", "The knowledge files cannot be read"


class NotReady(AdvisorError):
    status, code, title, retryable = 503, "not_ready", "The service is not ready", True


class KnowledgeOutOfDate(NotReady):
    code, title = "knowledge_out_of_date", "The database holds another knowledge base"


def field_problem(error: Any) -> FieldProblem:
    """One Pydantic error, its place and what would be right."""
    where, *path = error["loc"]
    context = error.get("ctx") or {}
    if where == "body":
        pointer = "#" + "".join(f"/{part}" for part in path)
    else:
        pointer = f"?{'.'.join(str(p) for p in path)}" if where == "query" else f"{where}:{'.'.join(str(p) for p in path)}"
    keys = ("expected", "ge", "gt", "le", "lt", "pattern", "max_length", "min_length")
    allowed = {key: context[key] for key in keys if key in context} or None
    return FieldProblem(pointer=pointer, code=error["type"], detail=error["msg"], allowed=allowed)
