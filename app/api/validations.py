"""A validation: asked for, watched, cancelled, its files fetched."""

from __future__ import annotations

import asyncio
import re
import time
from mimetypes import guess_type
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from app.access import Key
from app.answers import ask
from app.api.deps import AdvisorDep, CallerDep, CursorQuery, IdempotencyHeader, IfMatchHeader, LimitQuery
from app.api.wire import VARY, Page, answer, make_cursor, page_limit, read_cursor, require_match, tagged, wants
from app.validations import forget, store
from app.validations.listeners import Listeners
from app.vocabulary import Recommendation, Task, Validation, ValidationRequest

router = APIRouter(prefix="/v1/validations", tags=["validations"])
LOOK_SECONDS = 0.3
WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,6})\b")
LONGEST_WAIT = 60
EXAMPLE: dict[str, Any] = {
    "digits": {
        "value": {
            "task": {"data": {"type": "image", "resolution": 32, "channels": 1, "samples": 5000}},
            "dataset": "mnist-5k",
            "budget": {"max_seconds": 120},
        }
    }
}


class EventLine(BaseModel):
    """One line of a validation's log; ids count from 1 without gaps."""

    id: int
    type: str
    timestamp: str
    data: dict[str, Any]


class Artifact(BaseModel):
    name: str
    bytes: int
    href: str


@router.post(
    "",
    status_code=202,
    response_model=Validation,
    responses={
        200: {
            "description": "With validate_only the plan; else the validation, which ended within `Prefer: wait`.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    },
    openapi_extra={"requestBody": {"content": {"application/json": {"examples": EXAMPLE}}}},
    operation_id="create_validation",
)
async def create(
    request: Request,
    wanted: ValidationRequest,
    caller: CallerDep,
    advisor: AdvisorDep,
    key: IdempotencyHeader = None,
    prefer: Annotated[str | None, Header(description="`wait=N`: answer after N seconds, at most 60.")] = None,
    validate_only: Annotated[bool, Query(description="Answer with the plan and queue nothing.")] = False,
) -> Response:
    """Queues the runs that answer: does the first choice beat the baseline on this data?"""

    def advise(task: Task) -> Recommendation:
        return ask(task, advisor)

    if validate_only:
        return answer(request, await run_in_threadpool(store.plan_only, wanted, advise, caller.team, advisor))
    made, replayed = await run_in_threadpool(store.create, wanted, advise, key, caller.team, advisor)
    headers = {"Location": f"/v1/validations/{made.id}"}
    if (told := WAIT.search(prefer or "")) is not None:
        seconds = min(int(told[1]), LONGEST_WAIT)
        made = await ended(request, made, seconds, caller)
        headers["Preference-Applied"] = f"wait={seconds}"
    if not made.done:
        headers["Retry-After"] = "2"
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    return answer(request, made, status=200 if made.done else 202, headers=headers)


async def ended(request: Request, made: Validation, seconds: int, caller: Key) -> Validation:
    """The validation once it has ended, or as it is after so many seconds."""
    until = time.monotonic() + seconds
    while not made.done and time.monotonic() < until and not await request.is_disconnected():
        await asyncio.sleep(min(LOOK_SECONDS, seconds))
        made = await run_in_threadpool(store.get, made.id, caller.team)
    return made


@router.get("", response_model=Page[Validation], operation_id="list_validations")
def listing(request: Request, caller: CallerDep, limit: LimitQuery = None, cursor: CursorQuery = None) -> Response:
    """The validations, newest first."""
    position = read_cursor(cursor, {"l": "validations"})
    items, following = store.page(page_limit(limit), position, caller.team)
    after = make_cursor(following, {"l": "validations"}) if following else None
    return answer(request, {"items": items, "next_cursor": after})


@router.get("/{validation_id}", response_model=Validation, operation_id="get_validation")
def get(request: Request, validation_id: str, caller: CallerDep) -> Response:
    """State, progress and report; always 200 while it exists."""
    found = store.get(validation_id, caller.team)
    return answer(request, found, headers={} if found.done else {"Retry-After": "2"})


@router.delete("/{validation_id}", status_code=204, operation_id="delete_validation")
def delete(validation_id: str, caller: CallerDep, if_match: IfMatchHeader = None) -> Response:
    """Deletes one that has ended, with its log, measurements and files; 409 before."""
    require_match(if_match, lambda: store.get(validation_id, caller.team))
    forget.delete(validation_id, caller.team)
    return Response(status_code=204)


@router.post(
    "/{validation_id}/cancel",
    status_code=202,
    response_model=Validation,
    responses={200: {"model": Validation, "description": "It was canceled before."}},
    operation_id="cancel_validation",
)
def cancel(request: Request, validation_id: str, caller: CallerDep) -> Response:
    """Stops it: at once when queued, within seconds when running; 200 if canceled before, 409 if it has ended otherwise."""
    found, before = store.cancel(validation_id, caller.team)
    return answer(request, found, status=200 if before else 202)


@router.get(
    "/{validation_id}/events",
    response_model=Page[EventLine],
    responses={200: {"content": {"text/event-stream": {}}}, 204: {"description": "It has ended and you have seen all of it."}},
    operation_id="list_validation_events",
)
async def events(
    request: Request,
    validation_id: str,
    caller: CallerDep,
    after: Annotated[int, Query(ge=0, lt=10**15, description="Only events after this id.")] = 0,
    limit: LimitQuery = None,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
) -> Response:
    """The log: a page of JSON, or a stream of server-sent events that ends with `done`."""
    over = await run_in_threadpool(store.ended, validation_id, caller.team)
    if not wants(request, "text/event-stream"):
        size = page_limit(limit)
        found = await run_in_threadpool(store.events, validation_id, after, size + 1)
        following = str(found[size - 1]["id"]) if len(found) > size else None
        return answer(request, {"items": found[:size], "next_cursor": following}, headers=VARY)
    if last_event_id and last_event_id.isdigit() and len(last_event_id) < 16:
        after = int(last_event_id)
        if over and not await run_in_threadpool(store.events, validation_id, after, 1):
            return Response(status_code=204)
    listeners: Listeners = request.app.state.listeners
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no", **VARY}
    return EventSourceResponse(listeners.hear(validation_id, caller.id, after), headers=headers)


@router.get("/{validation_id}/artifacts", response_model=Page[Artifact], operation_id="list_artifacts")
def artifacts(request: Request, validation_id: str, caller: CallerDep) -> Response:
    """The files it has left so far."""
    items = [
        {"name": name, "bytes": size, "href": f"/v1/validations/{validation_id}/artifacts/{name}"}
        for name, size in store.artifacts(validation_id, caller.team)
    ]
    return answer(request, {"items": items, "next_cursor": None})


@router.get("/{validation_id}/artifacts/{name:path}", operation_id="get_artifact", response_class=FileResponse)
def artifact(request: Request, validation_id: str, name: str, caller: CallerDep) -> Response:
    """One file. It is sent with a sandboxing policy, since an SVG is a document."""
    headers = {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    found = store.artifact(validation_id, name, caller.team)
    if isinstance(found, Path):
        return FileResponse(found, headers=headers)
    return tagged(request, found, guess_type(name)[0] or "text/plain", {**headers, "Cache-Control": "no-cache"})
