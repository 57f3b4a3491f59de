"""Kernel inception distance (arXiv:1801.01401) with EfficientNet-Lite0 features, and precision/recall from the same features."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from models.data.dataset import BadData, Dataset
from models.metrics.features import EffLite0
from models.metrics.measured import Measured

LEAST = 250
"""Below this many samples the figure orders broken sets wrongly (a missing class goes unseen); none is given."""
MOST = 10_000
REPLICATES = 100
NEIGHBOURS = 3


class KidEffLite0:
    """KID on the features of images at 112 px: unbiased, so it may be below zero; 0 is a perfect match.

    At most `samples` generated images against at most as many held-out ones. Raises BadData below 250 of
    either, ValueError above 10,000.
    """

    name = "kid_efflite0_112"
    direction = "min"

    def __init__(self, dataset: Dataset, samples: int, device: torch.device) -> None:
        if samples > MOST:
            raise ValueError(f"{self.name} takes at most {MOST} samples, not {samples}: it compares every pair")
        self.samples = samples
        real = dataset.reference["image"][:samples]
        if min(len(real), samples) < LEAST:
            raise BadData(f"{self.name} needs {LEAST} samples, here are {min(len(real), samples)}; `metric: none` trains without")
        self._network = EffLite0().to(device)
        self._uncast = dataset.uncast
        self._real = self._network.of([real])
        seen = dataset.fields["image"][:samples] if dataset.reference_held_out else real[:0]
        self.floor = kid(self._network.of([seen]), self._real) if len(seen) >= LEAST else None

    def __call__(self, batches: Iterable[Tensor]) -> Measured:
        fake = self._network.of(self._uncast(batch) for batch in batches)
        values = replicates(fake, self._real)
        low, high = np.quantile(values, (0.025, 0.975))
        precision, recall = precision_recall(fake, self._real)
        beside = {f"precision_k{NEIGHBOURS}_efflite0_112": precision, f"recall_k{NEIGHBOURS}_efflite0_112": recall}
        value = kid(fake, self._real)
        return Measured(
            value=value,
            low=min(float(low), value),
            high=max(float(high), value),
            replicates=tuple(values.tolist()),
            beside=beside,
        )


def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(a.b / d + 1)^3 for every pair."""
    product: np.ndarray = (a @ b.T / a.shape[1] + 1) ** 3
    return product


def kid(fake: np.ndarray, real: np.ndarray) -> float:
    """Unbiased squared MMD between two NxD feature sets."""
    ones = np.ones((1, len(fake))), np.ones((1, len(real)))
    return float(_weighted(fake, real, *ones)[0])


def replicates(fake: np.ndarray, real: np.ndarray, count: int = REPLICATES, seed: int = 0) -> np.ndarray:
    """KID on `count` bootstrap resamples of both sets, drawn from `seed` alone."""
    rng = np.random.default_rng(seed)
    draws = [rng.multinomial(len(x), np.full(len(x), 1 / len(x)), size=count).astype(np.float64) for x in (real, fake)]
    return _weighted(fake, real, draws[1], draws[0])


def _weighted(fake: np.ndarray, real: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """KID with sample i of fake counted u[r, i] times, for every row r; a sample is never paired with itself."""

    def within(x: np.ndarray, w: np.ndarray) -> np.ndarray:
        k = kernel(x, x)
        np.fill_diagonal(k, 0)
        pairs: np.ndarray = np.einsum("ri,ri->r", w @ k, w) / (w.sum(1) ** 2 - (w**2).sum(1))
        return pairs

    across = np.einsum("ri,ri->r", u @ kernel(fake, real), v) / (u.sum(1) * v.sum(1))
    values: np.ndarray = within(fake, u) + within(real, v) - 2 * across
    return values


def precision_recall(fake: np.ndarray, real: np.ndarray, k: int = NEIGHBOURS) -> tuple[float, float]:
    """Part of fakes inside the real manifold and of reals inside the fake one, k-nearest-neighbour balls, arXiv:1904.06991."""

    def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        squares: np.ndarray = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
        return squares

    def radii(x: np.ndarray) -> np.ndarray:
        ball: np.ndarray = np.partition(distances(x, x), k, axis=1)[:, k]
        return ball

    apart = distances(fake, real)
    return float((apart <= radii(real)).any(1).mean()), float((apart <= radii(fake)[:, None]).any(0).mean())
