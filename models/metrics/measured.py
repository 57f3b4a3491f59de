"""What a metric is and what it gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

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
