"""The cost of one training configuration, each figure with its interval, its parts and the rows behind it."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import NormalDist

import numpy as np

from app.recommend.cost.cases import Case, Lexicon, lexicon_of, usable, work_of
from app.recommend.cost.law import Law
from app.recommend.cost.ledger import Pair, correction
from app.recommend.cost.roofline import Traced, traced
from app.recommend.cost.terms import memory_rows, time_rows
from app.recommend.cost.whole import Whole, fit_whole
from app.recommend.linear import Array
from app.recommend.recipe import FIXED_GB
from app.vocabulary import (
    Architecture,
    Behind,
    Cost,
    Estimate,
    EstimateRequest,
    Gpu,
    Interval,
    Knowledge,
    MemoryPart,
    Profile,
)

Z90 = 1.6449
ANOTHERS = 0.6
"""Standard deviation of log(published memory / traced memory of our network), over 65 rows of the StyleGAN2 line and CycleGAN."""
START_UP = (1.0, 1.4, 4.0)
"""The first passes, while cuDNN tries its kernels, over the steady peak: no more, usually, at most as users report it."""
START_UP_ROWS = "github:NVlabs/stylegan2-ada-pytorch#80 and github:NVlabs/stylegan3#153"
_CITED = 8
_LEAST = 0.02
_IMAGES = 8
UNKNOWN = Interval(low=None, expected=None, high=None)
CPU = Gpu(name="CPU", vendor="CPU", memory_gb=16.0, memory_bandwidth_gb_s=35.0, fp32_tflops=0.15, source="measured here")
"""Two cores with AVX-512 where the product is tested: a matrix product runs at 150 GFLOP/s, a copy at 35 GB/s."""


class Unanswerable(ValueError):
    """A request that names something unknown: the field, the name, the names that are known, those that may be meant."""

    def __init__(self, field: str, name: str, known: Sequence[str], near: Sequence[str] = ()) -> None:
        super().__init__(f"{name!r} is not known")
        self.field, self.name, self.known, self.near = field, name, known, near


@dataclass(frozen=True)
class Predictor:
    """The laws with the rows they were fitted to, the traced steps, and what publications say of length and size."""

    knowledge: Knowledge
    lexicon: Lexicon
    time: Law
    memory: Law
    whole: Whole
    timed: tuple[Cost, ...]
    weighed: tuple[Cost, ...]
    profiles: Mapping[str, tuple[Profile, ...]]
    lengths: Mapping[str, tuple[float, ...]]
    sizes: Mapping[tuple[str, str], Mapping[int, tuple[float, float]]]
    units: tuple[frozenset[tuple[str, bool]], frozenset[tuple[str, bool]]]
    """Of which speed is published somewhere, and of which memory; on a GPU (False) or on a CPU (True)."""
    code: Mapping[str, str]
    """By design the source of most of its rows: a prediction is of training by that publication's code."""

    @cached_property
    def published(self) -> Counter[str]:
        """How many rows of speed there are of each design."""
        return Counter(row.architecture for row in self.timed)

    @cached_property
    def remembered(self) -> frozenset[str]:
        """The designs of which some memory is published."""
        return frozenset(row.architecture for row in self.weighed)

    @cached_property
    def sources(self) -> dict[str, str]:
        """Of every row."""
        return {row.id: row.source for row in (*self.timed, *self.weighed)}

    def agreed(self, case: Case, law: tuple[float, float], fixed: float, ours: Traced) -> tuple[float, float]:
        """Memory of a design of which none is published: log GB in all, by the law, which adds `fixed` GB, and by our own network.

        Each by its precision; where they differ by more than both allow, the interval widens to hold them (Birge's ratio). Of data
        of which no memory is published at all the law says nothing.
        """
        if (case.unit, case.cpu) not in self.units[1]:
            return ours.memory
        images = math.exp(law[0])
        means = np.array([math.log(fixed + images), ours.memory[0]])
        weights = np.array([law[1] * images / (fixed + images), math.hypot(ANOTHERS, ours.memory[1])]) ** -2.0
        mean = float(weights @ means / weights.sum())
        excess = max(float(weights @ (means - mean) ** 2), 1.0)
        return mean, math.sqrt(excess / weights.sum())


