"""Badges in the endpoint shape of Shields: the first choice of an answer, the verdict of a validation."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response

from app.answers import answered
from app.api.deps import CallerDep
from app.api.wire import answer
from app.validations import store
from app.vocabulary import Outcome, Validation, Word

router = APIRouter(prefix="/v1", tags=["badges"])
CACHE = "public, max-age=300"
COLORS = {Outcome.CONFIRMED: "brightgreen", Outcome.OVERTURNED: "red", Outcome.INCONCLUSIVE: "yellow"}


class Badge(Word):
    """https://shields.io/badges/endpoint-badge"""

    schemaVersion: Literal[1] = 1
    label: str
    message: str
    color: str
    isError: bool = False
    cacheSeconds: int = 300


@router.get("/recommendations/{recommendation_id}/badge.json", response_model=Badge, operation_id="get_recommendation_badge")
def recommendation(request: Request, recommendation_id: str, caller: CallerDep) -> Response:
    """The first choice of an answer."""
    found = answered(recommendation_id, caller.team)
    if found.abstained or not found.candidates:
        return answer(request, Badge(label="GAN", message="no recommendation", color="lightgrey"), cache=CACHE)
    return answer(request, Badge(label="GAN", message=found.candidates[0].name, color="blue"), cache=CACHE)


@router.get("/validations/{validation_id}/badge.json", response_model=Badge, operation_id="get_validation_badge")
def validation(request: Request, validation_id: str, caller: CallerDep) -> Response:
    """The verdict of a validation, or how far it is."""
    return answer(request, _of(store.get(validation_id, caller.team)), cache=CACHE)


def _of(found: Validation) -> Badge:
    verdict = (found.report or {}).get("verdict")
    if verdict:
        outcome = Outcome(verdict["outcome"])
        return Badge(label=f"GAN {verdict['candidate']}", message=outcome, color=COLORS[outcome])
    failed = found.done and found.status != "canceled"
    return Badge(label="GAN", message=found.status, color="red" if failed else "lightgrey", isError=failed)
