"""What measuring teaches: pairs of predicted and measured correct the prediction for the hardware they were measured on.

The log of measured over predicted on one hardware is a shift N(0, SHIFT^2) plus the scatter of single runs, so n pairs move the
prediction by the share n / (n + (SCATTER / SHIFT)^2) of their mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.recommend.linear import Array

SHIFT = 0.4
SCATTER = 0.3
_PRIOR = (SCATTER / SHIFT) ** 2
"""Pairs that the prior is worth."""


class Pair(Protocol):
    """One prediction and what was measured: `quantity` is time or memory, both in the same unit."""

    @property
    def quantity(self) -> str: ...
    @property
    def hardware(self) -> str: ...
    @property
    def predicted(self) -> float: ...
    @property
    def measured(self) -> float: ...


@dataclass(frozen=True)
class Correction:
    """What pairs change: the log that is added to a prediction, how many pairs say so, and how much less doubt they leave."""

    log: float = 0.0
    pairs: int = 0

    @property
    def factor(self) -> float:
        return math.exp(self.log)

    def narrowed(self, sd: float) -> float:
        """A standard deviation, less what the pairs tell of the shift; never below that of single runs."""
        return max(math.sqrt(max(sd**2 - SHIFT**2 * self.pairs / (self.pairs + _PRIOR), 0.0)), min(sd, SCATTER))


def correction(ledger: Sequence[Pair], quantity: str, hardware: str) -> Correction:
    """The correction of a prediction for this hardware."""
    logs = [math.log(p.measured / p.predicted) for p in ledger if p.quantity == quantity and p.hardware == hardware]
    return Correction(sum(logs) / (len(logs) + _PRIOR), len(logs))


def without_each(logs: Array) -> Array:
    """The correction's log for each pair, had it been made without that pair."""
    shares: Array = (logs.sum() - logs) / (len(logs) - 1 + _PRIOR)
    return shares
