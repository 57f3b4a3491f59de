"""Task in, recommendation out. An answer is a pure function of task and knowledge, so its id is their digest."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from app import db
from app.answers import ask, keep, stored
from app.api.deps import AdvisorDep, CursorQuery, KnowledgeDep, LimitQuery
from app.api.wire import Page, answer, make_cursor, page_limit, read_cursor
from app.tables import RecommendationRow
from app.validations.store import rfc3339
from app.vocabulary import Recommendation, Task

router = APIRouter(prefix="/v1/recommendations", tags=["recommendations"])

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
def create(request: Request, task: Task, advisor: AdvisorDep, knowledge: KnowledgeDep) -> Response:
    """Ranked architectures for a task, each sentence with the rule or the figure behind it."""
    found = ask(task, knowledge, advisor)
    body = found.model_dump_json()
    made = keep(found, body)
    return answer(request, body.encode(), status=201 if made else 200, headers={"Location": f"/v1/recommendations/{found.id}"})


@router.get("", response_model=Page[RecommendationLine], operation_id="list_recommendations")
def listing(request: Request, limit: LimitQuery = None, cursor: CursorQuery = None) -> Response:
    """The recommendations given, newest first."""
    table, size = RecommendationRow, page_limit(limit)
    query = sa.select(table).order_by(table.created_at.desc(), table.id.desc()).limit(size + 1)
    if position := read_cursor(cursor, {"l": "recommendations"}):
        query = query.where(sa.tuple_(table.created_at, table.id) < sa.tuple_(*map(sa.literal, position)))
    with db.reading() as session:
        rows = list(session.scalars(query))
    following = (
        make_cursor([rows[size - 1].created_at, rows[size - 1].id], {"l": "recommendations"}) if len(rows) > size else None
    )
    return answer(request, {"items": [line(row) for row in rows[:size]], "next_cursor": following})


@router.get("/{recommendation_id}", response_model=Recommendation, operation_id="get_recommendation")
def get(request: Request, recommendation_id: str) -> Response:
    """One recommendation, as it was given."""
    return answer(request, stored(recommendation_id).body.encode())


def line(row: RecommendationRow) -> RecommendationLine:
    whole = Recommendation.model_validate_json(row.body)
    return RecommendationLine(
        id=row.id,
        created_at=rfc3339(row.created_at),
        task=whole.task.task or whole.task.data.type,
        first_choice=whole.candidates[0].architecture if whole.candidates else None,
        abstained=whole.abstained,
        knowledge_sha256=row.knowledge_sha256,
    )
