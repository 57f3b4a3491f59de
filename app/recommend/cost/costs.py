"""The cost of every architecture at once, for the ranking: the laws of whole trainings and of memory as arrays over designs.

A design of which, and of whose family, nobody has published the hours stays unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np

from app.recommend.cost.cases import Case
from app.recommend.cost.predict import Predictor, fit_predictor, has_cores
from app.recommend.cost.roofline import traced
from app.recommend.cost.sweep import OCTAVES, PARABOLA, at_size, log_figure, sweep
from app.recommend.cost.terms import device, faster
from app.recommend.linear import Array, Effects
from app.recommend.memo import Memo
from app.recommend.recipe import FIXED_GB
from app.recommend.rules import Mask
from app.vocabulary import Architecture, CostEstimate, Gpu, Interval, Knowledge, Limits

Z80 = 1.2816
_CITED = 3
_REFERENCE = "V100"
"""The GPU of an estimate where the task names none."""
_FITTED = "law of whole published trainings over design, family, resolution and GPU"
_IMAGES = (8, 32)
"""Images per pass at which memory is read off, and between which it follows a power of their number."""
_POWERS = (0.3, 1.2)
_LEAST_GB = 1e-3
_NOTHING = "no published training time of this design or its family"
_UNKNOWN = Interval(low=None, expected=None, high=None)
_TEN = math.log(10.0)


def _on(gpu: Gpu) -> Callable[[Case], Case]:
    return lambda case: replace(case, resolution=256, gpu=gpu)


_POINTS = (at_size(256), at_size(512), _on(faster(arithmetic=math.e)), _on(faster(bandwidth=math.e)))
_SLOPES = np.array([[1.0, 0, 0, 0], [-1, 1, 0, 0], [-1, 0, 1, 0], [-1, 0, 0, 1]])
"""Coefficients of 1, octaves of resolution, and logs of arithmetic and bandwidth over a V100's, from the values at _POINTS."""


Memory = tuple[Effects, Array]
"""Log GB of one image in a pass, above FIXED_GB, and its power of the number of images."""


@dataclass(frozen=True, eq=False)
class Spent:
    """What training takes at one resolution on one GPU; arrays over all designs, NaN where unknown.

    `log_hours` of a whole training, log GB of one image in a pass, each with its standard deviation; so many images take as much times
    their number to `gb_power`.
    """

    log_hours: Array
    hours_sd: Array
    log_gb: Array
    gb_sd: Array
    gb_power: Array
    gpu: Gpu | None
    cheap: Memo[float, Array] = field(default_factory=lambda: Memo(20), repr=False)

    @cached_property
    def hours(self) -> Array:
        """Expected GPU-hours."""
        hours: Array = np.exp(self.log_hours)
        return hours

    @cached_property
    def least_hours(self) -> Array:
        """GPU-hours at the lower end of the interval."""
        least: Array = np.exp(self.log_hours - Z80 * self.hours_sd)
        return least

    @cached_property
    def least_gb(self) -> Array:
        """The least that training is predicted to take, GB: one image in a pass, at the lower end of the interval."""
        least: Array = np.exp(self.log_gb - Z80 * self.gb_sd) + FIXED_GB
        return least

    @cached_property
    def known(self) -> Mask:
        """The designs whose hours are known."""
        known: Mask = np.isfinite(self.log_hours)
        return known

    def cheapness(self, reference: float) -> Array:
        """Powers of ten that the GPU-hours stay below exp(reference), in [-1, 1]; 0 unknown."""
        return self.cheap.of(
            reference, lambda: np.where(self.known, np.clip((reference - self.log_hours) / _TEN, -1.0, 1.0), 0.0)
        )


@dataclass(frozen=True, eq=False)
class Costs:
    """Fitted cost of every architecture; arrays over the sequence given to `fit_costs`."""

    hours: Effects
    memory: tuple[Memory, Memory]
    """In fp32, and mixed if images."""
    hours_known: Mask
    memory_known: Mask
    sources: tuple[tuple[str, ...], ...]
    gpus: dict[str, Gpu]
    predictor: Predictor
    kept: Memo[tuple[int | None, str | None], Spent] = field(default_factory=lambda: Memo(100), repr=False)

    def at(self, resolution: int | None, gpu: str | None) -> Spent:
        """What training takes at a resolution on a GPU; where they are unknown at 256 pixels and on a V100."""
        return self.kept.of((resolution, gpu), lambda: self._at(resolution, self.gpus.get(gpu or "")))

    def _at(self, resolution: int | None, gpu: Gpu | None) -> Spent:
        octaves = math.log2((resolution or 256) / 256)
        on = gpu or self.gpus[_REFERENCE]
        hours, hours_sd = log_figure(self.hours, [1.0, octaves, *device(on)])
        effects, power = self.memory[has_cores(on)]
        gigabytes, gb_sd = log_figure(effects, [1.0, octaves, octaves * octaves])
        return Spent(
            np.where(self.hours_known, hours, np.nan),
            hours_sd,
            np.where(self.memory_known, gigabytes, np.nan),
            gb_sd,
            power,
            gpu,
        )


