"""What speed, memory and whole trainings depend on: the effects of each law and their prior, and how a figure becomes a y.

Time: y = log of GPU-seconds for a thousand samples. Memory: y = log of the gigabytes that grow with the images of a pass.
Hours: y = log of the GPU-hours of a whole published training.
The standard deviations maximise the marginal likelihood of the shipped rows (`python -m benchmarks.cost --likelihood`), held near
a guess by a weak prior; `asked` is by how much one's own run differs from what its publication reports. The means are physics:
pixels go with R^2 but channels fall with R; memory goes with the images of a pass.
"""

from __future__ import annotations

import math
import re

import numpy as np

from app.recommend.cost.cases import Case
from app.recommend.cost.law import Prior, Rows, Term
from app.recommend.linear import Array
from app.recommend.recipe import FIXED_GB
from app.vocabulary import Gpu

_CHIP = re.compile(r" (SXM|PCIe|NVL|\d+ ?GB|\().*")
_BATCH = 8
_MOST = 64
"""Images per pass beyond which a GPU is full and a larger batch saves no time."""
_TF32 = 0.6
"""Of what mixed precision saves: it has the tensor cores, but moves as many bytes as fp32."""
_V100 = (14.0, 900.0)


def device(gpu: Gpu | None) -> tuple[float, float]:
    """Logs of fp32 arithmetic and of bandwidth over those of a V100."""
    if gpu is None:
        return 0.0, 0.0
    return math.log((gpu.fp32_tflops or _V100[0]) / _V100[0]), math.log((gpu.memory_bandwidth_gb_s or _V100[1]) / _V100[1])


def faster(arithmetic: float = 1.0, bandwidth: float = 1.0) -> Gpu:
    """A device so many times a V100 in fp32 arithmetic and in bandwidth."""
    return Gpu(
        name="",
        vendor="",
        memory_gb=16.0,
        fp32_tflops=_V100[0] * arithmetic,
        memory_bandwidth_gb_s=_V100[1] * bandwidth,
        source="",
    )


def chip_of(gpu: Gpu | None, name: str = "") -> str:
    """The chip of a device, whatever its memory and its board."""
    return _CHIP.sub("", gpu.name) if gpu else ("cpu" if name.upper().startswith("CPU") else name)


def mixed_of(case: Case, tf32: float) -> float:
    """1 in mixed or half precision, 0 in fp32, between where the source is silent."""
    return {None: 0.5, "fp32": 0.0, "tf32": tf32}.get(case.precision, 1.0)


def time_terms(case: Case) -> list[Term]:
    """The effects on the seconds that one GPU takes for a thousand samples."""
    r, mixed, complexity = case.octaves, mixed_of(case, tf32=_TF32), case.complexity
    batch = math.log2(min(case.images, _MOST) / _BATCH) if case.images else 0.0
    several = math.log2(case.gpus)
    length = math.log2(case.resolution / _LENGTH[case.unit]) if case.resolution and case.unit in _LENGTH else 0.0
    fp32, band = device(case.gpu)
    cores = math.log(max((case.gpu.fp16_tflops or 0) / (case.gpu.fp32_tflops or _V100[0]), 1.0)) if case.gpu else 0.0
    a, f, line, chip = case.architecture, case.family, case.line, chip_of(case.gpu, case.gpu_name)
    network = (a, case.variant)
    return [
        ("all", "", 1.0),
        ("unit", case.unit, 1.0),
        ("line", line, 1.0),
        ("family", f, 1.0),
        ("architecture", a, 1.0),
        ("variant", network, 1.0),
        ("data", (case.unit, case.dataset), 1.0 if case.dataset else 0.0),
        ("resolution", "", r),
        ("resolution line", line, r),
        ("resolution family", f, r),
        ("resolution variant", network, r),
        ("resolution squared", line, r * r),
        ("length", case.unit, length),
        ("complexity", "", complexity),
        ("complexity line", line, complexity),
        ("complexity batch", "", complexity * batch),
        ("batch", "", batch),
        ("batch family", f, batch),
        ("batch architecture", a, batch),
        ("batch resolution", "", batch * r),
        ("mixed", "", mixed),
        ("mixed line", line, mixed),
        ("mixed architecture", a, mixed),
        ("tensor cores", "", mixed * cores),
        ("fp32", "", fp32),
        ("bandwidth", "", band),
        ("bandwidth line", line, band),
        ("cpu", "", float(case.cpu)),
        ("chip", chip, 1.0),
        ("chip unit", (chip, case.unit), 1.0),
        ("network", (*network, case.resolution, mixed), 1.0),
        ("network chip", (*network, case.resolution, mixed, chip), 1.0),
        ("several", "", several),
        ("several family", f, several),
        ("several starved", "", several * max(-batch, 0.0)),
        ("tensorflow", "", float(case.tensorflow)),
        ("mindspore", a, float(case.mindspore)),
        ("unnamed", "", _unnamed(case)),
        ("user", "", float(case.evidence == "issue-user")),
    ]


_LENGTH = {"audio-segment": 8192, "sequence": 24}