def fit_predictor(knowledge: Knowledge) -> Predictor:
    """The laws over every usable row of the knowledge base."""
    lexicon = lexicon_of(knowledge)
    rows = usable(knowledge.costs, knowledge.architectures)
    timed = [row for row in rows if row.sec_per_kimg]
    weighed = [row for row in rows if row.gpu_mem_gb_peak]
    lengths: dict[str, list[float]] = defaultdict(list)
    sizes: dict[tuple[str, str], dict[int, tuple[float, float]]] = defaultdict(dict)
    for row in knowledge.costs:
        if row.train_kimg_total:
            lengths[row.architecture].append(row.train_kimg_total)
        if row.params_g_m and row.params_d_m and row.architecture in knowledge.architectures:
            case = lexicon.case(row)
            sizes[case.architecture, case.variant][row.resolution or 256] = row.params_g_m, row.params_d_m
    profiles: dict[str, list[Profile]] = defaultdict(list)
    for profile in (p for p in knowledge.profiles if p.recipe == "published"):
        profiles[profile.architecture].append(profile)
    return Predictor(
        knowledge=knowledge,
        lexicon=lexicon,
        time=time_rows([lexicon.case(r) for r in timed], [r.sec_per_kimg or 0.0 for r in timed]).fit(),
        memory=memory_rows([lexicon.case(r) for r in weighed], [r.gpu_mem_gb_peak or 0.0 for r in weighed]).fit(),
        whole=fit_whole(knowledge, lexicon),
        timed=tuple(timed),
        weighed=tuple(weighed),
        profiles={slug: tuple(found) for slug, found in profiles.items()},
        lengths={slug: tuple(sorted(found)) for slug, found in lengths.items()},
        sizes=sizes,
        units=(_kinds(lexicon, timed), _kinds(lexicon, weighed)),
        code=_code(rows),
    )


def _kinds(lexicon: Lexicon, rows: Sequence[Cost]) -> frozenset[tuple[str, bool]]:
    return frozenset((case.unit, case.cpu) for case in map(lexicon.case, rows))


def _code(rows: Sequence[Cost]) -> dict[str, str]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        counts[row.architecture][work_of(row.source)] += 1
    most = {slug: count.most_common(1)[0][0] for slug, count in counts.items()}
    return {row.architecture: row.source for row in rows if work_of(row.source) == most[row.architecture]}


@dataclass(frozen=True)
class Setting:
    """A request with its gaps filled."""

    card: Architecture
    case: Case
    images: int
    length: int | None
    gpu: Gpu
    kimg: Interval
    ours: bool
    weighed: bool
    """Its own memory is published somewhere; else at least what its parameters hold is added to that of the images."""
    assumptions: tuple[str, ...]


