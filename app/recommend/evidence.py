"""What the figures say of every architecture on every task, worked out once: mean, variance, weights, yardsticks to read them on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import scipy

from app.recommend.designs import PLENTY, Design, Question, designs_of, question_of, scarcity
from app.recommend.figures import Figures, figures_of, quality_rows, thinned
from app.recommend.hierarchy import PRIOR, TREND, Layout, Posterior
from app.recommend.linear import Array, Index
from app.recommend.memo import Memo
from app.recommend.rules import Facts, Mask
from app.recommend.sentences import said_of
from app.recommend.yardstick import LEVEL, Yardstick, cautious, yardstick_of
from app.vocabulary import Architecture, Benchmark, Knowledge, Quality, Reason, TaskMetric, TaskSlug, Weighted

PRIVATE = 2000
"""So many of a team's own figures enter the fit; see figures.thinned."""
CITED = 8
"""Figures named for each prediction, those of the greatest weight."""
REASONS = 3
"""Of these, figures given as reasons."""
REACH = 1.5
"""Powers of ten of samples over which a figure still says how a design stands; there are too few figures to learn it from."""
_METRICS = 6
"""Metrics of a task that count, the n-th with weight 1/n: no metric alone decides."""


@dataclass(frozen=True)
class Place:
    """One yardstick that a prediction can be read on."""

    metric: str
    text: str
    octave: float | None
    decade: float | None
    yardstick: Yardstick


@dataclass(frozen=True)
class Cited:
    """The figures of greatest weight in one prediction, as an answer names them."""

    weights: tuple[Weighted, ...]
    reasons: tuple[Reason, ...]


_NOTHING_CITED = Cited((), ())


@dataclass(frozen=True, eq=False)
class TaskEvidence:
    """Standings on one task. Arrays over architectures; a pair or triple is a polynomial in the scarcity of samples.

    `least` and `most` are the scarcities of samples at which each has figures of its own on the task: infinite `least` where it has
    none, infinite `most` where one does not say. `far` is the variance where nothing is known.
    """

    least: Array
    most: Array
    mean: Array
    variance: Array
    far: Array
    primary: Array
    cited: Mapping[int, Cited]
    places: tuple[Place, ...]
    standings: Memo[int | None, Standing] = field(default_factory=lambda: Memo(200), repr=False)

    def cites(self, index: int) -> Cited:
        """The figures behind the prediction of one architecture."""
        return self.cited.get(index, _NOTHING_CITED)

    def at(self, facts: Facts) -> Standing:
        """Mean and variance of every architecture for the samples of a task."""
        samples = facts.get("data.samples")
        return self.standings.of(samples, lambda: self._standing(samples))

    def _standing(self, samples: int | None) -> Standing:
        few = scarcity(samples)
        powers = np.array([1.0, few, few * few])
        return Standing(self, powers, self.mean @ powers[:2], self.variance @ powers)

    def place(self, facts: Facts) -> Place | None:
        """The yardstick nearest to the task in resolution and samples, the best furnished first."""
        resolution, samples = facts.get("data.resolution"), facts.get("data.samples")
        octave = np.log2(resolution) if resolution else None
        decade = np.log10(samples) if samples else None

        def away(place: Place) -> float:
            gap = 0.0 if octave is None else 2.0 if place.octave is None else abs(place.octave - octave)
            return gap + (0.0 if decade is None else 1.0 if place.decade is None else abs(place.decade - decade))

        return min(self.places, key=away, default=None)


@dataclass(frozen=True, eq=False)
class Standing:
    """Expected standing of every architecture over the task's metrics, in spreads of a yardstick, and its variance."""

    task: TaskEvidence
    powers: Array
    mean: Array
    variance: Array

    @cached_property
    def cautious(self) -> Array:
        """What an architecture is ranked by: yardstick.cautious."""
        return cautious(self.mean, self.variance)

    @cached_property
    def shown(self) -> Mask:
        """Which have a figure of their own on the task."""
        known: Mask = self.task.most >= 0.0
        return known

    @cached_property
    def near(self) -> Mask:
        """Which have one at no more than REACH powers of ten fewer or more samples."""
        few, it = self.powers[1], self.task
        near: Mask = (it.least - REACH <= few) & (few <= it.most + REACH)
        return near

    @cached_property
    def distances(self) -> Array:
        """How far each is from the figures: 0 known for sure, 1 as uncertain as a stranger or measured elsewhere alone."""
        far = np.minimum(self.variance / (self.task.far @ self.powers), 1.0)
        return np.where(self.shown & ~self.near, 1.0, far)

    def distance(self, index: int) -> float:
        """Of one architecture."""
        return float(self.distances[index])

    def primary(self, index: int) -> float:
        """The standing of one architecture on the first metric of the task alone."""
        return float(self.task.primary[index] @ self.powers[:2])


