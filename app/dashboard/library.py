"""The knowledge base as pages: architectures, the figures measured alike beside each other, rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.dashboard.render import Page, page, team
from app.errors import NotFound, UnknownSlug
from app.figures import OWN
from app.measured import PREFIX, figure_of
from app.recommend.sentences import MEASURED
from app.vocabulary import Benchmark, Direction, Knowledge, TaskSlug

router = APIRouter(route_class=Page, include_in_schema=False)
FIGURES = 100
"""Figures on one page of the evidence."""
OWN_FIGURES = 60
"""Figures on the page of an architecture."""


@router.get("/architectures")
def architectures(request: Request, task: str = "") -> Response:
    """Every architecture, or those of one task."""
    knowledge: Knowledge = request.app.state.knowledge
    counts: dict[str, int] = defaultdict(int)
    for figure in knowledge.benchmarks:
        counts[figure.architecture] += 1
    found = [a for a in knowledge.architectures.values() if not task or task in a.tasks]
    found.sort(key=lambda a: (a.year is None, a.year, a.slug))
    return page(request, "architectures.html", found=found, counts=counts, task=task, tasks=list(TaskSlug))


@router.get("/architectures/{slug}")
def architecture(request: Request, slug: str) -> Response:
    """The card of one architecture with its figures."""
    knowledge: Knowledge = request.app.state.knowledge
    if slug not in knowledge.architectures:
        raise NotFound(UnknownSlug("path:slug", slug, knowledge.architectures).detail)
    own = sorted((b for b in knowledge.benchmarks if b.architecture == slug), key=_yardstick)
    return page(request, "architecture.html", it=knowledge.architectures[slug], figures=own[:OWN_FIGURES], total=len(own))


@router.get("/evidence")
def evidence(
    request: Request,
    task: str = "",
    dataset: str = "",
    metric: str = "",
    architecture: str = "",
    start: Annotated[int, Query(ge=0, le=10**6)] = 0,
) -> Response:
    """The published figures, those measured alike beside each other, best first."""
    knowledge: Knowledge = request.app.state.knowledge
    asked = {"task": task, "dataset": dataset, "metric": metric, "architecture": architecture}
    found = [b for b in knowledge.benchmarks if all(not v or getattr(b, k) == v for k, v in asked.items())]
    page_of = [b for members in yardsticks(found, knowledge).values() for b in members][start : start + FIGURES]
    return page(
        request,
        "evidence.html",
        groups=yardsticks(page_of, knowledge),
        asked=asked,
        total=len(found),
        start=start,
        until=start + len(page_of),
        size=FIGURES,
        choices={
            "task": sorted({b.task for b in knowledge.benchmarks}),
            "dataset": sorted({b.dataset for b in knowledge.benchmarks}),
            "metric": sorted({b.metric for b in knowledge.benchmarks}),
            "architecture": sorted({b.architecture for b in knowledge.benchmarks}),
        },
    )


@router.get("/evidence/{benchmark_id:path}")
def figure(request: Request, benchmark_id: str) -> Response:
    """One published figure among those measured alike; one measured here is shown by its validation."""
    if benchmark_id.startswith(PREFIX):
        return RedirectResponse(
            f"/validations/{figure_of(benchmark_id, team(request)).source.removeprefix(MEASURED)}", status_code=303
        )
    knowledge: Knowledge = request.app.state.knowledge
    own = figure_of(benchmark_id, team(request)) if benchmark_id.startswith(OWN) else None
    found = own or next((b for b in knowledge.benchmarks if b.id == benchmark_id), None)
    if found is None:
        raise NotFound(f"no figure has the id {benchmark_id!r}")
    alike = [b for b in knowledge.benchmarks if _yardstick(b) == _yardstick(found)] + ([own] if own else [])
    return page(request, "figure.html", it=found, groups=yardsticks(alike, knowledge))


@router.get("/rules")
def rules(request: Request) -> Response:
    """Every rule, by topic."""
    grouped = defaultdict(list)
    for rule in request.app.state.knowledge.rules:
        grouped[rule.topic].append(rule)
    return page(request, "rules.html", grouped=dict(sorted(grouped.items())))


@router.get("/rules/{rule_id:path}")
def rule(request: Request, rule_id: str) -> Response:
    """One rule: when, then, because, source."""
    found = next((r for r in request.app.state.knowledge.rules if r.id == rule_id), None)
    if found is None:
        raise NotFound(f"no rule has the id {rule_id!r}")
    return page(request, "rule.html", it=found, then=found.then.model_dump(exclude_none=True))


Yardstick = tuple[str, str, int, str, str]


def _yardstick(b: Benchmark) -> Yardstick:
    return (str(b.task), b.dataset, b.resolution or 0, b.metric, b.protocol)


def yardsticks(figures: Iterable[Benchmark], knowledge: Knowledge) -> dict[Yardstick, list[Benchmark]]:
    """Figures by yardstick, since only these compare; the best first."""
    grouped: dict[Yardstick, list[Benchmark]] = defaultdict(list)
    for b in figures:
        grouped[_yardstick(b)].append(b)
    for (*_, metric, _protocol), members in grouped.items():
        known = knowledge.metrics.get(metric)
        members.sort(key=lambda b: (b.value, b.id), reverse=known is not None and known.direction is Direction.MAX)
    return dict(sorted(grouped.items()))
