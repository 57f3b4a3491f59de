"""Frechet distance of feature means and covariances (FID, arXiv:1706.08500) on 2,000 samples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from models.data.dataset import BadData, Dataset
from models.metrics.features import EffLite0
from models.metrics.inception import Inception
from models.metrics.measured import Measured

REPLICATES = 20


class Fid:
    """FID of exactly `count` generated samples against as many training samples, as published ones compare with the training set.

    Biased upwards, more the fewer the samples: figures of one name alone compare. A copy of the training set scores best: KID, which is
    taken against held-out samples, and the health watch see that. Raises BadData with fewer training samples, ValueError for another
    number. The bias of resampling is taken off the replicates, so the interval has their spread around the figure.
    """

    name: ClassVar[str]
    network: ClassVar[type[EffLite0 | Inception]]
    count: ClassVar[int] = 2000
    direction = "min"

    def __init__(self, dataset: Dataset, samples: int, device: torch.device) -> None:
        if samples != self.count:
            raise ValueError(f"{self.name} is a figure of {self.count} samples: metric_samples must be that, not {samples}")
        train = dataset.fields[dataset.output]
        if len(train) < self.count:
            raise BadData(f"{self.name} needs {self.count} training samples, here are {len(train)}; take kid_efflite0_112")
        self.samples = samples
        self._network = self.network.found().to(device)
        self._uncast = dataset.uncast
        self._real = self._network.of([train[: self.count]])
        held = dataset.reference[dataset.output] if dataset.reference_held_out else train[:0]
        others = torch.cat((train[self.count :], held))[: self.count]
        self.floor = frechet(self._network.of([others]), self._real) if len(others) == self.count else None

    def __call__(self, batches: Iterable[Tensor]) -> Measured:
        fake = self._network.of(self._uncast(batch) for batch in batches)
        value = frechet(fake, self._real)
        rng = np.random.default_rng(0)
        draws = [tuple(x[rng.integers(0, len(x), len(x))] for x in (self._real, fake)) for _ in range(REPLICATES)]
        values = np.array([frechet(a, b) for b, a in draws])
        values += value - values.mean()
        return Measured.of(value, values)


class FidEffLite0(Fid):
    """Not comparable with published FIDs: another network."""

    name = "fid2k_efflite0_112"
    network = EffLite0


class FidInception(Fid):
    """The network of published FIDs, at 2,000 samples rather than 50,000: its figures are higher."""

    name = "fid2k_inception"
    network = Inception


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """|mean a - mean b|^2 + tr(A + B - 2 (A B)^(1/2)) of two NxD feature sets with covariances A and B, eq. 6.

    With A = R'R from a QR decomposition of the centred features, the trace of the root is the sum of the singular values of the two
    R's product: no root of a matrix is taken, and no covariance needs to have full rank.
    """
    between = np.square(a.mean(0) - b.mean(0)).sum()
    first, second = (np.asarray(np.linalg.qr((x - x.mean(0)) / np.sqrt(len(x) - 1), mode="r")) for x in (a, b))
    product = first @ second.T
    gram = product @ product.T if len(product) <= product.shape[1] else product.T @ product
    root = np.sqrt(np.linalg.eigvalsh(gram).clip(min=0)).sum()
    return float(between + np.square(first).sum() + np.square(second).sum() - 2 * root)
