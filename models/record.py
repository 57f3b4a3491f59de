"""What a run has spent and found so far; part of its checkpoint, and at the end its report."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from models.metrics.measured import Measured, Metric

CURVE_POINTS = 400


@dataclass
class Record:
    seconds: float = 0.0
    """Spent on the steps that were kept: time lost to a kill is not counted, so a crash does not worsen a race."""
    measuring_seconds: float = 0.0
    reserve: float = 0.0
    """Seconds that the last measurement will take."""
    setbacks: int = 0
    peak_memory_bytes: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    first: dict[str, Any] | None = None
    best: dict[str, Any] | None = None
    last: dict[str, Any] | None = None
    losses: list[dict[str, float]] = field(default_factory=list)
    health: list[dict[str, Any]] = field(default_factory=list)
    watch: dict[str, Any] = field(default_factory=dict)
    """State of models/health.py."""
    unwatched: int = 0
    """Measurements in `history` from before the watch began."""
    hopeless: bool = False
    pace: list[tuple[int, float]] = field(default_factory=list)
    """From which step on which part of the budget counted as spent, where time decided: what a replay by steps needs to know."""

    def add_measurement(self, at: dict[str, Any], measured: Measured | None, metric: Metric | None) -> None:
        """`at` has step and kimg. Without a metric only these are kept."""
        if measured is None or metric is None:
            self.history.append(at)
            return
        whole = at | asdict(measured) | {"replicates": list(measured.replicates)}
        self.history.append(at | {"value": measured.value, "low": measured.low, "high": measured.high, **measured.beside})
        self.first = self.first or whole
        self.last = whole
        better = 1 if metric.direction == "max" else -1
        if self.best is None or better * measured.value > better * self.best["value"]:
            self.best = whole

    def add_losses(self, kimg: float, losses: dict[str, float]) -> None:
        """One point of the curve a second; every other one is dropped when there are too many to draw."""
        self.losses.append({"kimg": kimg, **losses})
        if len(self.losses) > CURVE_POINTS:
            del self.losses[1::2]

    def metric(self, metric: Metric | None) -> dict[str, Any] | None:
        if metric is None:
            return None
        return {
            "name": metric.name,
            "direction": metric.direction,
            "samples": metric.samples,
            "floor": metric.floor,
            "first": self.first,
            "best": self.best,
            "last": self.last,
        }
