"""Task in, recommendation out. An answer is a pure function of task and knowledge, so its id is their digest."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from app.answers import answered, ask, keep, page, stored, why_not, winner_map
from app.api.deps import AdvisorDep, CallerDep, CursorQuery, LimitQuery
from app.api.wire import VARY, Page, answer, make_cursor, page_limit, read_cursor, wants
from app.datasets import described
from app.recommend.winners import COLUMNS, MOST, ROWS
from app.validations.store import rfc3339
from app.vocabulary import MapField, Recommendation, Task, WhyNot, WinnerMap

router = APIRouter(prefix="/v1/recommendations", tags=["recommendations"])

_ONE = ThreadPoolExecutor(1, "advice")
"""Ranking holds the interpreter, so a second thread would only make both late. One serves in the order of asking."""

EXAMPLE: dict[str, Any] = {
    "smallest": {"value": {"data": {"type": "image", "resolution": 64}, "budget": {"gpu_hours": 2}}},
    "a table": {
        "value": {"data": {"type": "tabular", "samples": 20000, "columns": 12}, "constraints": {"licence": "commercial"}}
    },
}


class RecommendationLine(BaseModel):
    """A recommendation in a list."""

    id: str
    created_at: str
    task: str
    first_choice: str | None
    abstained: bool
    knowledge_sha256: str


@router.post(
    "",
    status_code=201,
    response_model=Recommendation,
    responses={200: {"model": Recommendation, "description": "Asked before: the same answer under the same id."}},
    openapi_extra={"requestBody": {"content": {"application/json": {"examples": EXAMPLE}}}},
    operation_id="create_recommendation",
)
async def create(request: Request, task: Task, caller: CallerDep, advisor: AdvisorDep) -> Response:
    """Ranked architectures for a task, each sentence with the rule or the figure behind it."""

    def made() -> Response:
        found = ask(described(task, caller.team), advisor)
        body = found.model_dump_json()
        new = keep(found, body, caller.team)
        headers = {"Location": f"/v1/recommendations/{found.id}"}
        return answer(request, body.encode(), status=201 if new else 200, headers=headers)

    response = await asyncio.get_running_loop().run_in_executor(_ONE, made)
    if task.data.dataset_id is None:  # a data set comes and goes
        request.state.kept = (caller.team, advisor.digest)
    return response


@router.get("", response_model=Page[RecommendationLine], operation_id="list_recommendations")
def listing(request: Request, caller: CallerDep, limit: LimitQuery = None, cursor: CursorQuery = None) -> Response:
    """The recommendations given, newest first."""
    place = read_cursor(cursor, {"l": "recommendations"})
    found, more = page(page_limit(limit), place, caller.team)
    following = make_cursor(more, {"l": "recommendations"}) if more else None
    return answer(request, {"items": [line(*one) for one in found], "next_cursor": following})


@router.get("/{recommendation_id}", response_model=Recommendation, operation_id="get_recommendation")
def get(request: Request, recommendation_id: str, caller: CallerDep) -> Response:
    """One recommendation, as it was given."""
    return answer(request, stored(recommendation_id, caller.team).encode())


@router.get("/{recommendation_id}/why-not/{slug}", response_model=WhyNot, operation_id="explain_why_not")
def explain(request: Request, recommendation_id: str, slug: str, caller: CallerDep, advisor: AdvisorDep) -> Response:
    """Why an architecture is not the first choice: the rules that exclude it and what would lift each, or what it lacks and where."""
    return answer(request, why_not(answered(recommendation_id, caller.team), slug, advisor))


SIZE = Query(ge=2, le=MOST)
PICTURE: dict[int | str, dict[str, Any]] = {303: {"description": "With `Accept: image/svg+xml`: where the picture is."}}


@router.get("/{recommendation_id}/map", response_model=WinnerMap, responses=PICTURE, operation_id="map_winners")
def winners(
    request: Request,
    recommendation_id: str,
    caller: CallerDep,
    advisor: AdvisorDep,
    x: MapField = MapField.SAMPLES,
    y: MapField = MapField.GPU_HOURS,
    columns: Annotated[int, SIZE] = COLUMNS,
    rows: Annotated[int, SIZE] = ROWS,
) -> Response:
    """Who is first as two numbers of the task vary; each cell is the answer to the changed task."""
    if wants(request, "image/svg+xml"):
        picture = f"/recommendations/{recommendation_id}/map.svg?x={x}&y={y}&columns={columns}&rows={rows}"
        return RedirectResponse(picture, status_code=303, headers=VARY)
    return answer(request, winner_map(answered(recommendation_id, caller.team), x, y, advisor, columns, rows), headers=VARY)


def line(asked_at: float, whole: Recommendation) -> RecommendationLine:
    return RecommendationLine(
        id=whole.id,
        created_at=rfc3339(asked_at),
        task=whole.task.task or whole.task.data.type,
        first_choice=whole.candidates[0].architecture if whole.candidates else None,
        abstained=whole.abstained,
        knowledge_sha256=whole.knowledge.sha256,
    )
