"""What the figures say: expected quality of every architecture on a task, in standard deviations within a yardstick."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.recommend.linear import Array
from app.recommend.rules import Facts
from app.recommend.scale import from_scale, sign_of, to_scale
from app.vocabulary import Architecture, Benchmark, Knowledge, Quality, TaskSlug, Weighted

Z80 = 1.2816


@dataclass(frozen=True)
class TaskEvidence:
    """Posterior quality on one task; arrays over architectures, `weights` over figures."""

    metric: str
    yardstick: str
    mean: Array
    sd: Array
    distance: Array
    centre: float
    spread: float
    signed: bool
    weights: tuple[tuple[tuple[int, float], ...], ...]


@dataclass(frozen=True)
class Evidence:
    knowledge: Knowledge
    figures: tuple[Benchmark, ...]
    score: Array
    said: tuple[str, ...]
    tasks: dict[TaskSlug, TaskEvidence]

    def at(self, facts: Facts) -> TaskEvidence | None:
        """The evidence on the task of these facts; None where no figure of it is known."""
        return self.tasks.get(facts["task.task"])

    def quality(self, task: TaskEvidence, index: int) -> Quality:
        """The figure expected of one architecture on the task's yardstick."""
        metric = self.knowledge.metrics.get(task.metric)
        sign = sign_of(metric)
        mean, sd = task.mean[index], float(np.hypot(task.sd[index], 0.6))
        raw = np.array([mean - Z80 * sd, mean, mean + Z80 * sd]) * task.spread + task.centre
        low, expected, high = sorted(from_scale(raw, metric, sign, task.signed))
        weights = tuple(Weighted.model_construct(benchmark_id=self.figures[i].id, weight=w) for i, w in task.weights[index][:8])
        return Quality.model_construct(
            metric=task.metric, yardstick=task.yardstick, expected=float(expected), low=float(low), high=float(high),
            level=0.8, evidence=weights, distance=float(task.distance[index]),
        )  # fmt: skip


def fit_evidence(knowledge: Knowledge, architectures: Sequence[Architecture], measurements: Sequence[Benchmark]) -> Evidence:
    """Scores every figure within its yardstick and source, then shrinks the mean of each architecture on each task."""
    figures = tuple(
        f
        for f in (*knowledge.benchmarks, *measurements)
        if (m := knowledge.metrics.get(f.metric)) is None or m.measures == "quality"
    )
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for i, f in enumerate(figures):
        groups[f.task, f.dataset, f.resolution, f.metric, f.protocol, f.source].append(i)
    score = np.full(len(figures), np.nan)
    said = [""] * len(figures)
    for members in groups.values():
        metric = knowledge.metrics.get(figures[members[0]].metric)
        values = to_scale(np.array([figures[i].value for i in members]), metric, sign_of(metric))
        if len(members) > 1 and (spread := values.std()) > 1e-9:
            score[members] = (values - values.mean()) / spread
        order = np.argsort(-values)
        for place, i in enumerate(np.array(members)[order]):
            said[i] = _said(figures[i], place + 1, len(members), knowledge)
    by_cell: dict[tuple[TaskSlug, str], list[int]] = defaultdict(list)
    for i, f in enumerate(figures):
        if np.isfinite(score[i]):
            by_cell[f.task, f.architecture].append(i)
    tasks = {}
    for task, described in knowledge.tasks.items():
        name = next((m for m in described.metrics if any(g[0] == task and g[3] == m for g in groups)), None)
        if name is None:
            continue
        mean, sd = np.zeros(len(architectures)), np.ones(len(architectures))
        weights: list[tuple[tuple[int, float], ...]] = []
        for a, architecture in enumerate(architectures):
            rows = by_cell.get((task, architecture.slug), [])
            share = len(rows) / (len(rows) + 2.0)
            if rows:
                mean[a], sd[a] = share * score[rows].mean(), np.sqrt(1 - share)
            weights.append(tuple((i, share / len(rows)) for i in rows))
        yard = max((g for g in groups if g[0] == task and g[3] == name), key=lambda g: (len(groups[g]), str(g)))
        metric = knowledge.metrics.get(name)
        values = to_scale(np.array([figures[i].value for i in groups[yard]]), metric, sign_of(metric))
        at = f"{yard[1]}{f' at {yard[2]} px' if yard[2] else ''}, {yard[4]}"
        tasks[task] = TaskEvidence(
            name, at, mean, sd, sd**2, float(values.mean()), float(values.std()) or 0.1,
            any(figures[i].value < 0 for i in groups[yard]), tuple(weights),
        )  # fmt: skip
    return Evidence(knowledge, figures, score, tuple(said), tasks)


def _said(figure: Benchmark, place: int, count: int, knowledge: Knowledge) -> str:
    metric = knowledge.metrics.get(figure.metric)
    name = metric.name if metric else figure.metric
    at = f", {figure.resolution} px" if figure.resolution else ""
    samples = f", {figure.train_samples:,} samples" if figure.train_samples else ""
    rank = f"place {place} of {count} measured alike" if count > 1 else "no other figure measured alike"
    return f"{name} {figure.value:g} on {figure.dataset}{at}{samples}: {rank} ({figure.protocol})."