@dataclass(frozen=True)
class Evidence:
    """The fitted model, by task."""

    figures: Figures
    tasks: Mapping[TaskSlug, TaskEvidence]

    def at(self, facts: Facts) -> Standing | None:
        """Standings on the task of these facts; None where no figure of it is known."""
        task = self.tasks.get(facts["task.task"])
        return None if task is None else task.at(facts)

    def quality(self, standing: Standing, place: Place | None, index: int) -> Quality:
        """The figure expected of one architecture at a place."""
        low = expected = high = None
        if place is not None:
            reach = place.yardstick.interval(standing.primary(index), float(standing.variance[index]))
            low, expected, high = sorted(map(self.figures.scales[place.metric].back, reach))
        return Quality(
            metric=place.metric if place else "none",
            yardstick=place.text if place else "no yardstick with three figures",
            expected=expected,
            low=low,
            high=high,
            level=LEVEL,
            evidence=standing.task.cites(index).weights,
            distance=round(standing.distance(index), 4),
        )


def fit_evidence(knowledge: Knowledge, architectures: Sequence[Architecture], measurements: Sequence[Benchmark]) -> Evidence:
    """Fits the evidence model to the shipped figures and a team's own, and reads it off for every task."""
    rows = quality_rows((*knowledge.benchmarks, *thinned(measurements, PRIVATE)), knowledge)
    figures = figures_of(rows, knowledge.metrics)
    designs = designs_of(knowledge.architectures, rows)
    layout = Layout(rows, designs, knowledge.architectures, knowledge.datasets)
    posterior = layout.fit(figures)
    fitted = layout.z[figures.index] @ posterior.mean + TREND * np.array([designs[r.architecture].year for r in figures.rows])
    said = said_of(figures, knowledge.metrics)
    by_task: dict[str, list[int]] = {}
    for i, row in enumerate(figures.rows):
        by_task.setdefault(row.task, []).append(i)
    tasks = {
        slug: _task(task, architectures, designs, posterior, figures, fitted, np.array(by_task[slug]), knowledge, said)
        for slug, task in knowledge.tasks.items()
        if slug in by_task
    }
    return Evidence(figures, tasks)


