"""Precision and recall (arXiv:1904.06991), density and coverage (arXiv:2002.09797): are samples real, and is the real covered?

All four look at balls around samples that reach to their k-th nearest neighbour, in the space of features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from models.data.dataset import BadData, Dataset
from models.metrics.features import EffLite0
from models.metrics.measured import Measured

LEAST = 250
"""Fewer balls leave gaps in any manifold."""
MOST = 10_000
REPLICATES = 1000


class Manifold:
    """A share of samples, larger is better. As many generated as held-out samples, at most `samples`: the number changes the figure.

    Raises BadData below 250 of either, ValueError above 10,000. The interval is over the samples that are counted, with the balls kept.
    """

    which: ClassVar[str]
    direction = "max"

    def __init__(self, dataset: Dataset, samples: int, device: torch.device) -> None:
        if samples > MOST:
            raise ValueError(f"{self.name} takes at most {MOST} samples, not {samples}: it compares every pair")
        real = dataset.reference[dataset.output][:samples]
        self.samples = len(real)
        if self.samples < LEAST:
            raise BadData(f"{self.name} needs {LEAST} samples, here are {self.samples}; `metric: none` trains without")
        self._network = EffLite0().to(device)
        self._uncast = dataset.uncast
        self._real = self._network.of([real])
        seen = dataset.fields[dataset.output][: self.samples] if dataset.reference_held_out else real[:0]
        self.floor = self._measured(self._network.of([seen])).value if len(seen) == self.samples else None

    @property
    def name(self) -> str:
        return _name(self.which)

    def __call__(self, batches: Iterable[Tensor]) -> Measured:
        return self._measured(self._network.of(self._uncast(batch) for batch in batches))

    def _measured(self, fake: np.ndarray) -> Measured:
        counted = FIGURES[self.which](fake, self._real).astype(np.float64)
        values = counted[np.random.default_rng(0).integers(0, len(counted), (REPLICATES, len(counted)))].mean(1)
        return Measured.of(
            float(counted.mean()),
            values,
            {_name(other): float(figure(fake, self._real).mean()) for other, figure in FIGURES.items() if other != self.which},
            kept=100,
        )


class Precision(Manifold):
    which = "precision_k3"


class Recall(Manifold):
    which = "recall_k3"


class Density(Manifold):
    """May exceed 1."""

    which = "density_k5"


class Coverage(Manifold):
    which = "coverage_k5"


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared, of every pair."""
    squares: np.ndarray = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return squares


def radii(x: np.ndarray, k: int) -> np.ndarray:
    """Squared distance of each sample to its k-th nearest other."""
    apart = distances(x, x)
    np.fill_diagonal(apart, -1)  # each is its own nearest, rounding or not
    ball: np.ndarray = np.partition(apart, k, axis=1)[:, k]
    return ball


def precision(fake: np.ndarray, real: np.ndarray, k: int = 3) -> np.ndarray:
    """For each fake, whether it is in the ball of a real one: arXiv:1904.06991 eq. 2."""
    return np.asarray((distances(fake, real) <= radii(real, k)).any(1))


def recall(fake: np.ndarray, real: np.ndarray, k: int = 3) -> np.ndarray:
    """For each real one, whether it is in the ball of a fake."""
    return precision(real, fake, k)


def density(fake: np.ndarray, real: np.ndarray, k: int = 5) -> np.ndarray:
    """For each fake, in how many balls of real ones it is, divided by k: arXiv:2002.09797 eq. 3."""
    inside: np.ndarray = (distances(fake, real) <= radii(real, k)).sum(1) / k
    return inside


def coverage(fake: np.ndarray, real: np.ndarray, k: int = 5) -> np.ndarray:
    """For each real one, whether a fake is in its ball: arXiv:2002.09797 eq. 4."""
    return np.asarray((distances(fake, real) <= radii(real, k)).any(0))


FIGURES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "precision_k3": precision,
    "recall_k3": recall,
    "density_k5": density,
    "coverage_k5": coverage,
}


def _name(which: str) -> str:
    return f"{which}_efflite0_112"
