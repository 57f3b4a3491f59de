"""What runs were predicted to take, and what they took."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from app.api.deps import CallerDep, CursorQuery, LimitQuery
from app.api.wire import VARY, Page, answer, csv_answer, make_cursor, page_limit, read_cursor, wants
from app.validations import ledger
from app.vocabulary import LedgerPair, LedgerSummary

router = APIRouter(prefix="/v1/estimates/ledger", tags=["estimates"])
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
    304: {"description": "Unchanged"},
}


class LedgerPage(Page[LedgerPair]):
    """One page of pairs, and how right the predictions were over the newest of all pages."""

    summary: list[LedgerSummary]


@router.get("", response_model=LedgerPage, responses=RESPONSES, operation_id="list_ledger")
def pairs(
    request: Request,
    caller: CallerDep,
    hardware: Annotated[str | None, Query(max_length=128, description="A name of GET /v1/gpus, or `CPU`.")] = None,
    quantity: Literal["time", "memory"] | None = None,
    architecture: Annotated[str | None, Query(max_length=64)] = None,
    limit: LimitQuery = None,
    cursor: CursorQuery = None,
) -> Response:
    """Every finished run of a validation beside what was predicted for it, newest first."""
    wanted = {"hardware": hardware, "quantity": quantity, "architecture": architecture}
    recent, _ = ledger.page(ledger.MOST, wanted, team=caller.team)
    if wants(request, "text/csv"):
        return csv_answer(request, recent, list(LedgerPair.model_fields), cache="no-cache")
    place = read_cursor(cursor, {"l": "ledger", **wanted})
    found, more = ledger.page(page_limit(limit), wanted, place, caller.team)
    following = make_cursor(more, {"l": "ledger", **wanted}) if more else None
    return answer(request, {"items": found, "next_cursor": following, "summary": ledger.summary(recent)}, headers=VARY)
