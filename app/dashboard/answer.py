"""What the page of an answer shows: the choice in one sentence, the picture, links to what stands behind each sentence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response

from app.answers import answered, why_not, winner_map
from app.dashboard import library
from app.dashboard.forms import query_of
from app.dashboard.maps import STYLE, drawn, legend_of
from app.dashboard.pictures import answer_chart, axis_of, frontier_chart, metric_name, room_gb
from app.dashboard.render import advisor, page, team
from app.errors import Unprocessable
from app.recommend import Advisor
from app.recommend.winners import COLUMNS, MOST, ROWS
from app.validations.choosing import ranked, ticked
from app.validations.known import datasets, fitting, trainable
from app.vocabulary import Candidate, Excluded, Knowledge, MapField, Reason, Recommendation


@dataclass(frozen=True)
class Drawn:
    """What a map shows."""

    x: MapField = MapField.SAMPLES
    y: MapField = MapField.GPU_HOURS
    columns: Annotated[int, Query(ge=2, le=MOST)] = COLUMNS
    rows: Annotated[int, Query(ge=2, le=MOST)] = ROWS


MapQuery = Annotated[Drawn, Depends()]
DEFAULT = Drawn()


def map_of(answer: Recommendation, asked: Drawn, advisor: Advisor) -> dict[str, Any]:
    """The map of an answer with its legend and what else could be drawn; no picture where nothing is first anywhere."""
    try:
        found = winner_map(answer, asked.x, asked.y, advisor, asked.columns, asked.rows)
    except Unprocessable:
        if asked.x is asked.y:
            raise
        return {"map": None}  # an old answer whose task the knowledge of today refuses
    fields = [field for field in MapField if field is not MapField.RESOLUTION or answer.task.data.resolution]
    return {
        "map": drawn(found, legend=False) if found.winners else None,
        "map_legend": legend_of(found),
        "map_empty": any(cell is None for row in found.cells for cell in row),
        "map_asked": asked,
        "map_fields": fields,
    }


def map_picture(answer: Recommendation, asked: Drawn, advisor: Advisor) -> str:
    """The map as a file of its own."""
    svg = drawn(winner_map(answer, asked.x, asked.y, advisor, asked.columns, asked.rows), legend=True)
    return svg.replace("<title>", STYLE + "<title>", 1)


def why_not_page(request: Request, recommendation_id: str, name: str) -> Response:
    """The page that says why one architecture is not first. Raises NotFound with the nearest names."""
    answer, knowledge = answered(recommendation_id, team(request)), request.app.state.knowledge
    found = why_not(answer, name, advisor(request))
    return page(
        request,
        "whynot.html",
        it=found,
        answer=answer,
        first=knowledge.architectures.get(found.first),
        stale=answer.knowledge != found.knowledge,
        **behind_of(knowledge),
    )


def behind_of(knowledge: Knowledge) -> dict[str, Any]:
    """What a sentence may lead to: rules by id, and the ids of figures."""
    return {"rules": {rule.id: rule for rule in knowledge.rules}, "figures": library.shelf_of(knowledge).ids}


def answer_page(
    request: Request, recommendation_id: str, typed: Mapping[str, str], wrong: Mapping[str, str], asked: Drawn = DEFAULT
) -> Response:
    """The page of a stored answer; `typed` and `wrong` fill its form of a validation. Raises NotFound."""
    answer = answered(recommendation_id, team(request))
    knowledge: Knowledge = request.app.state.knowledge
    return page(
        request,
        "answer.html",
        status=422 if wrong else 200,
        wrong=wrong,
        **map_of(answer, asked, advisor(request)),
        **start_of(answer, knowledge, typed, advisor(request)),
        **context_of(answer, knowledge),
    )


def start_of(answer: Recommendation, knowledge: Knowledge, typed: Mapping[str, str], advisor: Advisor) -> dict[str, Any]:
    """The form of a validation: what can be trained here, best first, two ticked that get somewhere in the time, and on what data."""
    task = str(answer.task.task)
    others = [s for s in trainable(task) if s in knowledge.architectures]
    newest = sorted(others, key=lambda s: (-(knowledge.architectures[s].year or 0), s))
    runnable = list(dict.fromkeys([*ranked(answer, trainable(task), advisor), *newest]))
    own = answer.task.data.dataset_id
    sets = ([own] if own else []) + sorted(fitting(task), key=lambda s: _far(s, answer))
    defaults = {"dataset": sets[0] if sets else "", "max_seconds": "120", "seed": "0"}
    return {
        "runnable": runnable,
        "ticked": typed["architectures"].split(",")
        if "architectures" in typed
        else ticked(runnable, float(defaults["max_seconds"]), advisor),
        "datasets": sets,
        "values": {name: typed.get(name, default) for name, default in defaults.items()},
    }


def _far(dataset: str, answer: Recommendation) -> tuple[int, int]:
    """How unlike the task's data a data set is: in resolution, then in samples."""
    body, data = datasets()[dataset], answer.task.data
    return (
        abs((body.get("resolution") or 0) - (data.resolution or 32)),
        abs((body.get("samples") or 0) - (data.samples or 10_000)),
    )


def why_of(first: Candidate) -> Reason | None:
    """The strongest reason that speaks of the design itself; one about a relative only where there is no other."""
    own = [r for r in first.reasons if r.rule_id or f"/{first.architecture}/" in (r.benchmark_id or "")]
    return max(own or first.reasons, key=lambda r: r.effect or 0.0, default=None)


def context_of(answer: Recommendation, knowledge: Knowledge) -> dict[str, Any]:
    """What the page shows of the answer itself."""
    by_rule: dict[str, list[Excluded]] = defaultdict(list)
    for excluded in answer.excluded:
        by_rule[excluded.rule_id].append(excluded)
    return {
        "answer": answer,
        "first": answer.candidates[0] if answer.candidates else None,
        "chart": answer_chart(answer, knowledge),
        "frontier": frontier_chart(answer, knowledge),
        "axis": axis_of(answer.candidates[0], knowledge) if answer.candidates else "",
        "metric": metric_name(answer.candidates[0], knowledge) if answer.candidates else "",
        "why": why_of(answer.candidates[0]) if answer.candidates else None,
        "excluded": sorted(by_rule.items(), key=lambda item: (-len(item[1]), item[0])),
        "room_bytes": (room_gb(answer, knowledge) or 0) * 1e9 or None,
        **behind_of(knowledge),
        "again": query_of(answer.task, answer.assumptions),
        "others": [a.slug for a in knowledge.architectures.values() if answer.task.task in a.tasks],
        "stale": (answer.knowledge.sha256, answer.knowledge.policies or "") != (knowledge.sha256, knowledge.policies),
    }
