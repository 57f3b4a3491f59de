"""How bytes leave the service: JSON encoded once, entity tags, pages, CSV."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import orjson
from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from app.errors import Changed, FieldProblem, Unprocessable
from app.settings import settings
from app.sheets import lines_of

MAX_LIMIT = 1000
VARY = {"Vary": "Accept"}
"""Of every answer that comes in more than one form: a cache must not give a table to who asked for JSON."""
CSV = "text/csv; charset=utf-8"
T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """One page of a list; `next_cursor` is null on the last one."""

    items: list[T]
    next_cursor: str | None


def encode(body: Any) -> bytes:
    """JSON bytes; Pydantic models are dumped, NaN and infinity become null."""
    return body.model_dump_json().encode() if isinstance(body, BaseModel) else orjson.dumps(body, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} is not JSON")


def etag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def matches(request: Request, tag: str) -> bool:
    """True when If-None-Match names this entity tag, weak or strong, or `*`."""
    wanted = request.headers.get("if-none-match")
    return wanted is not None and (wanted.strip() == "*" or tag in {w.strip().removeprefix("W/") for w in wanted.split(",")})


def require_match(wanted: str | None, now: Callable[[], BaseModel]) -> None:
    """Raises Changed unless If-Match, where it was sent, names the tag that a GET would send now, or is `*`."""
    if wanted is None or (wanted.strip() == "*" and now()):
        return
    tag = etag(encode(now()))
    if tag not in (w.strip() for w in wanted.split(",")):
        raise Changed(f"its tag is {tag} now; read it again")


def answer(
    request: Request,
    body: Any,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    cache: str = "no-cache",
) -> Response:
    """A JSON response with its entity tag; 304 without a body where the client already holds it."""
    content = body if isinstance(body, bytes) else encode(body)
    tag = etag(content)
    own = {"ETag": tag, "Cache-Control": cache, **_following(request, body), **(headers or {})}
    if request.method in ("GET", "HEAD") and status == 200 and matches(request, tag):
        return Response(status_code=304, headers=own)
    return Response(content, status_code=status, headers=own, media_type="application/json")


def _following(request: Request, body: Any) -> dict[str, str]:
    """The link from a page to the next."""
    if not isinstance(body, dict) or not body.get("next_cursor"):
        return {}
    name = "after" if request.url.path.endswith("/events") else "cursor"
    url = request.url.include_query_params(**{name: body["next_cursor"]})
    return {"Link": f'<{url.path}?{url.query}>; rel="next"'}


def wants(request: Request, kind: str) -> bool:
    """True when Accept asks for this media type rather than JSON."""
    return prefers(request.headers.get("accept", ""), kind)


def prefers(accept: str, kind: str) -> bool:
    """Whether an Accept header names a media type, and gives JSON no higher quality: RFC 9110, section 12.5.1."""
    if kind not in (accept := accept.lower()):
        return False
    quality = {}
    for given in accept.split(","):
        name, *parameters = (part.strip() for part in given.split(";"))
        quality[name] = next((_quality(text[2:]) for text in parameters if text.startswith("q=")), 1.0)
    json = next((quality[name] for name in ("application/json", "application/*", "*/*") if name in quality), 0.0)
    return quality.get(kind, 0.0) > 0 and quality[kind] >= json


def _quality(text: str) -> float:
    return float(text) if re.fullmatch(r"[01](\.\d{0,3})?", text) else 1.0


def csv_answer(request: Request, rows: Iterable[BaseModel], columns: Sequence[str], *, cache: str) -> Response:
    """A table with its entity tag."""
    return tagged(request, "".join(lines_of(rows, columns)).encode(), CSV, {"Cache-Control": cache, **VARY})


def tagged(request: Request, content: bytes, kind: str, headers: Mapping[str, str]) -> Response:
    """Bytes of any kind with their entity tag."""
    own = {**headers, "ETag": etag(content)}
    if matches(request, own["ETag"]):
        return Response(status_code=304, headers=own)
    return Response(content, headers=own, media_type=kind)


def csv_stream(rows: Iterable[BaseModel], columns: Sequence[str]) -> Response:
    """A table that may be too long to hold, sent as it is read."""
    return StreamingResponse(lines_of(rows, columns), headers={"Cache-Control": "private, no-cache", **VARY}, media_type=CSV)


# ------------------------------------------------------------------ pages


def page_limit(limit: int | None, default: int = 50) -> int:
    """Too large is cut to the maximum; FastAPI has already refused what is below one."""
    return min(limit or default, MAX_LIMIT)


def make_cursor(position: tuple[float, str], filters: Mapping[str, Any]) -> str:
    """An opaque place in a list, signed and bound to the filters it was made for."""
    payload = orjson.dumps([list(position), _digest(filters)])
    return base64.urlsafe_b64encode(_sign(payload) + payload).decode().rstrip("=")


def read_cursor(cursor: str | None, filters: Mapping[str, Any]) -> tuple[float, str] | None:
    """The place a cursor stands for. Raises Unprocessable when it is not ours or the filters have changed under it.

    What is signed is not believed either: with the embedded database whoever knows where it lies could sign.
    """
    if cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        read = orjson.loads(raw[16:])
    except ValueError:  # of characters, base64 and JSON
        raise _bad_cursor("is not a cursor of this service") from None
    match read:
        case [[float(at), str(name)], digest] if hmac.compare_digest(raw[:16], _sign(raw[16:])):
            if digest != _digest(filters):
                raise _bad_cursor("was made for other filters; start again without it")
            return at, name
    raise _bad_cursor("is not a cursor of this service")


def _bad_cursor(why: str) -> Unprocessable:
    detail = f"cursor {why}"
    return Unprocessable(detail, [FieldProblem(pointer="?cursor", code="bad_cursor", detail=detail)])


def _sign(payload: bytes) -> bytes:
    return hmac.digest(hashlib.sha256(b"cursor" + settings().url.encode()).digest(), payload, "sha256")[:16]


def _digest(filters: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(dict(sorted(filters.items())))).hexdigest()[:16]