def settle(asked: EstimateRequest, by: Predictor) -> Setting:
    """The request, completed; every value put in is said. Raises Unanswerable."""
    named = by.lexicon.name(asked.architecture)
    if named is None:
        raise Unanswerable("architecture", asked.architecture, sorted(by.knowledge.architectures))
    slug, variant = named
    card, said = by.knowledge.architectures[slug], []
    unit = by.lexicon.unit(card)
    resolution = asked.resolution
    if resolution is None and unit == "image":
        resolution = (card.resolution.typical or (card.resolution.max or 256,))[0]
        said.append(f"resolution {resolution}: the first its publication names")
    gpu = _gpu(asked, by, said)
    precision = asked.precision
    if precision is None:
        cores = unit == "image" and has_cores(gpu)
        precision = "mixed" if cores else "fp32"
        said.append(f"precision {precision}: {'images on tensor cores' if cores else 'no tensor cores, or small networks'}")
    images = asked.images_per_pass or (asked.batch_size and max(1, asked.batch_size // asked.gpus))
    if not images:
        batch = card.recipe.batch_size
        images = max(1, batch // asked.gpus) if isinstance(batch, int) else _IMAGES
        said.append(f"{images} per pass and GPU: {'the published batch' if isinstance(batch, int) else 'usual'}")
    elif not asked.images_per_pass and images * asked.gpus != asked.batch_size:
        said.append(f"{images} per pass and GPU, {images * asked.gpus} a step: {asked.batch_size} do not divide by {asked.gpus}")
    if unit == "image" and resolution and not (card.resolution.min or 0) <= resolution <= (card.resolution.max or resolution):
        said.append(f"resolution {resolution}: outside what its publication trains, carried there by the law")
    case = replace(
        by.lexicon.of(card, variant, resolution if unit == "image" else asked.length),
        images=float(images),
        precision=precision,
        gpus=asked.gpus,
        gpu=None if gpu is CPU else gpu,
        gpu_name=gpu.name,
        source=by.code.get(slug, ""),
    )
    ours = asked.implementation == "ours" or (asked.implementation is None and slug not in by.published)
    ours = (ours or gpu is CPU) and slug in by.profiles and asked.implementation != "published"
    kimg = _kimg(asked, by, slug, said)
    return Setting(card, case, images, asked.length, gpu, kimg, ours, slug in by.remembered, tuple(said))


def has_cores(gpu: Gpu) -> bool:
    """Whether it has tensor cores, and people train in mixed precision on it."""
    return (gpu.fp16_tflops or 0.0) > 1.9 * (gpu.fp32_tflops or math.inf)


def predict(asked: EstimateRequest, by: Predictor, ledger: Sequence[Pair] = ()) -> Estimate:
    """What training takes. Pure; raises Unanswerable where a name is not known."""
    at = settle(asked, by)
    step = _traced(at, by) if at.ours else None
    time, memory, behind = (step.time, step.memory, step.behind) if step else _laws(at, by)
    alike = at.case.unit, at.case.cpu
    fixed = 0.0 if step else max(FIXED_GB, 0.0 if at.weighed else _held(at, by) / 1e9)
    ours = None
    if not (step or at.weighed or asked.implementation) and at.card.slug in by.profiles:
        ours = _traced(at, by)
        memory, fixed = by.agreed(at.case, memory, fixed, ours), 0.0
    held = step or (None if alike in by.units[1] else ours)
    own = ledger if step else ()  # the pairs are of our networks
    faster, smaller = correction(own, "time", at.gpu.name), correction(own, "memory", at.gpu.name)
    time = time[0] + faster.log, faster.narrowed(time[1])
    memory = memory[0] + smaller.log, smaller.narrowed(memory[1])
    seconds = _exp(*time) if step or alike in by.units[0] else UNKNOWN
    peak = _exp(*memory, shift=fixed, unit=1e9) if held or alike in by.units[1] else UNKNOWN
    whole = asked.kimg is None and not at.case.cpu and bool(by.whole.sources(at.card))
    hours = _exp(*by.whole.log_hours(at.case)) if whole else _product(scaled(seconds, 1 / 3600), at.kimg)
    room = room_of(asked, at.gpu)
    chance = None
    if peak.expected is not None:
        chance = round(NormalDist(*memory).cdf(math.log(max(room - fixed, 1e-9))), 4)
    usd = scaled(hours, at.gpu.usd_per_hour)
    fits, why = _verdict(peak, chance, room, hours, usd, asked)
    return Estimate(
        architecture=at.card.slug,
        name=at.card.name,
        variant=at.case.variant or None,
        unit=at.case.unit,
        resolution=at.case.resolution if at.case.unit == "image" else None,
        length=at.length,
        images_per_pass=at.images,
        precision=at.case.precision or "fp32",
        gpu=at.gpu.name,
        gpus=asked.gpus,
        kimg=at.kimg,
        peak_memory_bytes=peak,
        memory_parts=_parts(at, by, peak, held),
        start_up_bytes=_start_up(peak) if at.gpu is not CPU else peak,
        seconds_per_kimg=scaled(seconds, 1 / asked.gpus),
        train_seconds=scaled(hours, 3600 / asked.gpus),
        gpu_hours=hours,
        usd=usd,
        energy_kwh=scaled(hours, at.gpu.tdp_w and at.gpu.tdp_w / 1000),
        fits=fits,
        fit_probability=chance,
        why=why,
        basis=step.basis if step else _basis(at, by) + (f"; its memory {'' if held else 'also '}of {ours.basis}" if ours else ""),
        formulas=step.formulas if step else FORMULAS,
        evidence=behind,
        ledger_pairs=max(faster.pairs, smaller.pairs),
        assumptions=at.assumptions,
    )


def room_of(asked: EstimateRequest, gpu: Gpu) -> float:
    """GB that training may take: those of the GPU, no more than the budget; the budget alone where no GPU is named."""
    limit = asked.budget.memory_gb
    return gpu.memory_gb if limit is None else min(limit, gpu.memory_gb) if asked.gpu else limit


FORMULAS = (
    "log(GPU-seconds per thousand) = design + resolution + batch + precision + GPU + number of GPUs, fitted to published rows",
    f"peak GB = {FIXED_GB:g} + exp(design + resolution + precision) x images per pass, fitted to published rows",
    "hours = seconds per thousand x thousands shown / 3600 where these are asked for, else those of whole published trainings",
    "money = GPU-hours x price; energy = GPU-hours x rated power",
)


def cpu_seconds(profile: Profile) -> float:
    """Seconds of one traced step on the CPU that estimates mean by `CPU`."""
    case = Case(
        profile.architecture, "", "", "", "image" if profile.resolution else "sequence", profile.resolution, precision="fp32"
    )
    (log_per_thousand, _) = traced(case, profile.batch_size, profile.length, CPU, [profile]).time
    return math.exp(log_per_thousand) * profile.batch_size / 1000


def _traced(at: Setting, by: Predictor) -> Traced:
    return traced(at.case, at.images, at.length, at.gpu, by.profiles[at.card.slug])


def _laws(at: Setting, by: Predictor) -> tuple[tuple[float, float], tuple[float, float], tuple[Behind, ...]]:
    mean, sd, weights = by.time.predict(at.case)
    gb, gb_sd, gb_weights = by.memory.predict(at.case)
    shares: dict[str, float] = defaultdict(float)
    for row, share in (*_behind(weights, by.timed), *_behind(gb_weights, by.weighed)):
        shares[row.id] += share / 2
    most = sorted(shares.items(), key=lambda item: -item[1])[:_CITED]
    behind = tuple(Behind(id=i, weight=round(share, 4), source=by.sources[i]) for i, share in most)
    return (mean, sd), (gb, gb_sd), behind


def _behind(weights: Array, rows: Sequence[Cost]) -> list[tuple[Cost, float]]:
    """The rows of greatest weight, each with its share."""
    share = np.abs(weights)
    first = np.argsort(-share)[:_CITED]
    total = float(share.sum()) or 1.0
    return [(rows[i], float(share[i]) / total) for i in first.tolist() if share[i] > _LEAST * total]


MOST_OFFERED = 5
"""Of the devices that a short name can mean."""


def _gpu(asked: EstimateRequest, by: Predictor, said: list[str]) -> Gpu:
    if asked.gpu is None:
        said.append("GPU V100: most published rows are of it")
        return by.lexicon.gpu("V100") or CPU
    if asked.gpu.upper().startswith("CPU"):
        return CPU
    if asked.gpu in by.knowledge.gpus:
        return by.knowledge.gpus[asked.gpu]
    meant = by.lexicon.called(asked.gpu)
    if len(meant) != 1:
        raise Unanswerable("gpu", asked.gpu, sorted(by.knowledge.gpus), [gpu.name for gpu in meant[:MOST_OFFERED]])
    return meant[0]


def _kimg(asked: EstimateRequest, by: Predictor, slug: str, said: list[str]) -> Interval:
    """Thousands of samples: as stated, else from least to most of what publications of the design trained."""
    if asked.kimg:
        return Interval(low=asked.kimg, expected=asked.kimg, high=asked.kimg)
    found = by.lengths.get(slug)
    if not found:
        said.append(
            "length of training unknown: no publication of this design states how many samples it showed; give kimg to choose it"
        )
        return UNKNOWN
    middle = found[len(found) // 2]
    said.append(f"{middle:g} thousand shown: the median of {len(found)} published runs, from {found[0]:g} to {found[-1]:g}")
    return Interval(low=found[0], expected=middle, high=found[-1])


def _basis(at: Setting, by: Predictor) -> str:
    """Whose rows the prediction rests on."""
    if count := by.published[at.card.slug]:
        return f"{count} published row{'s' * (count > 1)} of this design, and what others say of resolution, batch and GPU"
    kin = {r.architecture for r in by.timed if by.knowledge.architectures[r.architecture].family == at.card.family}
    if kin:
        return f"published rows of its family ({', '.join(sorted(kin)[:3])}); none of this design"
    return "published rows of other designs on such data; none of this design or its family, so the interval is wide"


def _parts(at: Setting, by: Predictor, peak: Interval, step: Traced | None) -> tuple[MemoryPart, ...]:
    """The expected peak, divided: what parameters imply is exact, activations are what is left."""
    if step is not None or peak.expected is None:
        return step.parts if step else ()
    g, d = _millions(at, by)
    total = peak.expected
    parts = []
    if g or d:
        each = (g + d) * 4e6
        parts = [
            MemoryPart(name="parameters", bytes=each, because=f"({g:g} M + {d:g} M) x 4 bytes"),
            MemoryPart(name="gradients", bytes=each, because="one per parameter"),
            MemoryPart(name="optimiser", bytes=2 * each, because="two moments of Adam per parameter"),
            MemoryPart(name="average", bytes=g * 4e6, because="a moving average of the generator"),
        ]
    held = sum(part.bytes for part in parts)
    workspace = max(FIXED_GB * 1e9 - held, 0.0)
    if workspace:
        parts.append(MemoryPart(name="workspace", bytes=workspace, because=f"the rest of {FIXED_GB:g} GB that no image adds to"))
    left = max(total - held - workspace, 0.0)
    parts.append(MemoryPart(name="activations", bytes=left, because=f"{left / at.images / 1e9:.3g} GB x {at.images} per pass"))
    return tuple(parts)


def _millions(at: Setting, by: Predictor) -> tuple[float, float]:
    """Millions of parameters of generator and discriminator, at the nearest resolution published; 0 unknown."""
    sizes = by.sizes.get((at.card.slug, at.case.variant))
    if sizes:
        return sizes[min(sizes, key=lambda r: abs(math.log2(r / (at.case.resolution or 256))))]
    return at.card.params_m.generator or 0.0, at.card.params_m.discriminator or 0.0


def _held(at: Setting, by: Predictor) -> float:
    """Bytes of weights, gradients, two moments of Adam and a moving average of the generator."""
    g, d = _millions(at, by)
    return (g + d) * 16e6 + g * 4e6


def _verdict(
    peak: Interval, chance: float | None, room: float, hours: Interval, usd: Interval, asked: EstimateRequest
) -> tuple[bool | None, str]:
    """Whether the expected figures stay inside every limit, and the sentence that says so, what is over first."""
    said: list[tuple[bool | None, str]] = []
    if peak.expected is None:
        said.append((None, f"the memory is unknown, {room:g} GB are there"))
    else:
        sure = f", enough with a probability of {chance:.0%}" if chance and 0.005 < chance < 0.995 else ""
        text = f"it takes {number(peak.expected / 1e9, 1)} GB of memory, {room:g} GB are there{sure}"
        said.append((peak.expected <= room * 1e9, text))
    for value, limit, unit in ((hours, asked.budget.gpu_hours, "GPU-hours"), (usd, asked.budget.usd, "US dollars")):
        if limit is not None:
            taken = "an unknown number" if value.expected is None else number(value.expected)
            said.append((None if value.expected is None else value.expected <= limit, f"{taken} of {number(limit)} {unit}"))
    inside = [kept for kept, _ in said]
    over, rest = ([text for kept, text in said if (kept is False) is wanted] for wanted in (True, False))
    if over:
        return False, f"Does not fit: {'; '.join(over)}.{' Apart from that: ' + '; '.join(rest) + '.' if rest else ''}"
    return None if None in inside else True, f"{'Unknown' if None in inside else 'Fits'}: {'; '.join(rest)}."


def number(value: float, digits: int = 0) -> str:
    """A figure in a sentence: so many decimals, but two significant digits where it is small."""
    return f"{value:,.{digits}f}" if value >= 10 ** (1 - digits) else f"{value:.2g}"


def _start_up(peak: Interval) -> Interval:
    low, expected, high = START_UP
    return Interval(low=peak.low and peak.low * low, expected=peak.expected and peak.expected * expected,
                    high=peak.high and peak.high * high)  # fmt: skip


def _exp(mean: float, sd: float, shift: float = 0.0, unit: float = 1.0) -> Interval:
    low, expected, high = ((math.exp(mean + z * sd) + shift) * unit for z in (-Z90, 0.0, Z90))
    return Interval(low=low, expected=expected, high=high)


def scaled(interval: Interval, factor: float | None) -> Interval:
    """An interval times a known number; unknown where either is."""
    if factor is None or interval.low is None or interval.expected is None or interval.high is None:
        return UNKNOWN
    return Interval(low=interval.low * factor, expected=interval.expected * factor, high=interval.high * factor)


def _product(a: Interval, b: Interval) -> Interval:
    """The product of two intervals whose errors, on a log scale, are independent."""
    if None in (a.low, a.expected, a.high, b.low, b.expected, b.high):
        return UNKNOWN
    expected = a.expected * b.expected  # type: ignore[operator]
    down = math.hypot(math.log(a.expected / a.low), math.log(b.expected / b.low))  # type: ignore[operator]
    up = math.hypot(math.log(a.high / a.expected), math.log(b.high / b.expected))  # type: ignore[operator]
    return Interval(low=expected * math.exp(-down), expected=expected, high=expected * math.exp(up))
