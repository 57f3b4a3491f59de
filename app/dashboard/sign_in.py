"""Signing in to the pages with a key: the browser keeps a session that scripts cannot read and other sites cannot send."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from app import keys
from app.access import COOKIE
from app.dashboard.render import Page, page, typed

router = APIRouter(route_class=Page, include_in_schema=False)
Typed = Annotated[dict[str, str], Depends(typed)]


@router.get("/sign-in")
def form(request: Request, next: str = "/") -> Response:
    """The form, which leads on to the page that was asked for."""
    return page(request, "sign_in.html", next=_own_page(next), wrong="")


@router.post("/sign-in")
def sign_in(request: Request, fields: Typed) -> Response:
    """Trades a key for a session of twelve hours."""
    target, address = _own_page(fields.get("next", "/")), request.client.host if request.client else ""
    key = request.app.state.access.look(fields.get("key", "").strip(), "key", address)
    if key is None or key.id is None:
        return page(request, "sign_in.html", status=401, next=target, wrong="This key is not known, or has ended.")
    answer = RedirectResponse(target, status_code=303)
    answer.set_cookie(
        COOKIE,
        keys.issue(key.id, "session", keys.SESSION_SECONDS),
        max_age=int(keys.SESSION_SECONDS),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/sign-out")
def sign_out(request: Request, _: Typed) -> Response:
    """Ends the session, here and in the store."""
    keys.forget(request.cookies.get(COOKIE, ""))
    answer = RedirectResponse("/sign-in", status_code=303)
    answer.delete_cookie(COOKIE)
    return answer


def _own_page(address: str) -> str:
    """The page to go on to; never another site."""
    return address if address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable() else "/"
