"""Kernel inception distance (arXiv:1801.01401), and precision and recall from the same features."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from models.data.dataset import BadData, Dataset
from models.metrics.features import EffLite0
from models.metrics.inception import Inception
from models.metrics.manifold import precision, recall
from models.metrics.measured import Measured

LEAST = 250
"""Below this many samples the figure orders broken sets wrongly (a missing class goes unseen); none is given."""
MOST = 10_000
REPLICATES = 100


class Kid:
    """KID on the features of a network: unbiased, so it may be below zero; 0 is a perfect match.

    At most `samples` generated images against at most as many held-out ones. Raises BadData below 250 of
    either, ValueError above 10,000.
    """

    name: ClassVar[str]
    network: ClassVar[type[EffLite0 | Inception]]
    direction = "min"

    def __init__(self, dataset: Dataset, samples: int, device: torch.device) -> None:
        if samples > MOST:
            raise ValueError(f"{self.name} takes at most {MOST} samples, not {samples}: it compares every pair")
        self.samples = samples
        real = dataset.reference[dataset.output][:samples]
        if min(len(real), samples) < LEAST:
            raise BadData(f"{self.name} needs {LEAST} samples, here are {min(len(real), samples)}; `metric: none` trains without")
        self._network = self.network.found().to(device)
        self._uncast = dataset.uncast
        self._real = self._network.of([real])
        seen = dataset.fields[dataset.output][:samples] if dataset.reference_held_out else real[:0]
        self.floor = kid(self._network.of([seen]), self._real) if len(seen) >= LEAST else None

    def __call__(self, batches: Iterable[Tensor]) -> Measured:
        fake = self._network.of(self._uncast(batch) for batch in batches)
        values = replicates(fake, self._real)
        features = self.name.removeprefix("kid_")
        beside = {f"{f.__name__}_k3_{features}": float(f(fake, self._real).mean()) for f in (precision, recall)}
        value = kid(fake, self._real)
        return Measured.of(value, values, beside)


class KidEffLite0(Kid):
    name = "kid_efflite0_112"
    network = EffLite0


class KidInception(Kid):
    """With the network of published figures, where its weights are found."""

    name = "kid_inception"
    network = Inception


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
