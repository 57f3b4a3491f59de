"""A traced step on a device: its arithmetic, its traffic and its kernels, each at what the device is known to do.

    seconds of a step = FLOPs / (SHARE x peak) + bytes / bandwidth + kernels x LAUNCH

Between traced sizes, every quantity follows powers of resolution (or length) and batch, fitted to the traced steps of that network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.recommend.cost.cases import Case
from app.recommend.recipe import FIXED_GB
from app.vocabulary import Behind, Gpu, MemoryPart, Profile

LAUNCH = 1e-5
SHARE = 0.4
CPU_SHARE, CPU_BANDWIDTH, CPU_LAUNCH = 1.0, 0.42, 8e-6
"""Of the speed of a matrix product and of a copy on the same CPU, fitted to steps measured by `python -m benchmarks profile`."""
CPU_PROCESS_GB = 0.42
"""What a training process holds before its networks: Python, torch, the data."""
TIME_SD, MEMORY_SD = 0.45, 0.25
OVERHEAD = 1.25
"""Allocator and workspace over the largest sum of tensors."""
NARROW = 0.6
"""Activations of a mixed step over those of the fp32 step that was traced: not all of them are halved."""
_POWERS = {
    "flops_per_step": (2.0, 1.0),
    "bytes_per_step": (2.0, 1.0),
    "kernels_per_step": (0.3, 0.0),
    "static_bytes": (1.0, 0.0),
    "activations": (2.0, 1.0),
}
"""Of size and batch, where the traced steps say little."""


@dataclass(frozen=True)
class Traced:
    """Log seconds per thousand samples on one GPU and log GB, each with its standard deviation, and what they rest on."""

    time: tuple[float, float]
    memory: tuple[float, float]
    parts: tuple[MemoryPart, ...]
    behind: tuple[Behind, ...]
    basis: str
    formulas: tuple[str, ...]


def traced(case: Case, images: int, length: int | None, gpu: Gpu, profiles: Sequence[Profile]) -> Traced:
    """The step of our network at this size and batch, from the traced steps nearest to it."""
    reduced = [p for p in profiles if (p.precision == "fp32") == (case.precision == "fp32")] or list(profiles)
    size = case.resolution if case.unit == "image" else length
    near = min(reduced, key=lambda p: _distance(p, size, images))
    at = {name: _scale(name, near, reduced, size, images) for name in _POWERS}
    cpu = gpu.vendor == "CPU"
    bandwidth = (gpu.memory_bandwidth_gb_s or 500.0) * (CPU_BANDWIDTH if cpu else 1.0)
    half = case.precision != "fp32" and gpu.fp16_tflops
    peak = (gpu.fp16_tflops if half else gpu.fp32_tflops) or 14.0
    share, launch = (CPU_SHARE, CPU_LAUNCH) if cpu else (SHARE / (2 if half else 1), LAUNCH)
    arithmetic = at["flops_per_step"] / (share * peak * 1e12)
    traffic = at["bytes_per_step"] / (bandwidth * 1e9)
    kernels = at["kernels_per_step"] * launch
    seconds = arithmetic + traffic + kernels
    narrow = NARROW if case.precision != "fp32" and near.precision == "fp32" else 1.0
    static, activations = at["static_bytes"], narrow * at["activations"]
    process = CPU_PROCESS_GB if cpu else FIXED_GB
    gigabytes = OVERHEAD * (static + activations) / 1e9 + process
    far = _distance(near, size, images)
    return Traced(
        time=(math.log(1000 * seconds / images), math.hypot(TIME_SD, 0.1 * far)),
        memory=(math.log(gigabytes), math.hypot(MEMORY_SD, 0.05 * far)),
        parts=(
            MemoryPart(name="networks", bytes=static, because="weights, gradients, optimiser and average, as traced"),
            MemoryPart(name="activations", bytes=activations, because=f"the largest sum of live tensors at batch {images}"),
            MemoryPart(
                name="workspace",
                bytes=gigabytes * 1e9 - static - activations,
                because=f"{OVERHEAD - 1:.0%} on top, and {process:g} GB of the process",
            ),
        ),
        behind=(Behind(id=near.id, weight=1.0, source=f"models/networks, {near.network_sha256[:12]}"),),
        basis=f"a traced step of our network at batch {near.batch_size}" + (f" and size {_size(near)}" if _size(near) else ""),
        formulas=(
            f"{at['flops_per_step'] / 1e9:,.0f} GFLOP / ({share:g} x {peak:g} TFLOP/s) = {arithmetic:.3g} s",
            f"{at['bytes_per_step'] / 1e9:,.1f} GB / {bandwidth:g} GB/s = {traffic:.3g} s",
            f"{at['kernels_per_step']:,.0f} kernels x {launch * 1e6:g} us = {kernels:.3g} s",
        ),
    )


def _size(profile: Profile) -> int | None:
    return profile.resolution or profile.length


def _distance(profile: Profile, size: int | None, images: int) -> float:
    """Octaves between a traced step and what is asked; the size counts twice, for its powers are less sure."""
    known = _size(profile)
    apart = abs(math.log2(known / size)) if known and size else 0.0
    return 2 * apart + abs(math.log2(profile.batch_size / images))


def _scale(name: str, near: Profile, profiles: Sequence[Profile], size: int | None, images: int) -> float:
    """A quantity of the nearest traced step, carried over by powers of size and batch."""
    by_size, by_batch = _powers(name, profiles)
    known = _size(near)
    octaves = math.log2(size / known) if known and size else 0.0
    return _value(name, near) * 2 ** (by_size * octaves + by_batch * math.log2(images / near.batch_size))


def _powers(name: str, profiles: Sequence[Profile]) -> tuple[float, float]:
    """Powers of size and batch that the traced steps follow, held near the usual ones where they say little."""
    usual = np.array(_POWERS[name])
    x = np.array([[math.log2(_size(p) or 1), math.log2(p.batch_size)] for p in profiles])
    y = np.array([math.log2(max(_value(name, p), 1.0)) for p in profiles])
    x, y = x - x.mean(axis=0), y - y.mean()
    found = np.linalg.solve(x.T @ x + 0.1 * np.eye(2), x.T @ y + 0.1 * usual)
    return float(found[0]), float(found[1])


def _value(name: str, profile: Profile) -> float:
    if name == "activations":
        return float(max(profile.peak_bytes - profile.static_bytes, 1))
    return float(getattr(profile, name))
