"""The smallest change of one field of the task that changes rank 1: searched on a grid, narrowed by halving, each by applying it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.recommend.advisor import Advisor
from app.recommend.describe import complete
from app.recommend.rank import FAR, Fitted, Probe, Ranking, rank
from app.recommend.rules import Facts, spoken, touches
from app.vocabulary import Flip, Labels, LicenceNeed

First = Callable[[Any], int | None]
"""Rank 1, as an index, with a value put in; None where the advisor abstains or nothing is left."""

_DIGITS = 2
"""Significant digits of a value found by halving."""


@dataclass(frozen=True)
class Axis:
    """A number of the task and the values tried. Between them the flip is narrowed down, unless only these values make sense."""

    path: str
    grid: Sequence[float]
    whole: bool = True
    between: bool = True


AXES = (
    Axis("data.samples", (50, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 1_000_000)),
    Axis("data.resolution", (16, 32, 64, 128, 256, 512, 1024), between=False),
    Axis("budget.memory_gb", (4, 8, 12, 16, 24, 40, 80), whole=False, between=False),
    Axis("budget.gpu_hours", (1, 10, 100, 1_000, 10_000), whole=False),
)
CHOICES: dict[str, Sequence[Any]] = {"data.labels": tuple(Labels), "constraints.licence": tuple(LicenceNeed)}


_CITED = 3
"""Figures named for a flip."""


def flips_of(asked: Facts, facts: Facts, ranking: Ranking, advisor: Advisor) -> tuple[Flip, ...]:
    """The smallest changes that change rank 1, each applied once more to the request and explained by a rule or by figures."""
    found = (flip_of(*change, asked, facts, ranking, advisor) for change in changes(asked, facts, ranking, advisor))
    return tuple(flip for flip in found if flip is not None)


def flip_of(path: str, value: Any, index: int, asked: Facts, facts: Facts, ranking: Ranking, advisor: Advisor) -> Flip | None:
    """One change, applied to the request; None where it does not put the architecture first after all."""
    changed = asked | {path: value}
    complete(changed, advisor.rules)
    after = rank(changed, advisor)
    if not after.order or after.order[0] != index or after.standing is None:
        return None
    first = ranking.order[0] if ranking.order else None
    if path == "budget.gpu_hours" and first is not None and _spends_more_of_less(value, index, first, facts, after):
        return None
    rules = [r for r, mask in after.excluding if first is not None and touches(mask, first)]
    rules += [r for r, mask in ranking.excluding if touches(mask, index)]
    instead = f", not {advisor.architectures[first].name}" if first is not None else ""
    now = advisor.architectures[index]
    return Flip(
        pointer="/" + path.replace(".", "/"),
        value=value,
        winner=now.slug,
        text=f"With {path.split('.')[1]} {spoken(value)} instead of {spoken(facts.get(path))}, {now.name} is first{instead}.",
        rule_id=rules[0].id if rules else None,
        benchmark_ids=() if rules else tuple(w.benchmark_id for w in after.standing.task.cites(index).weights[:_CITED]),
    )


def _spends_more_of_less(hours: float, index: int, first: int, facts: Facts, after: Ranking) -> bool:
    """Whether a smaller budget would put a costlier design first: it is then beyond both, and says nothing for either."""
    spent = after.spent.log_hours
    return hours < facts["budget.gpu_hours"] and bool(spent[index] > spent[first])


def changes(asked: Facts, facts: Facts, base: Ranking, fitted: Fitted) -> Iterator[tuple[str, Any, int]]:
    """For every field, up and down, the nearest value at which another is first: (path, value, index of the new first).

    `asked` are the facts as the user gave them, `facts` the completed ones that `base` ranks.
    """
    first = base.order[0]
    for axis in AXES:
        now = facts.get(axis.path)
        if now is None:
            continue
        other_first = first_along(axis.path, asked, facts, base, fitted)
        for grid in both_ways(axis, now):
            found = along(axis, now, grid, first, other_first)
            if found is not None:
                yield (axis.path, *found)
    for path, choices in CHOICES.items():
        other_first = first_along(path, asked, facts, base, fitted)
        for value in choices:
            other = other_first(value) if value != facts.get(path) else first
            if other is not None and other != first:
                yield path, value, other
                break


def toward(target: int, asked: Facts, facts: Facts, base: Ranking, fitted: Fitted) -> tuple[str, Any] | None:
    """The smallest change of one field that puts `target` first: a number by its ratio, else a choice; None where none does."""
    found: list[tuple[float, str, Any]] = []
    for axis in AXES:
        now = facts.get(axis.path)
        if now is None:
            continue
        other_first = first_along(axis.path, asked, facts, base, fitted)
        for grid in both_ways(axis, now):
            hit = along(axis, now, grid, -1, _only(target, other_first))
            if hit is not None:
                found.append((abs(math.log(hit[0] / now)), axis.path, hit[0]))
    if found:
        return min(found)[1:]
    for path, choices in CHOICES.items():
        other_first = first_along(path, asked, facts, base, fitted)
        for value in choices:
            if value != facts.get(path) and other_first(value) == target:
                return path, value
    return None


def _only(target: int, first: First) -> First:
    return lambda value: target if first(value) == target else -1


def both_ways(axis: Axis, now: float) -> tuple[list[float], list[float]]:
    """The values above and below, nearest first."""
    return [v for v in axis.grid if v > now], [v for v in reversed(axis.grid) if v < now]


def first_along(path: str, asked: Facts, facts: Facts, base: Ranking, fitted: Fitted) -> First:
    """Rank 1 as one field varies: asked anew where assumptions hang on it, the same for all where nothing does."""
    if fitted.rules.assumes_from(path):
        return _asking(asked, path, fitted)
    probe = Probe(facts, path, base, fitted)
    if not probe.idle:
        return probe.first
    same = base.order[0] if base.order and base.distance <= FAR else None
    return lambda value: same


def _asking(asked: Facts, path: str, fitted: Fitted) -> First:
    """Rank 1 found the long way: the changed request, completed and ranked."""

    def first(value: Any) -> int | None:
        facts = asked | {path: value}
        complete(facts, fitted.rules)
        if facts["task.task"] is None:
            return None
        ranking = rank(facts, fitted)
        return ranking.order[0] if ranking.order and ranking.distance <= FAR else None

    return first


def along(axis: Axis, now: float, grid: Sequence[float], first: int, other_first: First) -> tuple[float, int] | None:
    """The first value of the grid at which another than `first` is first, narrowed down, and which; None where none is."""
    near: float = now
    for far in grid:
        other = other_first(far)
        if other is not None and other != first:
            return _narrow(axis, near, far, other, first, other_first) if axis.between else (far, other)
        near = far
    return None


def _narrow(axis: Axis, near: float, far: float, other: int, first: int, other_first: First) -> tuple[float, int]:
    """Halves [near, far] on a log scale until no rounded value is left between."""
    while True:
        middle = float(f"{(near * far) ** 0.5:.{_DIGITS}g}")
        middle = int(middle) if axis.whole else middle
        if not min(near, far) < middle < max(near, far):
            return far, other
        found = other_first(middle)
        if found is None or found == first:
            near = middle
        else:
            far, other = middle, found
