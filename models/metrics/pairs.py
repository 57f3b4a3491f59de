"""How far a table's columns, two by two, are distributed as in held-out rows."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from models.data.dataset import BadData, Dataset
from models.data.table import Table
from models.metrics.measured import Measured

LEAST = 250
MOST = 10_000
MOST_PAIRS = 300
BINS = 10
REPLICATES = 100


class PairOverlap:
    """Mean over pairs of columns of one less the total variation distance of their joint distributions, in 10 x 10 cells.

    Cells end at deciles of the held-out rows; of categories the nine most frequent and the others. 1 is best; it grows with the number
    of rows, so figures compare at equal numbers alone. Of more than 300 pairs the same 300 are taken. Beside: the same of single
    columns, and how far the nearest training row is (below 1: nearer than to held-out rows, 0: copied).
    Raises BadData below 250 rows.
    """

    name = "pair_overlap_q10"
    direction = "max"

    def __init__(self, dataset: Dataset, samples: int, device: torch.device) -> None:
        assert isinstance(dataset, Table)
        real = dataset.reference["row"][: min(samples, MOST)].numpy()
        self.samples = len(real)
        if self.samples < LEAST:
            raise BadData(f"{self.name} needs {LEAST} rows, here are {self.samples}; `metric: none` trains without")
        self._edges = [edges(real[:, i], bool(column.categories)) for i, column in enumerate(dataset.columns)]
        pairs = list(combinations(range(real.shape[1]), 2))
        order = np.random.default_rng(0).permutation(len(pairs))[:MOST_PAIRS]
        self._pairs = [pairs[i] for i in order]
        self._real = self._cells(real)
        self._train = dataset.fields["row"].numpy()[:MOST]
        self._scale = np.maximum(real.std(0), 1e-9)
        self._codes = np.array([bool(column.categories) for column in dataset.columns])
        self._usual = max(self._nearest(real), 1e-9)
        seen = self._train[: self.samples] if dataset.reference_held_out else real[:0]
        self.floor = float(self._overlaps(self._cells(seen), 0)[0]) if len(seen) == self.samples else None

    def __call__(self, batches: Iterable[Tensor]) -> Measured:
        fake = np.concatenate([batch.float().cpu().numpy() for batch in batches])
        found = self._cells(fake)
        values = self._overlaps(found, REPLICATES)
        value = float(values[0])
        alone = [1 - abs(counts(a, BINS) - counts(b, BINS)).sum() / 2 for a, b in zip(found.T, self._real.T, strict=True)]
        return Measured.of(
            value,
            values[1:],
            {"column_overlap_q10": float(np.mean(alone)), "nearest_training_row": self._nearest(fake) / self._usual},
        )

    def _cells(self, rows: np.ndarray) -> np.ndarray:
        """N x C, the bin of each value."""
        return np.stack([binned(rows[:, i], ends) for i, ends in enumerate(self._edges)], 1)

    def _overlaps(self, fake: np.ndarray, replicates: int) -> np.ndarray:
        """First of the samples themselves, then of `replicates` resamples of both sets, drawn from one seed."""
        rng = np.random.default_rng(0)
        weights = [
            np.concatenate((np.ones((1, n)), rng.multinomial(n, np.full(n, 1 / n), size=replicates))) / n
            for n in (len(self._real), len(fake))
        ]
        total = np.zeros(1 + replicates)
        for i, j in self._pairs:
            shares = []
            for rows, weight in zip((self._real, fake), weights, strict=True):
                one = np.eye(BINS * BINS)[rows[:, i] * BINS + rows[:, j]]
                shares.append(weight @ one)
            total += 1 - abs(shares[0] - shares[1]).sum(1) / 2
        mean: np.ndarray = total / len(self._pairs)
        return mean

    def _nearest(self, rows: np.ndarray) -> float:
        """Mean distance to the nearest training row: in standard deviations of numbers, 1 for a category that differs."""

        def scaled(x: np.ndarray) -> tuple[Tensor, Tensor]:
            numbers = torch.from_numpy((x / self._scale)[:, ~self._codes]).float()
            return numbers, torch.from_numpy(x[:, self._codes]).float()

        (a, b), (c, d) = scaled(rows[:1000]), scaled(self._train)
        apart = torch.cdist(a, c, p=1) if a.shape[1] else torch.zeros(len(b), len(d))
        for i in range(b.shape[1]):
            apart = apart + (b[:, i, None] != d[None, :, i])
        return float(apart.amin(1).mean())


def counts(bins: np.ndarray, most: int) -> np.ndarray:
    share: np.ndarray = np.bincount(bins, minlength=most) / len(bins)
    return share


def edges(values: np.ndarray, categories: bool) -> tuple[str, np.ndarray]:
    """Where the bins of a column end: deciles, or the codes that have one of their own."""
    if categories:
        kinds, times = np.unique(values, return_counts=True)
        return "codes", kinds[np.argsort(-times, kind="stable")[: BINS - 1]]
    return "ends", np.unique(np.quantile(values, np.arange(1, BINS) / BINS))


def binned(values: np.ndarray, ends: tuple[str, np.ndarray]) -> np.ndarray:
    kind, at = ends
    if kind == "ends":
        return np.searchsorted(at, values, side="right")
    same = np.round(values)[:, None] == at
    place: np.ndarray = np.where(same.any(1), same.argmax(1), BINS - 1)
    return place
