"""One training configuration, published or asked for, in the terms that cost depends on."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.vocabulary import Architecture, Cost, DataType, Gpu, Knowledge

_VENDOR = {"nvidia", "geforce", "tesla", "amd", "gpu"}
_WORD = re.compile(r"[a-z]+|[0-9]+")
_SLUG = re.compile(r"[^a-z0-9]+")
_UNITS = {
    DataType.IMAGE: "image",
    DataType.TABULAR: "table-row",
    DataType.AUDIO: "audio-segment",
    DataType.TIME_SERIES: "sequence",
}
USUAL = 120.0
"""GFLOPs of one image through generator and discriminator at 256 pixels, of the usual design; grows with R ** GROWTH."""
GROWTH = 0.8


@dataclass(frozen=True, slots=True)
class Case:
    """What cost depends on; None is unknown. `images` are those of one pass on one GPU, `gflops` of one image, forward."""

    architecture: str
    family: str
    line: str
    variant: str
    unit: str
    resolution: int | None = None
    images: float | None = None
    precision: str | None = None
    gpus: int = 1
    gpu: Gpu | None = None
    gpu_name: str = ""
    gflops: float | None = None
    dataset: str = ""
    tensorflow: bool = False
    mindspore: bool = False
    evidence: str = "asked"
    source: str = ""
    config: str = ""

    @property
    def cpu(self) -> bool:
        return self.gpu_name.upper().startswith("CPU")

    @property
    def octaves(self) -> float:
        """Resolution in octaves from 256 pixels; 0 for what is not an image."""
        return math.log2((self.resolution or 256) / 256) if self.unit == "image" else 0.0

    @property
    def complexity(self) -> float:
        """Log of the GFLOPs over the usual ones at this resolution; 0 unknown."""
        return math.log(self.gflops / (USUAL * 2 ** (GROWTH * self.octaves))) if self.gflops else 0.0


@dataclass(frozen=True)
class Lexicon:
    """Names as publications write them: slugs, aliases and names of architectures, names of GPUs, GFLOPs known of networks."""

    architectures: Mapping[str, Architecture]
    slugs: Mapping[str, tuple[str, str]]
    """slug-like name -> slug and the variant that the name stands for."""
    gpus: Mapping[frozenset[str], Gpu]
    gflops: Mapping[tuple[str, str], Mapping[int, float]]
    units: Mapping[str, str]

    def gpu(self, name: str | None) -> Gpu | None:
        """The device of a name: exact, else the plainest that has all its words, else the one whose words it has."""
        words = _words(name or "")
        if not words or "cpu" in words:
            return None
        if words in self.gpus:
            return self.gpus[words]
        more = [known for known in self.gpus if words < known] or [known for known in self.gpus if known < words]
        return self.gpus[min(more, key=lambda known: (abs(len(known) - len(words)), sorted(known)))] if more else None

    def called(self, name: str) -> tuple[Gpu, ...]:
        """The devices that a person may mean: the one of that name, written some way, else the plainest that has its words if it
        is the only one so plain, as the RTX 3090 among those of `3090`; else all that have them."""
        words = _words(name)
        if words in self.gpus:
            return (self.gpus[words],)
        more = {gpu.name: (len(known), gpu) for known, gpu in self.gpus.items() if words and words < known}
        least = min((size for size, _ in more.values()), default=0)
        plainest = tuple(gpu for size, gpu in more.values() if size == least)
        says_a_model = "gb" not in words or len(words) > 2
        return plainest if says_a_model and len(plainest) == 1 else tuple(gpu for _, gpu in more.values())

    def name(self, text: str) -> tuple[str, str] | None:
        """Slug and variant of an architecture by slug, alias or name; None where it is not known."""
        return self.slugs.get(slug_of(text))

    def case(self, row: Cost, variant: str = "") -> Case:
        """The case of a row whose architecture is known."""
        card = self.architectures[row.architecture]
        text = " ".join(filter(None, (row.config, row.source, row.notes))).lower()
        config = (row.config or "").lower()
        variant = variant or next((alias for alias in card.aliases if alias in config), "")
        count = max(row.gpus or 1, 1)
        images = row.batch_per_gpu or (row.batch_size_total if count == 1 else None)
        return Case(
            architecture=row.architecture,
            family=card.family,
            line=line_of(card.family),
            variant=variant,
            unit=row.unit,
            resolution=row.resolution,
            images=images,
            precision=row.precision,
            gpus=count,
            gpu=self.gpu(row.gpu_type),
            gpu_name=row.gpu_type or "",
            gflops=_sum(row) or self.compute(row.architecture, variant, row.resolution),
            dataset=(row.dataset or "") if row.unit != "image" else "",
            tensorflow="tensorflow" in text,
            mindspore="mindspore" in text,
            evidence=row.evidence or "issue-user",
            source=row.source,
            config=f"{row.config}/{row.dataset}",
        )

    def unit(self, card: Architecture) -> str:
        """What is counted in training this design."""
        return self.units.get(card.slug) or _UNITS.get(card.data_types[0], str(card.data_types[0]))

    def of(self, card: Architecture, variant: str = "", resolution: int | None = None) -> Case:
        """A design at a resolution, in a new publication; how it is trained is unknown."""
        unit = self.unit(card)
        gflops = self.compute(card.slug, variant, resolution) if unit == "image" else None
        return Case(card.slug, card.family, line_of(card.family), variant, unit, resolution, gflops=gflops)

    def compute(self, architecture: str, variant: str, resolution: int | None) -> float | None:
        """GFLOPs of one image forward through both networks, scaled from the nearest resolution known."""
        known = self.gflops.get((architecture, variant))
        if not known:
            return None
        wanted = resolution or 256
        nearest = min(known, key=lambda r: abs(math.log2(r / wanted)))
        return known[nearest] * float((wanted / nearest) ** GROWTH)


def lexicon_of(knowledge: Knowledge) -> Lexicon:
    """Everything that names can mean, from the knowledge base."""
    slugs: dict[str, tuple[str, str]] = {}
    for card in knowledge.architectures.values():
        slugs |= {slug_of(card.name): (card.slug, "")} | {alias: (card.slug, alias) for alias in card.aliases}
    slugs |= {slug: (slug, "") for slug in knowledge.architectures}
    gpus: dict[frozenset[str], Gpu] = {}
    for gpu in knowledge.gpus.values():
        if gpu.vendor != "CPU":
            gpus |= {_words(name): gpu for name in (gpu.name, *(gpu.alias or "").split("|")) if name}
    units: dict[str, str] = {row.architecture: row.unit for row in knowledge.costs}
    plain = Lexicon(knowledge.architectures, slugs, gpus, {}, units)
    gflops: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for row in knowledge.costs:
        if (total := _sum(row)) and row.resolution and row.architecture in knowledge.architectures:
            case = plain.case(row)
            gflops[case.architecture, case.variant][row.resolution] = total
    return Lexicon(knowledge.architectures, slugs, gpus, gflops, units)


def line_of(family: str) -> str:
    """Families that share their code and most of their layers."""
    return "stylegan" if family.startswith("stylegan") else family


def work_of(source: str) -> str:
    """The publication of a source: the whole repository, or the paper."""
    return re.split("[#:@]", source[7:])[0].lower() if source.startswith("github:") else source.lower()


def document_of(source: str) -> str:
    """The document of a source at whatever commit."""
    return source.partition("@")[0].lower()


def slug_of(text: str) -> str:
    return _SLUG.sub("-", text.lower()).strip("-")


def _sum(row: Cost) -> float | None:
    return row.gflops_g + row.gflops_d if row.gflops_g and row.gflops_d else None


def _words(name: str) -> frozenset[str]:
    """`RTX2080Ti` and `NVIDIA GeForce RTX 2080 Ti` are one device."""
    return frozenset(_WORD.findall(name.lower().partition("(")[0])) - _VENDOR


def usable(rows: Iterable[Cost], architectures: Mapping[str, Architecture]) -> list[Cost]:
    """Rows of known architectures that state a speed or a memory."""
    return [r for r in rows if r.architecture in architectures and (r.sec_per_kimg or r.gpu_mem_gb_peak)]
