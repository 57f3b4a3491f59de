"""The advisor about itself."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.api.deps import KnowledgeDep
from app.api.knowledge import CACHE
from app.api.wire import answer
from app.errors import NotFound
from app.vocabulary import Backtest

router = APIRouter(prefix="/v1/advisor", tags=["advisor"])


@router.get("/backtest", response_model=Backtest, operation_id="get_backtest")
def backtest(request: Request, knowledge: KnowledgeDep) -> Response:
    """How often this version's own advice is right, by task and against four simple rules."""
    if knowledge.backtest is None:
        raise NotFound("this knowledge base has no backtest; write one by `gan-advisor backtest --write`")
    return answer(request, knowledge.backtest, cache=CACHE)
