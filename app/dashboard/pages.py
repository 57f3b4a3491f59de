"""The pages, rendered on the server: ask and answer here, the knowledge base in library.py, validations in watching.py."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Thread
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.answers import answered, ask, keep
from app.answers import page as given
from app.dashboard import compare, embeds, estimates, forms, library, queue, record, sign_in, uploads, watching
from app.dashboard import fields as form_fields
from app.dashboard.answer import MapQuery, answer_page, map_picture, why_not_page
from app.dashboard.render import Page, advisor, asset, environment, page, picture, team, typed
from app.datasets import described
from app.errors import AdvisorError
from app.validations.known import datasets, trainable
from app.vocabulary import DataType, Knowledge


@asynccontextmanager
async def ready(app: FastAPI) -> AsyncIterator[None]:
    """Works out beside the start what the first visitors would wait for: templates, figures in order, what can be trained."""

    def work() -> None:
        for name in (made := environment()).list_templates():
            made.get_template(name)
        library.shelf_of(app.state.knowledge)
        datasets()
        for task in app.state.knowledge.tasks:
            trainable(task)

    Thread(target=work, daemon=True).start()
    yield


router = APIRouter(route_class=Page, include_in_schema=False, lifespan=ready)
Typed = Annotated[dict[str, str], Depends(typed)]
LISTED = 50


def install(app: FastAPI) -> None:
    """Adds the pages and their assets."""
    app.include_router(router)
    app.include_router(library.router)
    app.include_router(record.router)
    app.include_router(watching.router)
    app.include_router(estimates.router)
    app.include_router(compare.router)
    app.include_router(embeds.router)
    app.include_router(uploads.router)
    app.include_router(queue.router)
    app.include_router(sign_in.router)
    app.add_api_route("/static/{digest}/{name}", asset, include_in_schema=False)


@router.get("/")
def ask_page(request: Request) -> Response:
    """The form; a query string such as `?data.type=image` fills it."""
    return _form(request, dict(request.query_params), forms.Complaints())


@router.post("/recommendations")
def ask_submit(request: Request, fields: Typed) -> Response:
    """Asks, keeps the answer and goes to its page; a task that cannot be used comes back with what would be right."""
    try:
        found = ask(described(forms.read_task(fields), team(request)), advisor(request))
    except forms.Complaints as complaints:
        return _form(request, fields, complaints)
    except AdvisorError as error:
        if error.status >= 500:
            raise
        return _form(request, fields, forms.complaints_of(error.errors, error.detail))
    keep(found, found.model_dump_json(), team(request))
    return RedirectResponse(f"/recommendations/{found.id}", status_code=303)


def _form(request: Request, typed: form_fields.Typed, complaints: forms.Complaints) -> Response:
    knowledge: Knowledge = request.app.state.knowledge
    return page(
        request,
        "ask.html",
        status=422 if complaints.by_field else 200,
        fields=form_fields,
        values=forms.start(knowledge, typed),
        wrong=complaints.by_field,
        types=list(DataType),
        tasks=_tasks_by_type(knowledge),
    )


def _tasks_by_type(knowledge: Knowledge) -> dict[str, list[tuple[str, str]]]:
    grouped: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for slug, task in knowledge.tasks.items():
        grouped[str(task.data_types[0]) if task.data_types else "other"].append((str(slug), task.name))
    return grouped


@router.get("/recommendations")
def answers(request: Request) -> Response:
    """The answers given, newest first."""
    found, _ = given(LISTED, None, team(request))
    return page(request, "recommendations.html", listed=[one for _, one in found])


@router.get("/recommendations/{recommendation_id}")
def answer(request: Request, recommendation_id: str, drawn: MapQuery) -> Response:
    """The ranking with its intervals, and what stands behind each sentence."""
    return answer_page(request, recommendation_id, {}, {}, drawn)


@router.get("/recommendations/{recommendation_id}/map.svg")
def winners(request: Request, recommendation_id: str, drawn: MapQuery) -> Response:
    """The map of winners as a picture to embed."""
    return picture(map_picture(answered(recommendation_id, team(request)), drawn, advisor(request)))


@router.get("/recommendations/{recommendation_id}/why-not")
def why_not(request: Request, recommendation_id: str, architecture: Annotated[str, Query(max_length=64)] = "") -> Response:
    """Why an architecture is not the first choice."""
    return why_not_page(request, recommendation_id, architecture)
