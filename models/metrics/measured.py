"""What a metric is and what it gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One figure. `low..high` holds 95 % of the replicates: noise of sampling and reference, not of another training run."""

    value: float
    low: float
    high: float
    replicates: tuple[float, ...] = ()
    """The figure on resampled samples. The resampling is the same for every run with as many samples, so two runs compare pairwise."""
    beside: Mapping[str, float] = field(default_factory=dict)
    """Further figures from the same features, by name."""

    @classmethod
    def of(
        cls, value: float, replicates: np.ndarray, beside: Mapping[str, float] | None = None, *, kept: int | None = None
    ) -> Self:
        """The figure with the interval of its replicates, widened to hold the figure itself; `kept` of them go with it."""
        low, high = np.quantile(replicates, (0.025, 0.975))
        return cls(
            value=value,
            low=min(float(low), value),
            high=max(float(high), value),
            replicates=tuple(replicates[:kept].tolist()),
            beside=beside or {},
        )


class Metric(Protocol):
    name: str
    direction: str
    """`min` or `max`: which way is better."""
    samples: int
    """How many samples it compares with the reference."""
    floor: float | None
    """The figure of real training samples: what a perfect generator would get."""

    def __call__(self, batches: Iterable[Tensor]) -> Measured:
        """The figure of generated samples in the range of the data."""