def _task(
    task: TaskMetric,
    architectures: Sequence[Architecture],
    designs: Mapping[str, Design],
    posterior: Posterior,
    figures: Figures,
    fitted: Array,
    rows: Index,
    knowledge: Knowledge,
    said: Sequence[str],
) -> TaskEvidence:
    places = _places(task, figures, fitted, rows, knowledge)
    first = places[0].metric if places else (task.metrics or ("none",))[0]
    metrics = (first, *(m for m in task.metrics if m != first))[:_METRICS]
    weight = 1.0 / np.arange(1, len(metrics) + 1)
    weight /= weight.sum()
    able = [i for i, a in enumerate(architectures) if task.slug in a.tasks]
    layout = posterior.layout

    def features(metric: str, samples: int) -> tuple[scipy.sparse.csr_matrix, Array]:
        return layout.features([(designs[architectures[i].slug], Question(task.slug, metric, samples)) for i in able])

    parts = [features(metric, PLENTY) for metric in metrics]
    plenty = sum(w * phi for w, (phi, _) in zip(weight, parts, strict=True))
    unseen = sum(w * u for w, (_, u) in zip(weight, parts, strict=True))
    scarce, scarce_unseen = features(first, PLENTY // 10)
    slope = scarce - parts[0][0]
    mean, variance = np.zeros((len(architectures), 2)), np.ones((len(architectures), 3))
    primary, far = np.zeros((len(architectures), 2)), np.ones((len(architectures), 3))
    trend = TREND * np.array([designs[architectures[i].slug].year for i in able])
    mean[able] = np.column_stack([plenty @ posterior.mean + trend, slope @ posterior.mean])
    primary[able] = np.column_stack([parts[0][0] @ posterior.mean + trend, slope @ posterior.mean])
    extra = np.maximum(scarce_unseen - parts[0][1], 0.0)
    own, own_slope = plenty.multiply(~layout.trend).tocsr(), slope.multiply(~layout.trend).tocsr()
    variance[able] = _quadratic(own, own_slope, posterior.covariance) + np.column_stack([unseen, 0 * extra, extra])
    settled = sum(v for k, v in PRIOR.items() if not k.startswith(("year", "line")) and "scarcity" not in k)
    far[able] = [settled, 0.0, PRIOR["architecture scarcity"] + PRIOR["family scarcity"]]
    pull = posterior.influence.T @ (posterior.covariance @ plenty.toarray().T) if able else np.zeros((len(figures.rows), 0))
    cited = {index: _cited(pull[:, column], figures, said) for column, index in enumerate(able)}
    least, most = np.full(len(architectures), np.inf), np.full(len(architectures), -np.inf)
    place = {a.slug: i for i, a in enumerate(architectures)}
    for row in (figures.rows[i] for i in rows.tolist()):
        if (i := place.get(row.architecture)) is not None:
            samples = question_of(row, knowledge.datasets).train_samples
            low, high = (0.0, np.inf) if samples is None else (scarcity(samples),) * 2
            least[i], most[i] = min(least[i], low), max(most[i], high)
    return TaskEvidence(least, most, mean, variance, far, primary, cited, places)


def _cited(pull: Array, figures: Figures, said: Sequence[str]) -> Cited:
    """The figures that pull a prediction most, each with its weight; the first few as reasons, their effect in spreads."""
    rows = np.argsort(-np.abs(pull), kind="stable")[:CITED]
    weights = [Weighted(benchmark_id=figures.rows[i].id, weight=round(float(pull[i]), 4)) for i in rows.tolist()]
    reasons = [
        Reason(
            benchmark_id=figures.rows[i].id,
            effect=round(float(pull[i] * figures.y[i]), 4),
            text=said[i],
            source=figures.rows[i].source,
        )
        for i in rows[:REASONS].tolist()
    ]
    return Cited(tuple(weights), tuple(reasons))


def _quadratic(base: scipy.sparse.csr_matrix, slope: scipy.sparse.csr_matrix, covariance: Array) -> Array:
    """Variance of (base + t slope) @ effects as coefficients of 1, t, t^2, (q, 3)."""
    left = base @ covariance
    right = slope @ covariance
    dense, tilt = base.toarray(), slope.toarray()
    return np.column_stack([(left * dense).sum(1), 2 * (left * tilt).sum(1), (right * tilt).sum(1)])


def _places(task: TaskMetric, figures: Figures, fitted: Array, rows: Index, knowledge: Knowledge) -> tuple[Place, ...]:
    """The cells of the first of the task's metrics that has one with three architectures, best furnished first.

    What somebody reports in a thread counts as a figure, but is no yardstick that a reader could measure on.
    """
    for metric in task.metrics:
        cells: dict[int, list[int]] = {}
        for i in rows:
            if figures.rows[i].metric == metric and "#" not in figures.rows[i].source:
                cells.setdefault(int(figures.cell[i]), []).append(int(i))
        places = []
        for members in cells.values():
            count = len({figures.rows[i].architecture for i in members})
            if count >= 3:
                places.append((-count, _place(figures, members, fitted, knowledge)))
        if places:
            return tuple(place for _, place in sorted(places, key=lambda p: (p[0], p[1].text)))
    return ()


def _place(figures: Figures, members: list[int], fitted: Array, knowledge: Knowledge) -> Place:
    row = figures.rows[members[0]]
    dataset = knowledge.datasets.get(row.dataset)
    resolution = row.resolution or (dataset.resolution if dataset else None)
    samples = question_of(row, knowledge.datasets).train_samples
    words = [row.dataset]
    if row.resolution:
        words.append(f"{row.resolution} px")
    if row.train_samples:
        words.append(f"{row.train_samples:,} samples")
    return Place(
        row.metric,
        ", ".join([*words, row.protocol]),
        float(np.log2(resolution)) if resolution else None,
        float(np.log10(samples)) if samples else None,
        yardstick_of(figures.x[members], fitted[members], figures.usual[row.metric]),
    )
