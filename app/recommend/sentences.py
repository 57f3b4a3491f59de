"""Sentences about figures, each filled from one figure and its cell, so that each can carry the figure's id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from app.recommend.figures import Figures
from app.vocabulary import Benchmark, Direction, Metric, Reason, TaskSlug

MEASURED = "measured:"
"""What the source of a figure from our own runs begins with; the validation follows."""
PRIVATE = "own:"
"""What the source of a team's own figure begins with that was never published."""


def said_of(figures: Figures, metrics: Mapping[str, Metric]) -> tuple[str, ...]:
    """One sentence for every figure: its value, where it was measured, and its place among those measured alike."""
    names = {metric.slug: metric.name for metric in metrics.values()}
    order = np.lexsort((-figures.x, figures.cell))
    start = np.concatenate([[0], np.flatnonzero(np.diff(figures.cell[order])) + 1])
    place = np.empty(len(order), int)
    place[order] = np.arange(len(order)) - np.repeat(start, np.diff([*start, len(order)])) + 1
    count = np.bincount(figures.cell)[figures.cell]
    return tuple(
        said(row, names.get(row.metric, row.metric), int(p), int(c)) for row, p, c in zip(figures.rows, place, count, strict=True)
    )


def measured_here(rows: Sequence[Benchmark], metrics: Mapping[str, Metric]) -> dict[tuple[TaskSlug, str], tuple[Reason, ...]]:
    """What our own runs and a team's own figures say of each architecture on each task, the last few."""
    found: dict[tuple[TaskSlug, str], tuple[Reason, ...]] = {}
    runs: dict[tuple[object, ...], list[Benchmark]] = defaultdict(list)
    for row in rows:
        if row.source.startswith((MEASURED, PRIVATE)):
            runs[row.source, row.metric, row.protocol, row.dataset, row.resolution, row.train_samples].append(row)
    for alike in runs.values():
        for row in alike:
            metric = metrics.get(row.metric)
            better = [
                r
                for r in alike
                if metric is not None and (r.value < row.value) == (metric.direction is Direction.MIN) and r.value != row.value
            ]
            text = said(row, metric.name if metric else row.metric, len(better) + 1, len(alike))
            reason = Reason(benchmark_id=row.id, text=text, source=row.source)
            key = (row.task, row.architecture)
            found[key] = (*found.get(key, ()), reason)[-_LAST:]
    return found


_LAST = 2
"""Of these, named of one architecture."""


def said(row: Benchmark, metric: str, place: int, count: int) -> str:
    """The sentence of one figure."""
    who = f" of {row.architecture}" + (f" ({row.variant})" if row.variant else "")
    at = f", {row.resolution} px" if row.resolution else ""
    samples = f", {row.train_samples:,} samples" if row.train_samples else ""
    return f"{metric} {row.value:g}{who} on {row.dataset}{at}{samples}: place {place} of {count} measured alike ({row.protocol})."
