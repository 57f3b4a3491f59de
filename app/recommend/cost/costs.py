"""The cost of every architecture at once, for the ranking: log-linear in resolution and GPU speed, effects of family and design.

    log GPU-hours = c + family + design + slope log2(R / 256) - log speed of the GPU, arithmetic and bandwidth over a V100's

Hours are those of whole published trainings; a design without one of its own or of its family stays unknown. Memory is by the law
of memory.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.recommend.cost.predict import Predictor, fit_predictor
from app.recommend.cost.sweep import log_per_image, parabolas
from app.recommend.cost.terms import log_speed
from app.recommend.linear import Array, Effects, Level, fit_effects
from app.recommend.recipe import FIXED_GB
from app.recommend.rules import Mask
from app.vocabulary import Architecture, CostEstimate, Gpu, Interval, Knowledge, Limits

Z80 = 1.2816
_CITED = 3
_REFERENCE = "V100"
"""The GPU of an estimate where the task names none."""
_FITTED = "log-linear fit of published GPU-hours over resolution, GPU speed, family and design"
_IMAGES = 8
"""Images per pass at which the ranking asks for memory; an image more or less counts in proportion."""
_NOTHING = "no published training time of this design or its family"
_UNKNOWN = Interval(low=None, expected=None, high=None)


@dataclass(frozen=True)
class Costs:
    """Fitted cost of every architecture; arrays over the sequence given to `fit_costs`."""

    hours: Effects
    memory: Effects
    hours_known: Mask
    memory_known: Mask
    sources: tuple[tuple[str, ...], ...]
    gpus: dict[str, Gpu]
    predictor: Predictor

    def log_hours(self, resolution: int | None, gpu: Gpu | None) -> tuple[Array, Array]:
        """Natural log of GPU-hours to train at a resolution, and its standard deviation; NaN where unknown."""
        mean, sd = self.hours.at(np.array([1.0, _octaves(resolution)]))
        return np.where(self.hours_known, mean - log_speed(gpu), np.nan), np.hypot(sd, self.hours.noise)

    def log_gb_per_image(self, resolution: int | None) -> tuple[Array, Array]:
        """Natural log of GB per image in a pass, and its standard deviation; NaN where unknown."""
        mean, sd = log_per_image(self.memory, _octaves(resolution))
        return np.where(self.memory_known, mean - math.log(_IMAGES), np.nan), sd


def fit_costs(knowledge: Knowledge, architectures: Sequence[Architecture]) -> Costs:
    """Costs of a sequence of architectures from knowledge.costs and the figures that state GPU-hours."""
    named = {name: g for g in knowledge.gpus.values() for name in (g.alias or "").split("|") if name}
    gpus = named | dict(knowledge.gpus)
    hours: list[tuple[str, int | None, Gpu | None, float, str]] = []
    for row in knowledge.costs:
        gpu = gpus.get(row.gpu_type or "")
        count = row.gpus or 1
        total = row.gpu_hours_total or (row.wall_hours_total and row.wall_hours_total * count)
        if not total and row.sec_per_kimg and row.train_kimg_total:
            total = row.sec_per_kimg * row.train_kimg_total * count / 3600
        if total:
            hours.append((row.architecture, row.resolution, gpu, total, row.source))
    for figure in knowledge.benchmarks:
        if figure.gpu_hours:
            known = gpus.get(figure.gpu_type or "")
            hours.append((figure.architecture, figure.resolution, known, figure.gpu_hours, figure.source))
    family = {a.slug: a.family for a in knowledge.architectures.values()}
    slugs, families = [a.slug for a in architectures], [a.family for a in architectures]

    names = [h[0] for h in hours]
    levels = [
        Level(["all"] * len(names), ["all"] * len(slugs), [10.0, 10.0]),
        Level([family.get(n, n) for n in names], families, [1.5, 0.3]),
        Level(names, slugs, [0.75, 0.15]),
    ]
    x_hours = np.array([[1.0, _octaves(r)] for _, r, _, _, _ in hours]).reshape(-1, 2)
    y_hours = np.array([math.log(h) + log_speed(g) for _, _, g, h, _ in hours])
    timed = set(names)
    kin = {family.get(n) for n in timed}
    predictor = fit_predictor(knowledge)
    cases = [replace(predictor.lexicon.of(a), images=float(_IMAGES)) for a in architectures]
    by_slug: dict[str, list[str]] = defaultdict(list)
    by_family: dict[str, list[str]] = defaultdict(list)
    for name, *_, source in hours:
        by_slug[name].append(source)
        by_family[family.get(name, name)].append(source)
    return Costs(
        hours=fit_effects(x_hours, y_hours, levels, 0.6),
        memory=parabolas(predictor.memory, cases),
        hours_known=np.array([a.slug in timed or a.family in kin for a in architectures], bool),
        memory_known=np.array([(case.unit, False) in predictor.units[1] for case in cases], bool),
        sources=tuple(tuple(dict.fromkeys(by_slug.get(a.slug) or by_family[a.family]))[:_CITED] for a in architectures),
        gpus=gpus,
        predictor=predictor,
    )


@dataclass(frozen=True)
class Spent:
    """Costs of all architectures for one task: log GPU-hours and log GB per image, each with its standard deviation."""

    log_hours: Array
    hours_sd: Array
    log_gb: Array
    gb_sd: Array
    gpu: Gpu | None


def spent(costs: Costs, resolution: int | None, budget: Limits) -> Spent:
    """The costs at a resolution on the GPU of a budget."""
    gpu = costs.gpus.get(budget.gpu or "")
    return Spent(*costs.log_hours(resolution, gpu), *costs.log_gb_per_image(resolution), gpu)


def estimate(costs: Costs, all_spent: Spent, index: int, budget: Limits, images: int) -> CostEstimate:
    """The cost of training one architecture with so many images in a pass, as 80 % intervals; null where unknown."""
    gpu = all_spent.gpu
    hours = _interval(float(all_spent.log_hours[index]), float(all_spent.hours_sd[index]))
    memory = _interval(float(all_spent.log_gb[index]) + math.log(images), float(all_spent.gb_sd[index]), FIXED_GB, 1e9)
    usd = _scaled(hours, gpu.usd_per_hour) if gpu and gpu.usd_per_hour else _UNKNOWN
    return CostEstimate(
        gpu=gpu.name if gpu else _REFERENCE,
        peak_memory_bytes=memory,
        train_seconds=_scaled(hours, 3600.0 / (budget.gpus or 1)),
        gpu_hours=hours,
        usd=usd,
        fits=_fits(hours, memory, usd, budget, gpu),
        basis=_FITTED if hours.expected is not None else _NOTHING,
        sources=costs.sources[index],
    )


def _fits(hours: Interval, memory: Interval, usd: Interval, budget: Limits, gpu: Gpu | None) -> bool | None:
    room = budget.memory_gb or (gpu.memory_gb if gpu else None)
    answers = [
        None if value is None else value <= limit
        for value, limit in (
            (hours.expected, budget.gpu_hours),
            (memory.expected, room and room * 1e9),
            (usd.expected, budget.usd),
        )
        if limit is not None
    ]
    return False if False in answers else None if None in answers else True


def _octaves(resolution: int | None) -> float:
    return math.log2((resolution or 256) / 256)


def _interval(mean: float, sd: float, shift: float = 0.0, unit: float = 1.0) -> Interval:
    if not math.isfinite(mean):
        return _UNKNOWN
    low, expected, high = ((math.exp(mean + z * sd) + shift) * unit for z in (-Z80, 0.0, Z80))
    return Interval(low=low, expected=expected, high=high)


def _scaled(interval: Interval, factor: float) -> Interval:
    if interval.expected is None or interval.low is None or interval.high is None:
        return _UNKNOWN
    return Interval(low=interval.low * factor, expected=interval.expected * factor, high=interval.high * factor)
