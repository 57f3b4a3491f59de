"""What handlers ask for by type."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Query, Request
from starlette.concurrency import run_in_threadpool

from app.access import Key
from app.measured import Advisors
from app.recommend import Advisor
from app.vocabulary import Knowledge


async def knowledge(request: Request) -> Knowledge:
    return request.app.state.knowledge  # type: ignore[no-any-return]


async def advisor(request: Request) -> Advisor:
    """The advisor of the caller's team; in a thread only where the database must be asked."""
    advisors: Advisors = request.app.state.advisors
    team = request.state.key.team
    fitted = advisors.fitted(team)
    return fitted if fitted is not None else await run_in_threadpool(advisors.now, team)


async def caller(request: Request) -> Key:
    return request.state.key  # type: ignore[no-any-return]


CallerDep = Annotated[Key, Depends(caller)]
"""Who calls, as the door let them in: id, team and scopes of the key."""
KnowledgeDep = Annotated[Knowledge, Depends(knowledge)]
AdvisorDep = Annotated[Advisor, Depends(advisor)]
LimitQuery = Annotated[int | None, Query(ge=1, description="Page size; more than 1000 is cut to 1000.")]
CursorQuery = Annotated[str | None, Query(max_length=2000, description="`next_cursor` of the page before.")]
IdempotencyHeader = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=255, description="Same key, same body: the first answer again."),
]
IfMatchHeader = Annotated[str | None, Header(alias="If-Match", description="Only while its ETag is this one; else 412.")]
