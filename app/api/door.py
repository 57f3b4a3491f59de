"""The door: every request but a few needs a key, is refused before its body is read, and carries the caller in `state.key`.

A key comes as `Authorization: Bearer ga_...`; a browser has a session cookie instead, and its event streams, which can carry
neither header, a token of one minute in the address.
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, quote

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access import COOKIE, NOBODY, Access, Key, is_foreign, is_own, is_safe_name, needed
from app.api.problems import problem_response
from app.errors import AdvisorError, Forbidden, NotReady, Unauthorized
from app.settings import settings

STREAM = "stream_token"
FOREIGN = "this was sent from another site"
SAFE = ("GET", "HEAD", "OPTIONS")
BEARER = 'Bearer realm="gan-advisor"'


class Door:
    """Finds the caller of a request and holds the call against its scopes."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        name = str(scope.get("request_id", ""))
        wanted = needed(scope["method"], scope["path"])
        try:
            key = NOBODY if wanted is None else await self._caller(scope, headers)
            if wanted is not None:
                key.require(wanted)
        except Unauthorized as error:
            if _is_page(scope, headers):
                where = quote(scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""))
                await RedirectResponse(f"/sign-in?next={where}", status_code=303)(scope, receive, send)
                return
            await problem_response(error, name, {"WWW-Authenticate": BEARER})(scope, receive, send)
        except AdvisorError as error:
            await problem_response(error, name)(scope, receive, send)
        except SQLAlchemyError:
            await problem_response(NotReady("the database does not answer", retry_after=5), name)(scope, receive, send)
        else:
            scope.setdefault("state", {})["key"] = key
            await self.app(scope, receive, send)

    async def _caller(self, scope: Scope, headers: dict[str, str]) -> Key:
        """Raises Unauthorized, TooMany, and Forbidden for what another site had a browser send."""
        is_open = self.access.is_open()
        if is_open is None:
            is_open = await run_in_threadpool(self.access.look_open)
        if is_open:
            return _local(scope, headers)
        credential, purpose = _credential(scope, headers)
        if not credential:
            raise Unauthorized("send a key as `Authorization: Bearer ga_...`")
        if purpose == "session" and scope["method"] not in SAFE and is_foreign(headers):
            raise Forbidden(FOREIGN)
        address = str((scope.get("client") or ("", 0))[0])
        key = self.access.held(credential, purpose) or await run_in_threadpool(self.access.look, credential, purpose, address)
        if key is None:
            raise Unauthorized("the key is not known, or has ended")
        return key


def _local(scope: Scope, headers: dict[str, str]) -> Key:
    """The caller while there is no key: anybody on this machine, but no page of another site."""
    if not is_own(str((scope.get("server") or ("localhost", 0))[0])):
        raise Unauthorized("this address is open to others; make a key with `gan-advisor keys create --team NAME`")
    if not is_safe_name(headers.get("host", "")):
        raise Forbidden("without a key this service is reached as localhost, or by its address")
    if scope["method"] not in SAFE and is_foreign(headers) and not {headers.get("origin"), "*"} & set(settings().cors_origins):
        raise Forbidden(FOREIGN)
    return NOBODY


def _credential(scope: Scope, headers: dict[str, str]) -> tuple[str, str]:
    """What the request shows, and what it must be good for: key, session or stream."""
    kind, _, given = headers.get("authorization", "").partition(" ")
    if kind:
        return (given.strip(), "key") if kind.lower() == "bearer" else ("", "key")
    if scope["method"] == "GET" and scope["path"].startswith("/v1/") and scope["path"].endswith("/events"):
        query: dict[str, Any] = parse_qs(scope["query_string"].decode("latin-1"))
        if STREAM in query:
            return query[STREAM][0], "stream"
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        found = None
    return (found.value if found else "", "session")


def _is_page(scope: Scope, headers: dict[str, str]) -> bool:
    """Whether a person looks at it in a browser."""
    return scope["method"] in SAFE and not scope["path"].startswith("/v1/") and "text/html" in headers.get("accept", "")
