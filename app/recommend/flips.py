"""The smallest change of one field of the task that changes rank 1: searched on a grid, narrowed by halving, and applied to be sure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.recommend.rules import Facts
from app.vocabulary import Flip, Labels, LicenceNeed

Winner = Callable[[Facts], int | None]
"""Rank 1 of a task given by its facts, as an index; None where the advisor abstains or nothing is left."""

_ROUND = 2
"""Significant digits of a reported value."""


@dataclass(frozen=True)
class Axis:
    """A number of the task, with the values tried, nearest first in each direction."""

    path: str
    grid: Sequence[float]
    whole: bool = True


AXES = (
    Axis("data.samples", (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 100_000, 1_000_000)),
    Axis("data.resolution", (16, 32, 64, 128, 256, 512, 1024, 2048)),
    Axis("budget.memory_gb", (4, 6, 8, 11, 16, 24, 40, 80), whole=False),
    Axis("budget.gpu_hours", (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000), whole=False),
)
CHOICES: dict[str, Sequence[Any]] = {"data.labels": tuple(Labels), "constraints.licence": tuple(LicenceNeed)}
RESOLUTIONS = "data.resolution"


def changes(facts: Facts, first: int, winner: Winner) -> Iterator[tuple[str, Any, int]]:
    """For every field, the nearest value at which another architecture is first: (path, value, index of the new winner)."""
    for axis in AXES:
        now = facts.get(axis.path)
        if now is None:
            continue
        for grid in ([v for v in axis.grid if v > now], [v for v in reversed(axis.grid) if v < now]):
            found = _along(axis, now, grid, facts, first, winner)
            if found is not None:
                yield (axis.path, *found)
    for path, choices in CHOICES.items():
        for value in choices:
            if value != facts.get(path):
                other = winner(facts | {path: value})
                if other is not None and other != first:
                    yield path, value, other
                    break


def _along(axis: Axis, now: float, grid: Sequence[float], facts: Facts, first: int, winner: Winner) -> tuple[float, int] | None:
    near: float = now
    for far in grid:
        other = winner(facts | {axis.path: far})
        if other is None or other == first:
            near = far
            continue
        if axis.path == RESOLUTIONS:
            return far, other
        return _narrow(axis, near, far, other, facts, first, winner)
    return None


def _narrow(axis: Axis, near: float, far: float, other: int, facts: Facts, first: int, winner: Winner) -> tuple[float, int]:
    """Halves [near, far] geometrically while the middle, rounded, is a new value."""
    while True:
        middle = float(f"{(near * far) ** 0.5:.{_ROUND}g}")
        middle = int(middle) if axis.whole else middle
        if not min(near, far) < middle < max(near, far):
            return far, other
        found = winner(facts | {axis.path: middle})
        if found is None or found == first:
            near = middle
        else:
            far, other = middle, found


def sentence(path: str, value: Any, before: str, after: str) -> str:
    """What a flip says."""
    shown = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else f"{value}"
    return f"With {path} at {shown} the first choice is {after}, not {before}."


def flip(path: str, value: Any, winner: str, before: str, after: str, rule_id: str | None) -> Flip:
    return Flip.model_construct(
        pointer="/" + path.replace(".", "/"),
        value=value,
        winner=winner,
        text=sentence(path, value, before, after),
        rule_id=rule_id,
    )
