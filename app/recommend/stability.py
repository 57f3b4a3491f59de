"""How steadily a design trains, read off the figures: its last snapshot against its best, and others against its authors.

Both are differences on the scale of the metric, divided by their usual size, 0 in the middle, negative when unsteady; effects of
family and design are estimated together and shrink to 0 where little is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from app.recommend.figures import publication
from app.recommend.linear import Array, Level, fit_effects
from app.vocabulary import Architecture, Benchmark, Knowledge, ReportedBy

LAST = "-final"
"""Ending of the slug of a metric taken at the end of training; without it, at the best snapshot."""
_SCALE = 0.4


def fit_stability(knowledge: Knowledge, architectures: Sequence[Architecture]) -> Array:
    """Stability of every architecture, in usual differences; 0 where nothing is known."""
    found = [*_best_and_last(knowledge.benchmarks), *_authors_and_others(knowledge.benchmarks)]
    if not found:
        return np.zeros(len(architectures))
    slugs, y = [slug for slug, _ in found], np.array([value for _, value in found])
    families = {a.slug: a.family for a in knowledge.architectures.values()}
    levels = [
        Level([families.get(s, s) for s in slugs], [a.family for a in architectures], [_SCALE]),
        Level(slugs, [a.slug for a in architectures], [_SCALE]),
    ]
    return fit_effects(np.ones((len(found), 1)), y, levels, 1.0).mean[:, 0]


def _best_and_last(rows: Sequence[Benchmark]) -> list[tuple[str, float]]:
    best: dict[tuple[object, ...], float] = {}
    for row in rows:
        best[_run(row, row.metric)] = row.value
    pairs = [
        (row, best[_run(row, row.metric.removesuffix(LAST))])
        for row in rows
        if row.metric.endswith(LAST) and _run(row, row.metric.removesuffix(LAST)) in best
    ]
    return _standardised(
        [(row.architecture, -abs(float(np.log(row.value / value)))) for row, value in pairs if value > 0 < row.value]
    )


def _run(row: Benchmark, metric: str) -> tuple[object, ...]:
    return (
        row.architecture,
        row.variant,
        row.task,
        row.dataset,
        row.resolution,
        row.train_samples,
        publication(row.source),
        metric,
    )


def _authors_and_others(rows: Sequence[Benchmark]) -> list[tuple[str, float]]:
    """What others reach less what authors claim, for one design on one data set by one metric."""
    cells: dict[tuple[object, ...], dict[ReportedBy, list[Benchmark]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        cells[row.architecture, row.task, row.dataset, row.resolution, row.train_samples, row.metric][row.reported_by].append(row)
    return _standardised(
        [
            (str(key[0]), -abs(float(np.log(_middle(by[ReportedBy.THIRD_PARTY]) / _middle(by[ReportedBy.AUTHORS])))))
            for key, by in cells.items()
            if len(by) == 2 and min(_middle(r) for r in by.values()) > 0
        ]
    )


def _middle(rows: Sequence[Benchmark]) -> float:
    return float(np.median([r.value for r in rows]))


def _standardised(found: list[tuple[str, float]]) -> list[tuple[str, float]]:
    values = np.array([value for _, value in found])
    if len(values) < 2 or not values.std():
        return []
    return [(slug, float((value - np.median(values)) / values.std())) for slug, value in found]
