"""How a page leaves: templates, headers, assets named by their content, errors as pages."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Coroutine
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException

from app.access import is_foreign
from app.dashboard import charts, text
from app.errors import AdvisorError, NotFound, field_problem
from app.recommend import Advisor

HERE = Path(__file__).parent
MEDIA_TYPES = {".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
MAX_FIELDS = 100


@cache
def assets() -> dict[str, tuple[str, bytes]]:
    """File name -> (address that changes with the content, content)."""
    found = {}
    for path in sorted((HERE / "static").iterdir()):
        content = path.read_bytes()
        found[path.name] = (f"/static/{hashlib.sha256(content).hexdigest()[:12]}/{path.name}", content)
    return found


@cache
def environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for function in (
        text.number,
        text.duration,
        text.hours,
        text.gigabytes,
        text.usd,
        text.when,
        text.words,
        text.value,
        text.joined,
        text.place,
    ):
        made.filters[function.__name__] = function
    made.globals |= {
        "asset": lambda name: assets()[name][0],
        "against": charts.against,
        "interval": text.interval,
        "sources": text.sources,
        "gigabytes": text.gigabytes,
        "hours": text.hours,
        "usd": text.usd,
        "seconds": text.duration,
        "task_line": text.task_line,
    }
    return made


@cache
def policy() -> dict[str, str]:
    """What a page may load: our own files, and the one style that stands in every page, since a request of its own would delay the
    first paint by more than its 5 kB do."""
    digest = hashlib.sha256(environment().get_template("style.css").render().encode()).digest()
    return {
        "Content-Security-Policy": f"default-src 'self'; img-src 'self' data:; style-src 'sha256-{b64encode(digest).decode()}'; "
        "script-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    }


def team(request: Request) -> str | None:
    """Whose things the caller sees."""
    return request.state.key.team  # type: ignore[no-any-return]


def advisor(request: Request) -> Advisor:
    """The advisor that knows the caller's own figures."""
    return request.app.state.advisors.now(team(request))  # type: ignore[no-any-return]


def page(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A template with the knowledge at hand."""
    shown = {"knowledge": request.app.state.knowledge, "path": request.url.path, "team": team(request)}
    html = environment().get_template(template).render(**shown, **context)
    return HTMLResponse(html, status_code=status, headers=HEADERS | policy())


def picture(svg: str) -> Response:
    """An SVG file that may do nothing but be looked at."""
    styled = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}
    return Response(svg, media_type="image/svg+xml", headers=HEADERS | styled)


async def typed(request: Request) -> dict[str, str]:
    """The fields of an urlencoded form, values of one name joined by commas. Raises HTTPException for one sent by another site."""
    if is_foreign(request.headers):
        raise HTTPException(403, "this form was sent from another site")
    body = (await request.body()).decode("utf-8", "replace")
    try:
        pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise HTTPException(400, "the form has too many fields") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


class Page(APIRoute):
    """A route whose errors are pages too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def safely(request: Request) -> Response:
            try:
                return await handle(request)
            except AdvisorError as error:
                return page(
                    request, "problem.html", status=error.status, title=error.title, detail=error.detail, problems=error.errors
                )
            except RequestValidationError as error:
                problems = [field_problem(e) for e in error.errors()]
                return page(
                    request, "problem.html", status=422, title="This address holds a wrong value", detail="", problems=problems
                )
            except HTTPException as error:
                title = "This was refused"
                return page(request, "problem.html", status=error.status_code, title=title, detail=error.detail, problems=[])

        return safely


def asset(digest: str, name: str) -> Response:
    """A static file; its address holds its digest, so it may be kept for ever. Raises NotFound."""
    address, content = assets().get(name, ("", b""))
    if address != f"/static/{digest}/{name}":
        raise NotFound(f"there is no asset {name!r} of this version")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(content, headers=headers, media_type=MEDIA_TYPES[Path(name).suffix])
