"""Published figures as arrays: on one scale per metric, compared only with figures measured alike.

A cell is one yardstick (data set, resolution, metric, protocol) at one number of training samples in one publication. Within
a cell a figure becomes y = (x - mean of the cell) / spread of the cell, where x is the figure on the scale of its metric,
higher = better. The spread is shrunk to the usual spread of the metric, because most cells hold few figures.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.recommend.linear import Array, Index
from app.vocabulary import Architecture, Benchmark, Direction, Knowledge, Metric

SHRINK = 2.0
"""How many figures the usual spread of a metric counts for in the spread of a cell."""
NOTHING: Mapping[str, Direction] = {}
_SHARE = 1e-3
_END = 600.0
_REPOSITORY = re.compile(r"github:[^:#@]+")


@dataclass(frozen=True)
class Scale:
    """The transform of one metric: `identity`, `log` with a floor, or `logit` of a share of `high`; sign +1 where more is better."""

    kind: str
    sign: float
    high: float = 1.0
    floor: float = 1e-9

    def forward(self, value: Array) -> Array:
        if self.kind == "identity":
            return self.sign * value
        if self.kind == "log":
            return self.sign * np.log(np.maximum(value, self.floor))
        share = np.clip(value / self.high, _SHARE, 1 - _SHARE)
        return self.sign * np.log(share / (1 - share))

    def back(self, scaled: float) -> float:
        """The figure at a point of the scale; what is beyond any float is its end."""
        raw = min(max(scaled * self.sign, -_END), _END)
        if self.kind == "identity":
            return scaled * self.sign
        return math.exp(raw) if self.kind == "log" else self.high / (1 + math.exp(-raw))


def scale_of(metric: Metric | None, direction: Direction, values: Array) -> Scale:
    """The scale of a metric: shares of 1 or 100 by logit, amounts by log, anything that can be negative as it is."""
    sign = 1.0 if direction is Direction.MAX else -1.0
    if (metric is not None and metric.low is not None and metric.low < 0) or values.min(initial=0.0) < 0:
        return Scale("identity", sign)
    if metric is not None and metric.high in (1.0, 100.0) and values.max(initial=0.0) <= metric.high:
        return Scale("logit", sign, metric.high)
    positive = values[values > 0]
    return Scale("log", sign, floor=float(positive.min()) / 2 if len(positive) else 1e-9)


def publication(source: str) -> str:
    """What a source belongs to: the repository of a file, else the source itself."""
    found = _REPOSITORY.match(source)
    return found[0] if found else source


def stem(metric: str) -> str:
    """The quantity a metric slug measures: `fid-clean` and `fid` are one, as are `precision` and `precision-dinov2`."""
    return metric.split("-")[0]


@dataclass(frozen=True)
class Figures:
    """Figures that have company in their cell; all arrays are over `rows`, `index` is their place in what was given."""

    rows: tuple[Benchmark, ...]
    index: Index
    x: Array
    y: Array
    spread: Array
    cell: Index
    publication: Index
    scales: dict[str, Scale]
    usual: dict[str, float]


CONTROL = "control"
"""The family of real data, shuffled rows and the like: figures of no method."""


def is_method(architecture: Architecture | None) -> bool:
    """Whether figures under this name are of a method at all."""
    return architecture is None or architecture.family != CONTROL


def quality_rows(rows: Iterable[Benchmark], knowledge: Knowledge) -> list[Benchmark]:
    """The figures that rank: of a method, by a metric of quality or one not known."""
    return [
        row
        for row in rows
        if is_method(knowledge.architectures.get(row.architecture))
        and ((metric := knowledge.metrics.get(row.metric)) is None or metric.measures == "quality")
    ]


def figures_of(
    rows: Sequence[Benchmark], metrics: Mapping[str, Metric], directions: Mapping[str, Direction] = NOTHING
) -> Figures:
    """Scales and standardises figures; those alone in their cell say nothing about a difference and are left out.

    `directions` says of metrics that `metrics` lacks which way is better; without a word less is.
    """
    values = np.array([r.value for r in rows], float)
    names, metric = labels(r.metric for r in rows)
    scales = {}
    x = np.empty(len(rows))
    for code, name in enumerate(names):
        mine = metric == code
        known = metrics.get(str(name))
        scales[str(name)] = scale_of(known, known.direction if known else directions.get(str(name), Direction.MIN), values[mine])
        x[mine] = scales[str(name)].forward(values[mine])
    _, publications = labels(publication(r.source) for r in rows)
    _, cell = labels(
        (r.task, r.dataset, r.resolution, r.metric, r.protocol, p, r.train_samples)
        for r, p in zip(rows, publications.tolist(), strict=True)
    )
    count = np.bincount(cell)[cell]
    deviation = x - (np.bincount(cell, x) / np.bincount(cell))[cell]
    square = np.bincount(metric, deviation**2) / np.maximum(np.bincount(metric, 1 - 1 / count), 1e-9)
    usual = np.maximum(square, 1e-6)
    spread = np.sqrt((np.bincount(cell, deviation**2)[cell] + SHRINK * usual[metric]) / (count - 1 + SHRINK))
    keep = np.flatnonzero(count > 1)
    _, cells = labels(cell[keep].tolist())
    return Figures(
        rows=tuple(rows[i] for i in keep.tolist()),
        index=keep,
        x=x[keep],
        y=(deviation / spread)[keep],
        spread=spread[keep],
        cell=cells,
        publication=publications[keep],
        scales=scales,
        usual={str(name): float(np.sqrt(usual[code])) for code, name in enumerate(names)},
    )


def thinned(rows: Sequence[Benchmark], limit: int) -> list[Benchmark]:
    """At most about `limit` of a team's figures, by whole cells: those that compare the most architectures first, then by name.

    A fit grows with the cube of what it is given; a million figures of one team say no more of its architectures than these.
    """
    if len(rows) <= limit:
        return list(rows)
    _, cell = labels(
        (r.task, r.dataset, r.resolution, r.metric, r.protocol, publication(r.source), r.train_samples) for r in rows
    )
    _, design = labels(r.architecture for r in rows)
    pairs = np.unique(np.stack([cell, design]), axis=1)
    width = np.bincount(pairs[0], minlength=int(cell.max()) + 1)
    order = np.lexsort((np.arange(len(width)), -width))
    size = np.bincount(cell)[order]
    chosen = order[(np.cumsum(size) <= limit) & (width[order] > 1)]
    keep = np.isin(cell, chosen)
    return [rows[i] for i in np.flatnonzero(keep).tolist()]


def labels(items: Iterable[Hashable]) -> tuple[list[Hashable], Index]:
    """Distinct items in order of appearance, and the number of each item."""
    seen: dict[Hashable, int] = {}
    codes = [seen.setdefault(item, len(seen)) for item in items]
    return list(seen), np.array(codes, np.intp)
