"""Linear regression with nested effects: y = x (common + family + architecture) + noise, every effect a priori N(0, scale^2).

Closed form, so each prediction is a weighted sum of the observations, and the weights can be shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True)
class Effects:
    """Posterior of the coefficients of every architecture: mean (A, k), covariance (A, k, k), prior variance (k,)."""

    mean: Array
    covariance: Array
    noise: float

    def at(self, x: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of x @ coefficients for every architecture; x has shape (k,)."""
        return self.mean @ x, np.sqrt(np.maximum(np.einsum("aij,i,j->a", self.covariance, x, x), 0.0))


def fit_effects(x: Array, y: Array, levels: list[tuple[Index, Index, Array]], noise: float) -> Effects:
    """Effects from observations x (n, k), y (n,).

    Each level is (label of each observation, label of each architecture, prior scale (k,)). `noise` is the standard
    deviation of an observation.
    """
    k = x.shape[1]
    sizes = [int(max(rows.max(initial=0), designs.max(initial=0))) + 1 for rows, designs, _ in levels]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    p = int(starts[-1]) * k
    design = np.zeros((len(y), p))
    prior = np.empty(p)
    for (rows, _, scale), start, size in zip(levels, starts[:-1], sizes, strict=True):
        for j in range(k):
            design[np.arange(len(y)), (start + rows) * k + j] = x[:, j]
        prior[start * k : (start + size) * k] = np.tile(scale, size)
    precision = design.T @ design / noise**2 + np.diag(1.0 / prior**2)
    covariance = np.linalg.inv(precision)
    weights = covariance @ (design.T @ y) / noise**2
    count = len(levels[0][1])
    pick = np.stack([start + designs for (_, designs, _), start in zip(levels, starts[:-1], strict=True)], axis=1)
    columns = pick[:, :, None] * k + np.arange(k)  # (A, levels, k)
    mean = weights[columns].sum(axis=1)
    flat = columns.reshape(count, -1)
    blocks = covariance[flat[:, :, None], flat[:, None, :]].reshape(count, len(levels), k, len(levels), k)
    return Effects(mean, blocks.sum(axis=(1, 3)), noise)
