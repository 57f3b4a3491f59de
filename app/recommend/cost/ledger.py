"""What measuring teaches: pairs of predicted and measured correct the prediction for the hardware they were measured on.

The log of measured over predicted on one hardware is a shift N(0, SHIFT^2) plus the scatter of single runs, so n pairs move the
prediction by the share n / (n + (SCATTER / SHIFT)^2) of their mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

SHIFT = 0.4
SCATTER = 0.3


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


def correction(ledger: Sequence[Pair], quantity: str, hardware: str) -> tuple[float, int]:
    """The log of the factor on a prediction for this hardware, and how many pairs it rests on."""
    logs = [math.log(p.measured / p.predicted) for p in ledger if p.quantity == quantity and p.hardware == hardware]
    if not logs:
        return 0.0, 0
    return sum(logs) / (len(logs) + (SCATTER / SHIFT) ** 2), len(logs)