def fit_costs(knowledge: Knowledge, architectures: Sequence[Architecture]) -> Costs:
    """Costs of a sequence of architectures from knowledge.costs and the figures that state GPU-hours."""
    predictor = fit_predictor(knowledge)
    cases = [replace(predictor.lexicon.of(a), images=float(_IMAGES[0])) for a in architectures]
    sources = [predictor.whole.sources(a) for a in architectures]
    return Costs(
        hours=sweep(predictor.whole.law, cases, _POINTS, _SLOPES),
        memory=(_memory("fp32", predictor, cases), _memory("mixed", predictor, cases)),
        hours_known=np.array([bool(found) for found in sources], bool),
        memory_known=np.array(
            [(c.unit, False) in predictor.units[1] or c.architecture in predictor.profiles for c in cases], bool
        ),
        sources=tuple(found[:_CITED] for found in sources),
        gpus={name: g for g in knowledge.gpus.values() for name in (g.alias or "").split("|") if name} | dict(knowledge.gpus),
        predictor=predictor,
    )


def _memory(precision: str, predictor: Predictor, cases: Sequence[Case]) -> Memory:
    """The memory of every design as /v1/estimates has it, of one image in a pass, and its power of their number."""
    few, many = (_swept(images, precision, predictor, cases) for images in _IMAGES)
    octaves = math.log(_IMAGES[1] / _IMAGES[0])
    power = np.clip((many.mean[:, 0] - few.mean[:, 0]) / octaves, *_POWERS)
    few.mean[:, 0] -= power * math.log(_IMAGES[0])
    return few, power


def _swept(images: int, precision: str, predictor: Predictor, cases: Sequence[Case]) -> Effects:
    """The law over sizes, log GB of so many images; with our own network where none of the design is published."""
    cases = [replace(c, images=float(images), precision=precision if c.unit == "image" else "fp32") for c in cases]
    found = sweep(predictor.memory, cases, OCTAVES, PARABOLA)
    for i, case in enumerate(cases):
        if case.architecture in predictor.profiles and case.architecture not in predictor.remembered:
            means, sds = zip(*(_with_ours(size(case), images, predictor) for size in OCTAVES), strict=True)
            found.mean[i] = PARABOLA @ [math.log(max(math.exp(mean) - FIXED_GB, _LEAST_GB)) for mean in means]
            found.covariance[i] = 0.0
            found.covariance[i, 0, 0] = max(sds[1] ** 2 - found.noise**2, 0.0)
    return found


def _with_ours(case: Case, images: int, predictor: Predictor) -> tuple[float, float]:
    mean, sd, _ = predictor.memory.predict(case)
    ours = traced(case, images, None, faster(), predictor.profiles[case.architecture])
    return predictor.agreed(case, (mean, sd), FIXED_GB, ours)


def estimate(costs: Costs, all_spent: Spent, index: int, budget: Limits, images: int) -> CostEstimate:
    """The cost of training one architecture with so many images in a pass, as 80 % intervals; null where unknown."""
    gpu = all_spent.gpu
    taken = float(all_spent.log_hours[index]), float(all_spent.hours_sd[index])
    hours = _interval(*taken)
    memory = _interval(
        float(all_spent.log_gb[index] + all_spent.gb_power[index] * math.log(images)),
        float(all_spent.gb_sd[index]),
        FIXED_GB,
        1e9,
    )
    usd = _interval(*taken, 0.0, gpu.usd_per_hour) if gpu and gpu.usd_per_hour else _UNKNOWN
    return CostEstimate(
        gpu=gpu.name if gpu else _REFERENCE,
        peak_memory_bytes=memory,
        train_seconds=_interval(*taken, 0.0, 3600.0 / (budget.gpus or 1)),
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


@lru_cache(10_000)
def _interval(mean: float, sd: float, shift: float = 0.0, unit: float = 1.0) -> Interval:
    """The 80 % interval of a figure from its log and the standard deviation of that."""
    if not math.isfinite(mean):
        return _UNKNOWN
    low, expected, high = ((math.exp(mean + z * sd) + shift) * unit for z in (-Z80, 0.0, Z80))
    return Interval(low=low, expected=expected, high=high)
