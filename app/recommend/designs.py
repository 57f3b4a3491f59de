"""What the evidence model looks at: the designs behind the figures, and the effects that make up a figure's standing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.recommend.figures import stem
from app.vocabulary import Architecture, Benchmark, Dataset, ReportedBy

PLENTY = 30_000
"""Beyond this many training samples more of them no longer change the order (measured: knots at 10,000 and 100,000 fit worse)."""
TREND_YEARS = 3
"""Years that make one step of `Design.year`."""
LAG = 2
"""Years from a publication to the first figure that compares it; dates an architecture whose card has neither year nor arXiv id."""
_UNDATED = 2020.5


@dataclass(frozen=True)
class Design:
    """One architecture: `year` counts in steps of three from 2018, to the month; `line` is 0 on average, low for the superseded."""

    slug: str
    family: str
    year: float
    line: float

    @property
    def calendar_year(self) -> int:
        """The year alone, as somebody who goes by fashion sees it."""
        return math.floor(round(self.year * TREND_YEARS + 2018, 6))


@dataclass(frozen=True)
class Question:
    """What is asked about a design, or what a figure was measured on."""

    task: str
    metric: str
    train_samples: int | None = None


def question_of(row: Benchmark, datasets: Mapping[str, Dataset]) -> Question:
    """What a figure was measured on. One that does not state its training samples had all of its data set."""
    dataset = datasets.get(row.dataset)
    return Question(row.task, row.metric, row.train_samples or (dataset.samples if dataset else None))


def scarcity(samples: int | None) -> float:
    """How many powers of ten the samples fall short of 30,000, at most 2.5; 0 where unknown."""
    return 0.0 if samples is None else min(max(math.log10(PLENTY / samples), 0.0), 2.5)


def effects(design: Design, case: Question) -> list[tuple[str, tuple[str, ...], float]]:
    """The effects that a prediction is the sum of: (term, label, factor)."""
    task, metric, few = str(case.task), stem(case.metric), scarcity(case.train_samples)
    slug, family, year, line = design.slug, design.family, design.year, design.line
    return [
        ("architecture", (slug,), 1.0),
        ("architecture task", (slug, task), 1.0),
        ("family", (family,), 1.0),
        ("family task", (family, task), 1.0),
        ("family task metric", (family, task, metric), 1.0),
        ("year", (), year),
        ("year task", (task,), year),
        ("line", (), line),
        ("line task", (task,), line),
        ("architecture scarcity", (slug,), few),
        ("family scarcity", (family,), few),
        ("year scarcity", (), year * few),
    ]


def nuisances(design: Design, row: Benchmark) -> dict[str, tuple[str | None, ...]]:
    """Labels of the effects that one publication has to itself."""
    slug, variant = design.slug, row.variant
    return {
        "architecture": (slug,),
        "family": (design.family,),
        "architecture dataset": (slug, row.dataset),
        "architecture task metric": (slug, row.task, stem(row.metric)),
        "variant": (slug, variant),
        "variant dataset": (slug, variant, row.dataset),
    }


def is_own(row: Benchmark, card: Architecture | None) -> bool:
    """Whether authors report a figure of their own method: such figures flatter."""
    if card is None or row.reported_by is not ReportedBy.AUTHORS:
        return False
    repository = (card.repository or "").removeprefix("https://github.com/").strip("/").lower()
    return bool((card.arxiv and card.arxiv in row.source) or (repository and f"github:{repository}:" in row.source.lower()))


def designs_of(architectures: Mapping[str, Architecture], rows: Sequence[Benchmark]) -> dict[str, Design]:
    """The designs of all architectures that cards or figures name.

    A card is dated by its arXiv number, to the month, or else by the middle of its year; without either by its first figure. A name
    without a card is a family of its own.
    """
    first: dict[str, float] = {}
    for row in rows:
        year = _mid(row.year) or _date_of(row.source.removeprefix("arXiv:"))
        if year:
            first[row.architecture] = min(year, first.get(row.architecture, year))
    line = _lines(architectures)
    out = {}
    for slug in {*architectures, *first, *(r.architecture for r in rows)}:
        card = architectures.get(slug)
        stated = (_date_of(card.arxiv or "") or _mid(card.year)) if card else None
        year = stated or first.get(slug, _UNDATED + LAG) - LAG
        out[slug] = Design(slug, card.family if card else slug, (year - 2018) / TREND_YEARS, line.get(slug, 0.0))
    return out


def _date_of(arxiv: str) -> float | None:
    """The month of an arXiv number, as a part of the year."""
    return 2000 + int(arxiv[:2]) + (int(arxiv[2:4]) - 0.5) / 12 if arxiv[:4].isdigit() and arxiv[4:5] == "." else None


def _mid(year: int | None) -> float | None:
    return year + 0.5 if year else None


def _lines(architectures: Mapping[str, Architecture]) -> dict[str, float]:
    """Minus the length of the longest chain of successors, standardised."""
    length: dict[str, int] = {}

    def longest(slug: str, seen: frozenset[str]) -> int:
        onward = [s for s in architectures[slug].succeeded_by if s in architectures and s not in seen]
        return max((1 + longest(s, seen | {slug}) if s not in length else 1 + length[s] for s in onward), default=0)

    for slug in sorted(architectures):
        length[slug] = longest(slug, frozenset({slug}))
    values = np.array([length[slug] for slug in architectures], float)
    spread = values.std() or 1.0
    return {slug: float((values.mean() - length[slug]) / spread) for slug in architectures}
