"""The knowledge base as pages: architectures, the figures measured alike beside each other, rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.dashboard.render import HEADERS, Page, page, team
from app.errors import NotFound, UnknownSlug
from app.figures import OWN
from app.measured import PREFIX, figure_of
from app.recommend.memo import Memo
from app.recommend.sentences import MEASURED
from app.sheets import lines_of
from app.vocabulary import Benchmark, Direction, Knowledge, TaskSlug

router = APIRouter(route_class=Page, include_in_schema=False)
FIGURES = 60
"""Figures on one page of the evidence."""
FILTERS = ("task", "dataset", "metric", "architecture")
DISPUTED = 1.25
"""Two sources that are farther apart than this ratio contradict each other."""
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


@dataclass(frozen=True)
class Asked:
    """What the evidence browser shows, and in which order."""

    task: str = ""
    dataset: str = ""
    metric: str = ""
    architecture: str = ""
    disputed: bool = False
    order: Literal["name", "figures", "newest"] = "name"

    def of(self, shelf: Shelf) -> list[Benchmark]:
        """The figures asked for."""
        wanted = {k: v for k in FILTERS if (v := getattr(self, k))}
        found = [b for b in shelf.figures if all(getattr(b, k) == v for k, v in wanted.items())]
        return [b for b in found if b.id in shelf.disputed] if self.disputed else found


AskedQuery = Annotated[Asked, Depends()]


@router.get("/evidence")
def evidence(request: Request, asked: AskedQuery, start: Annotated[int, Query(ge=0, le=10**6)] = 0) -> Response:
    """The published figures, those measured alike beside each other, best first."""
    shelf = shelf_of(request.app.state.knowledge)
    found = [b for members in ordered(asked.of(shelf), asked.order).values() for b in members]
    page_of = found[start : start + FIGURES]
    shown = {b.id for b in page_of} if asked.disputed else frozenset[str]()
    return page(
        request,
        "evidence.html",
        groups=ordered(page_of),
        disputes=[members for members in shelf.disputes if members[0].id in shown],
        disputed=shelf.disputed,
        asked=asdict(asked),
        query=urlencode({k: v for k, v in asdict(asked).items() if v and v != "name"}),
        total=len(found),
        start=start,
        until=start + len(page_of),
        size=FIGURES,
        choices=shelf.choices,
    )


@router.get("/evidence.csv")
def evidence_csv(request: Request, asked: AskedQuery) -> Response:
    """The same figures as a table to download."""
    lines = lines_of(asked.of(shelf_of(request.app.state.knowledge)), list(Benchmark.model_fields))
    headers = HEADERS | {"Content-Disposition": 'attachment; filename="evidence.csv"'}
    return Response("".join(lines), media_type="text/csv; charset=utf-8", headers=headers)


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
    """Figures by yardstick, since only these compare; yardsticks by name, in each the best first."""
    grouped = ordered(figures)
    for (*_, metric, _protocol), members in grouped.items():
        known = knowledge.metrics.get(metric)
        members.sort(key=lambda b: (b.value, b.id), reverse=known is not None and known.direction is Direction.MAX)
    return dict(sorted(grouped.items()))


def ordered(figures: Iterable[Benchmark], order: str = "name") -> dict[Yardstick, list[Benchmark]]:
    """Figures by yardstick as they come, or those first that have the most figures or the newest."""
    grouped: dict[Yardstick, list[Benchmark]] = defaultdict(list)
    for b in figures:
        grouped[_yardstick(b)].append(b)
    named = list(grouped.items())
    if order == "figures":
        named.sort(key=lambda item: -len(item[1]))
    elif order == "newest":
        named.sort(key=lambda item: -max(b.year or 0 for b in item[1]))
    return dict(named)


@dataclass(frozen=True)
class Shelf:
    """What every page of figures needs of a knowledge, worked out once."""

    figures: tuple[Benchmark, ...]
    """As the evidence shows them: by yardstick, the best first."""
    ids: frozenset[str]
    disputes: tuple[tuple[Benchmark, ...], ...]
    disputed: frozenset[str]
    """The ids of those in disputes."""
    choices: Mapping[str, list[str]]
    """What each filter may say."""


_SHELVES: Memo[str, Shelf] = Memo(4)


def shelf_of(knowledge: Knowledge) -> Shelf:
    """The shelf of a knowledge."""

    def made() -> Shelf:
        figures = [b for members in yardsticks(knowledge.benchmarks, knowledge).values() for b in members]
        choices = {name: sorted({getattr(b, name) for b in figures}) for name in FILTERS}
        contradictions = disputes(figures)
        disputed = frozenset(b.id for members in contradictions for b in members)
        return Shelf(tuple(figures), frozenset(b.id for b in figures), contradictions, disputed, choices)

    return _SHELVES.of(knowledge.sha256, made)


def disputes(figures: Iterable[Benchmark]) -> tuple[tuple[Benchmark, ...], ...]:
    """Figures that contradict each other, lowest first: same design, data and metric from several sources, more than DISPUTED
    apart, whatever the protocol."""
    alike: dict[tuple[Any, ...], list[Benchmark]] = defaultdict(list)
    for b in figures:
        alike[b.task, b.dataset, b.resolution, b.metric, b.architecture, b.variant, b.train_samples].append(b)
    found = []
    for members in alike.values():
        members.sort(key=lambda b: (b.value, b.id))
        low, high = members[0].value, members[-1].value
        if len({b.source for b in members}) > 1 and low > 0 and high / low > DISPUTED:
            found.append(tuple(members))
    return tuple(found)
