"""Architectures side by side: what is known of each, and every yardstick on which one source measured two of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from app.dashboard.render import Page, page
from app.errors import NotFound, UnknownSlug
from app.vocabulary import Architecture, Benchmark, Direction, Knowledge

router = APIRouter(route_class=Page, include_in_schema=False)
MOST = 4
"""Architectures beside each other."""
SHOWN = 60
"""Yardsticks listed."""


@dataclass(frozen=True)
class Meeting:
    """One yardstick of one source on which at least two of the compared were measured: the best figure of each, and who wins."""

    task: str
    dataset: str
    resolution: int | None
    metric: str
    protocol: str
    source: str
    figures: tuple[Benchmark | None, ...]
    winners: frozenset[str]


@router.get("/compare")
def compare(
    request: Request,
    architecture: Annotated[list[str] | None, Query(max_length=MOST)] = None,
    task: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """Up to MOST architectures; `?architecture=fastgan&architecture=stylegan2-ada`."""
    knowledge: Knowledge = request.app.state.knowledge
    slugs = list(dict.fromkeys(slug.strip() for slug in architecture or () if slug.strip()))
    for slug in slugs:
        if slug not in knowledge.architectures:
            unknown = UnknownSlug("?architecture", slug, knowledge.architectures)
            raise NotFound(unknown.detail, unknown.errors)
    cards = [knowledge.architectures[slug] for slug in slugs]
    met = meetings(slugs, task, knowledge) if len(cards) > 1 else []
    return page(
        request,
        "compare.html",
        cards=cards,
        rows=[(name, said) for name, said in _rows(cards) if any(said)],
        most=MOST,
        task=task,
        tasks=sorted({m.task for m in meetings(slugs, "", knowledge)}) if len(cards) > 1 else [],
        met=met[:SHOWN],
        total=len(met),
        wins=Counter(slug for m in met for slug in m.winners),
    )


def meetings(slugs: Sequence[str], task: str, knowledge: Knowledge) -> list[Meeting]:
    """Where the same source measured two or more alike, by task and data set. A tie is won by all who share it."""
    alike: dict[tuple[Any, ...], dict[str, list[Benchmark]]] = defaultdict(lambda: defaultdict(list))
    for b in knowledge.benchmarks:
        if b.architecture in slugs and (not task or b.task == task):
            key = (str(b.task), b.dataset, b.resolution or 0, b.metric, b.protocol, b.train_samples or 0, b.source)
            alike[key][b.architecture].append(b)
    found = []
    for (at, dataset, resolution, metric, protocol, _, source), by in sorted(alike.items()):
        known = knowledge.metrics.get(metric)
        if len(by) < 2 or known is None:
            continue
        best = max if known.direction is Direction.MAX else min
        figures = tuple(best(by[slug], key=lambda b: b.value) if slug in by else None for slug in slugs)
        top = best(b.value for b in figures if b is not None)
        winners = frozenset(b.architecture for b in figures if b is not None and b.value == top)
        found.append(Meeting(at, dataset, resolution or None, metric, protocol, source, figures, winners))
    return found


def _rows(cards: Sequence[Architecture]) -> Iterator[tuple[str, list[str]]]:
    """What the cards say, a line for each fact."""
    yield "Year", [str(c.year or "") for c in cards]
    yield "Family", [c.family.replace("-", " ") for c in cards]
    yield "Tasks", [", ".join(t.replace("-", " ") for t in c.tasks) for c in cards]
    yield "Licence", [c.licence.replace("-", " ") for c in cards]
    yield "Parameters, generator", [f"{c.params_m.generator:g} M" if c.params_m.generator else "" for c in cards]
    yield "Parameters, discriminator", [f"{c.params_m.discriminator:g} M" if c.params_m.discriminator else "" for c in cards]
    yield "Least data", [f"{c.min_train_samples:,} samples" if c.min_train_samples else "" for c in cards]
    yield "Largest resolution", [f"{c.resolution.max} px" if c.resolution.max else "" for c in cards]
    yield "Loss", [c.loss or "" for c in cards]
    yield "Regularisation", ["; ".join(c.regularisation) for c in cards]
    yield "Normalisation", [c.normalisation or "" for c in cards]
    yield "Augmentation", ["; ".join(c.augmentation) for c in cards]
    yield "Strengths", ["; ".join(c.strengths) for c in cards]
    yield "Failure modes", ["; ".join(c.failure_modes) for c in cards]
