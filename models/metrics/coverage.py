"""Coverage and density of shapes and sounds under a distance that suits them, and nearest-neighbour figures beside them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from models.data.audio import Sounds
from models.data.dataset import BadData, Dataset
from models.metrics.measured import Measured

LEAST = 100
MOST = 2000
REPLICATES = 100
NEIGHBOURS = 5
SILENCE = -5.0
"""Fainter mel bands are alike; recordings of eight bits are silent to the last digit between words."""
CLOUD = 64
"""Points of a cloud that its distance to others is taken from."""


class Coverage(ABC):
    """The share of held-out samples with a generated one at least as near as their fifth nearest held-out one (arXiv:2002.09797 eq. 4).

    1 is best, about 0.97 what real ones reach. It falls when modes are missing and when samples are off; a set of mean shapes, which
    distances of distributions and 1-NNA take for real ones here, covers next to nothing. It grows with the number of samples: as many
    are compared as are held out, at most `samples`. Raises BadData below 100 of either. The interval is over held-out samples.
    """

    name: ClassVar[str]
    direction = "max"

    def __init__(self, dataset: Dataset, samples: int, device: torch.device) -> None:
        real = dataset.reference[dataset.output][: min(samples, MOST)]
        self.samples = min(samples, len(real))
        if self.samples < LEAST:
            raise BadData(f"{self.name} needs {LEAST} samples, here are {self.samples}; `metric: none` trains without")
        self._real = self.features(dataset.cast(real))
        self._within = self.between(self._real, self._real)
        self._radius = np.partition(self._within, NEIGHBOURS, 1)[:, NEIGHBOURS]
        seen = dataset.fields[dataset.output][: self.samples] if dataset.reference_held_out else real[:0]
        self.floor = self([dataset.cast(seen)]).value if len(seen) == self.samples else None

    @abstractmethod
    def features(self, samples: Tensor) -> Tensor:
        """What the distance is taken of."""

    def between(self, a: Tensor, b: Tensor) -> np.ndarray:
        """The distance of every pair."""
        return torch.cdist(a.double(), b.double()).numpy()

    def __call__(self, batches: Iterable[Tensor]) -> Measured:
        fake = torch.cat([self.features(batch.float().cpu()) for batch in batches])
        across = self.between(self._real, fake)
        inside = np.asarray(across <= self._radius[:, None])
        covered = np.asarray(inside.any(axis=1))
        draws = np.random.default_rng(0).integers(0, len(covered), (REPLICATES, len(covered)))
        values = covered[draws].mean(1)
        return Measured.of(
            float(covered.mean()),
            values,
            {
                "density_k5": float(inside.sum(0).mean() / NEIGHBOURS),
                "one_nna": one_nna(self.between(fake, fake), self._within, across),
                "minimum_matching_distance": float(across.min(1).mean()),
            },
        )


def one_nna(fakes: np.ndarray, reals: np.ndarray, across: np.ndarray) -> float:
    """How often the nearest other sample is of the same set, 0.5 at best (arXiv:1906.12320 eq. 7). `across` has reals as rows."""
    n = min(len(fakes), len(reals))
    whole = np.block([[fakes[:n, :n], across[:n, :n].T], [across[:n, :n], reals[:n, :n]]])
    np.fill_diagonal(whole, np.inf)
    return float(((whole.argmin(1) < n) == (np.arange(2 * n) < n)).mean())


class CloudCoverage(Coverage):
    """Of point clouds by Chamfer distance: the mean distance of each of 64 points to the nearest of the other's 64, both ways."""

    name = "coverage_k5_chamfer64"

    def features(self, samples: Tensor) -> Tensor:
        order = torch.from_numpy(np.random.default_rng(0).permutation(samples.shape[1]))
        return samples[:, order[:CLOUD]]

    def between(self, a: Tensor, b: Tensor) -> np.ndarray:
        points = b.flatten(0, 1)
        rows = []
        for cloud in a:
            apart = torch.cdist(cloud, points).view(len(cloud), len(b), -1)
            rows.append(apart.amin(2).mean(0) + apart.amin(0).mean(1))
        return torch.stack(rows).double().numpy()


class VoxelCoverage(Coverage):
    """Of voxels, solid above the middle of their range, by the root of the share that differs."""

    name = "coverage_k5_voxels"

    def features(self, samples: Tensor) -> Tensor:
        solid = (samples > 0).flatten(1).float()
        scaled: Tensor = solid / solid.shape[1] ** 0.5
        return scaled


class SoundCoverage(Coverage):
    """Of sounds, by the mean and the spread over time of each of their mel bands, in nepers."""

    name = "coverage_k5_logmel"

    def __init__(self, dataset: Dataset, samples: int, device: torch.device) -> None:
        assert isinstance(dataset, Sounds)
        self._bands = dataset.bands
        super().__init__(dataset, samples, device)

    def features(self, samples: Tensor) -> Tensor:
        mel = self._bands.log_mel(samples[:, 0]).clamp(min=SILENCE)
        return torch.cat((mel.mean(2), mel.std(2)), 1)
