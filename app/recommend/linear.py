"""Linear regression with nested effects: y = x . (common + family + architecture) + noise, every effect a priori N(0, scale^2)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True)
class Level:
    """One level of effects: the label of each observation, the label of each architecture, and the prior scale (k,)."""

    observed: Sequence[Hashable]
    wanted: Sequence[Hashable]
    scale: Sequence[float]


@dataclass(frozen=True)
class Effects:
    """Posterior of the coefficients of every architecture: mean (A, k), covariance (A, k, k); `noise` of one observation."""

    mean: Array
    covariance: Array
    noise: float

    @cached_property
    def _flat(self) -> Array:
        return self.covariance.reshape(len(self.mean), -1)

    def at(self, x: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of x . coefficients for every architecture; x has shape (k,)."""
        return self.mean @ x, np.sqrt(np.maximum(self._flat @ np.outer(x, x).ravel(), 0.0))


def fit_effects(x: Array, y: Array, levels: Sequence[Level], noise: float) -> Effects:
    """Effects from observations x (n, k), y (n,); `noise` is the standard deviation of one. Unseen labels keep their prior."""
    n, k = x.shape
    rows, wanted, prior = [], [], []
    start = 0
    for level in levels:
        code = {label: i for i, label in enumerate(dict.fromkeys(level.observed))}
        rows.append(start + np.array([code[label] for label in level.observed], np.intp))
        wanted.append(start + np.array([code.get(label, len(code)) for label in level.wanted], np.intp))
        prior.append(np.tile(level.scale, len(code) + 1))
        start += len(code) + 1
    design = np.zeros((n, start, k))
    for code_of_row in rows:
        design[np.arange(n), code_of_row] += x
    flat = design.reshape(n, start * k)
    precision = flat.T @ flat / noise**2 + np.diag(np.concatenate(prior) ** -2.0)
    covariance = np.linalg.inv(precision)
    weights = (covariance @ (flat.T @ y)).reshape(start, k) / noise**2
    pick = np.stack(wanted, axis=1)  # (A, levels)
    columns = (pick[:, :, None] * k + np.arange(k)).reshape(len(pick), -1)
    blocks = covariance[columns[:, :, None], columns[:, None, :]].reshape(len(pick), len(levels), k, len(levels), k)
    return Effects(weights[pick].sum(axis=1), blocks.sum(axis=(1, 3)), noise)
