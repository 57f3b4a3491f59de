"""The pictures of an answer to embed elsewhere, as SVG and as Vega-Lite, and its recipes to download."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

import orjson
from fastapi import APIRouter, Request, Response

from app.answers import answered
from app.dashboard.charts import alone
from app.dashboard.pictures import EMBEDS
from app.dashboard.render import HEADERS, Page, picture, team
from app.errors import NotFound
from app.vocabulary import Knowledge, Recommendation

router = APIRouter(prefix="/recommendations/{recommendation_id}", route_class=Page, include_in_schema=False)


class Picture(StrEnum):
    """What can be drawn of an answer."""

    CHART = "chart"
    FRONTIER = "frontier"
    MEMORY = "memory"


@router.get("/{name}.svg")
def as_svg(request: Request, recommendation_id: str, name: Picture) -> Response:
    """A picture of an answer to embed."""
    return picture(alone(_found(EMBEDS[name].svg, request, recommendation_id)))


@router.get("/{name}.vl.json")
def as_vega(request: Request, recommendation_id: str, name: Picture) -> Response:
    """The same as a Vega-Lite document, its rows inside."""
    body = orjson.dumps(_found(EMBEDS[name].vega, request, recommendation_id), option=orjson.OPT_INDENT_2)
    return Response(body, media_type="application/json", headers=HEADERS)


@router.get("/recipe/{slug}.yaml")
def recipe(request: Request, recommendation_id: str, slug: str) -> Response:
    """The recipe of one candidate, each value with its origin as a comment. Raises NotFound."""
    answer = answered(recommendation_id, team(request))
    found = next((c for c in answer.candidates if c.architecture == slug), None)
    if found is None:
        raise NotFound(f"{slug} is no candidate of this answer; it ranks {', '.join(c.architecture for c in answer.candidates)}")
    lines = [f"# {found.name}, rank {found.rank} of recommendation {answer.id}", f"architecture: {slug}"]
    lines += [f"{name}: {orjson.dumps(v.value).decode()}  # {v.origin}: {v.source}" for name, v in found.recipe.items()]
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="{slug}.yaml"'}
    return Response("\n".join(lines) + "\n", media_type="application/yaml", headers=headers)


T = TypeVar("T")


def _found(draw: Callable[[Recommendation, Knowledge], T | None], request: Request, recommendation_id: str) -> T:
    drawn = draw(answered(recommendation_id, team(request)), request.app.state.knowledge)
    if drawn is None:
        raise NotFound("this answer has no figures to draw so")
    return drawn
