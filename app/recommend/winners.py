"""Who is first as two numbers of a task vary: a grid, each cell the answer to the changed task."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from app.recommend.advisor import Advisor
from app.recommend.describe import complete, describe
from app.recommend.flips import AXES, first_along
from app.recommend.rank import rank
from app.recommend.rules import Facts, facts_of
from app.vocabulary import MapAxis, MapField, Task, Winner, WinnerMap

FIELDS = {MapField(axis.path.split(".")[1]): axis for axis in AXES}
COLUMNS, ROWS, MOST = 24, 16, 64
_CITED = 3
_DIGITS = 3


def winners(
    answer_id: str, task: Task, advisor: Advisor, x: MapField, y: MapField, columns: int = COLUMNS, rows: int = ROWS
) -> WinnerMap:
    """The map over two of FIELDS; `task` is as it was asked. Raises ValueError where x is y or the grid is too small or large."""
    if x == y or not (2 <= columns <= MOST and 2 <= rows <= MOST):
        raise ValueError(f"a map takes two different fields and 2 to {MOST} columns and rows")
    asked = facts_of(task)
    _, _, facts = describe(task, advisor.rules, advisor.knowledge)
    across, up = _axis(x, columns, facts), _axis(y, rows, facts)
    found = [_row(asked | {FIELDS[y].path: value}, FIELDS[x].path, across.values, advisor) for value in up.values]
    count = Counter(index for row in found for index in row if index is not None)
    evidence = advisor.evidence.tasks.get(facts["task.task"])
    designs = advisor.architectures
    return WinnerMap(
        recommendation_id=answer_id,
        knowledge=advisor.stamp,
        x=across,
        y=up,
        cells=tuple(tuple(None if index is None else designs[index].slug for index in row) for row in found),
        winners=tuple(
            Winner(
                architecture=designs[index].slug,
                name=designs[index].name,
                cells=cells,
                benchmark_ids=tuple(w.benchmark_id for w in evidence.cites(index).weights[:_CITED]) if evidence else (),
            )
            for index, cells in sorted(count.items(), key=lambda item: (-item[1], designs[item[0]].slug))
        ),
    )


def _row(asked: Facts, path: str, values: Sequence[float], advisor: Advisor) -> list[int | None]:
    """The first at each value of one field; None where the advisor abstains."""
    facts = dict(asked)
    complete(facts, advisor.rules)
    if facts["task.task"] is None:
        return [None] * len(values)
    base = rank(facts, advisor)
    first = first_along(path, asked, facts, base, advisor)
    return [first(value) for value in values]


def _axis(field: MapField, count: int, facts: Facts) -> MapAxis:
    """At most `count` values, even on a log scale, from one end of the search for flips to the other and over the task's own."""
    axis, at = FIELDS[field], facts.get(FIELDS[field].path)
    low, high = (f(v for v in (*axis.grid, at) if v is not None) for f in (min, max))
    if field is MapField.RESOLUTION:  # only powers of two make sense
        powers = range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)
        steps = [2.0**power for power in powers][: max(count, 2)]
    else:
        steps = [float(f"{low * (high / low) ** (i / (count - 1)):.{_DIGITS}g}") for i in range(count)]
    values = [round(step) for step in steps] if axis.whole else steps
    return MapAxis(pointer="/" + axis.path.replace(".", "/"), values=tuple(dict.fromkeys(values)), at=at)
