"""Badges in the endpoint shape of Shields: the first choice of an answer, the verdict of a validation."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response

from app.access import Key
from app.answers import answered
from app.api.deps import CallerDep
from app.api.wire import answer
from app.validations import store
from app.vocabulary import Outcome, Validation, Word

router = APIRouter(prefix="/v1", tags=["badges"])
SECONDS = 300
COLORS = {Outcome.CONFIRMED: "brightgreen", Outcome.OVERTURNED: "red", Outcome.INCONCLUSIVE: "yellow"}


class Badge(Word):
    """https://shields.io/badges/endpoint-badge"""

    schemaVersion: Literal[1] = 1
    label: str
    message: str
    color: str
    isError: bool = False
    cacheSeconds: int = SECONDS


@router.get("/recommendations/{recommendation_id}/badge.json", response_model=Badge, operation_id="get_recommendation_badge")
def recommendation(request: Request, recommendation_id: str, caller: CallerDep) -> Response:
    """The first choice of an answer."""
    found = answered(recommendation_id, caller.team)
    if found.abstained or not found.candidates:
        return _sent(request, caller, Badge(label="GAN", message="no recommendation", color="lightgrey"))
    return _sent(request, caller, Badge(label="GAN", message=found.candidates[0].name, color="blue"))


@router.get("/validations/{validation_id}/badge.json", response_model=Badge, operation_id="get_validation_badge")
def validation(request: Request, validation_id: str, caller: CallerDep) -> Response:
    """The verdict of a validation, or how far it is."""
    return _sent(request, caller, _of(store.get(validation_id, caller.team)))


def _sent(request: Request, caller: Key, badge: Badge) -> Response:
    """What a key opens is kept by its caller alone: a proxy between would show it to others."""
    return answer(request, badge, cache=f"{'public' if caller.id is None else 'private'}, max-age={SECONDS}")


def _of(found: Validation) -> Badge:
    verdict = (found.report or {}).get("verdict")
    if verdict:
        outcome = Outcome(verdict["outcome"])
        return Badge(label=f"GAN {verdict['candidate']}", message=outcome, color=COLORS[outcome])
    failed = found.done and found.status != "canceled"
    return Badge(label="GAN", message=found.status, color="red" if failed else "lightgrey", isError=failed)