TIME = Prior(
    effects={
        "all": 1.2, "unit": 3, "line": 0.74, "family": 0.12, "architecture": 0.08, "variant": 0.19, "data": 0.4,
        "resolution": 0.086, "resolution line": 0.56, "resolution family": 0.13, "resolution variant": 0.044,
        "resolution squared": 0.045, "length": 0.35, "complexity": 0.073, "complexity line": 0.2, "complexity batch": 0.011,
        "batch": 0.024, "batch family": 0.14, "batch architecture": 0.061, "batch resolution": 0.0094,
        "mixed": 0.15, "mixed line": 0.078, "mixed architecture": 0.054, "tensor cores": 0.047,
        "fp32": 0.1, "bandwidth": 0.084, "bandwidth line": 0.051, "cpu": 0.21, "chip": 0.06, "chip unit": 0.05,
        "network": 0.011, "network chip": 0.071, "several": 0.053, "several family": 0.057, "several starved": 0.0075,
        "tensorflow": 0.066, "mindspore": 0.7, "unnamed": 0.5, "user": 0.6,
    },
    means={
        "resolution": math.log(2), "complexity": 0.45, "batch": -0.15, "mixed": -0.2, "tensor cores": -0.15,
        "fp32": -0.3, "bandwidth": -0.6, "cpu": 1.0, "tensorflow": 0.2,
    },
    publication={"publication": 0.12, "architecture": 0.08, "resolution": 0.0095, "configuration": 0.0068},
    noise={"official-table": 0.1, "official-text": 0.23, "paper": 0.15, "issue-reply": 1.4, "issue-user": 0.83, "asked": 0.2},
)  # fmt: skip


def memory_terms(case: Case) -> list[Term]:
    """The effects on the memory that grows with the images of a pass."""
    r, mixed, complexity = case.octaves, mixed_of(case, tf32=0.0), case.complexity
    batch = math.log2(case.images / _BATCH) if case.images else 0.0
    length = math.log2(case.resolution / _LENGTH[case.unit]) if case.resolution and case.unit in _LENGTH else 0.0
    a, line, network = case.architecture, case.line, (case.architecture, case.variant)
    return [
        ("all", "", 1.0),
        ("unit", case.unit, 1.0),
        ("line", line, 1.0),
        ("family", case.family, 1.0),
        ("architecture", a, 1.0),
        ("variant", network, 1.0),
        ("resolution", "", r),
        ("resolution line", line, r),
        ("resolution variant", network, r),
        ("resolution squared", "", r * r),
        ("length", case.unit, length),
        ("complexity", "", complexity),
        ("batch", "", batch),
        ("batch line", line, batch),
        ("batch unknown", "", float(case.images is None)),
        ("mixed", "", mixed),
        ("mixed line", line, mixed),
        ("network", (*network, case.resolution), 1.0),
        ("several", "", math.log2(case.gpus)),
        ("tensorflow", "", float(case.tensorflow)),
        ("user", "", float(case.evidence.startswith("issue"))),
    ]


MEMORY = Prior(
    effects={
        "all": 1.4, "unit": 0.14, "line": 0.49, "family": 0.12, "architecture": 0.08, "variant": 0.24,
        "resolution": 0.35, "resolution line": 0.099, "resolution variant": 0.023, "resolution squared": 0.072, "length": 0.3,
        "complexity": 0.15, "batch": 0.27, "batch line": 0.2, "batch unknown": 0.13, "mixed": 0.07, "mixed line": 0.05,
        "network": 0.0094, "several": 0.0062, "tensorflow": 0.083, "user": 1,
    },
    means={"resolution": 0.9, "complexity": 0.3, "batch": 0.97 * math.log(2), "mixed": -0.5, "length": 0.6, "tensorflow": 0.3},
    publication={"publication": 0.08, "architecture": 0.04, "resolution": 0.07, "configuration": 0.031},
    noise={"official-table": 0.0035, "official-text": 0.0062, "paper": 0.2, "issue-reply": 1.1, "issue-user": 0.67, "asked": 0.12},
)  # fmt: skip


def time_rows(cases: list[Case], seconds: list[float]) -> Rows:
    """Rows of the law of time; `seconds` are wall seconds per thousand samples on all GPUs of the case."""
    y: Array = np.log([s * case.gpus for s, case in zip(seconds, cases, strict=True)])
    return Rows(cases, y, time_terms, TIME)


def memory_rows(cases: list[Case], gigabytes: list[float]) -> Rows:
    """Rows of the law of memory; `gigabytes` are the peak of one GPU."""
    y: Array = np.log([max(gb - FIXED_GB, 0.1 * gb) for gb in gigabytes])
    return Rows(cases, y, memory_terms, MEMORY)


def _unnamed(case: Case) -> float:
    """1 where a published figure does not say on what GPU."""
    return float(case.gpu is None and not case.cpu and case.evidence != "asked")


def hours_terms(case: Case) -> list[Term]:
    """The effects on the GPU-hours of a whole training: how long those who publish a design train it, and on what."""
    r, line = case.octaves, case.line
    fp32, band = device(case.gpu)
    return [
        ("all", "", 1.0),
        ("unit", case.unit, 1.0),
        ("line", line, 1.0),
        ("family", case.family, 1.0),
        ("architecture", case.architecture, 1.0),
        ("resolution", "", r),
        ("resolution line", line, r),
        ("fp32", "", fp32),
        ("bandwidth", "", band),
        ("cpu", "", float(case.cpu)),
        ("unnamed", "", _unnamed(case)),
    ]


HOURS = Prior(
    effects={
        "all": 1.5, "unit": 2.6, "line": 1.4, "family": 0.57, "architecture": 0.2, "resolution": 0.24, "resolution line": 0.51,
        "fp32": 0.095, "bandwidth": 0.1, "cpu": 1.2, "unnamed": 0.8,
    },
    means={"all": 3.0, "resolution": 0.9, "fp32": -0.3, "bandwidth": -0.6},
    publication={"publication": 1.5, "architecture": 0.17, "resolution": 0.12, "configuration": 0.84},
    noise={"published": 0.33, "asked": 0.33},
)  # fmt: skip


def hours_rows(cases: list[Case], hours: list[float]) -> Rows:
    """Rows of the law of whole trainings; `hours` are those of all GPUs together."""
    return Rows(cases, np.log(hours), hours_terms, HOURS)
