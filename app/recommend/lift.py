"""What change of one field of the task would make a rule let an architecture in: each tried by applying it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from app.recommend.advisor import Advisor
from app.recommend.describe import complete
from app.recommend.flips import AXES, Axis, along, both_ways
from app.recommend.rank import rank
from app.recommend.rules import Facts, spoken
from app.vocabulary import Change, Labels, LicenceNeed, Pairing, Rule

_LARGEST = {"data.classes": 6, "data.columns": 5, "data.length": 8, "data.channels": 3, "budget.usd": 6, "budget.gpus": 3}
"""Powers of ten tried at numbers that flips are not searched along."""
_NUMBERS = {axis.path: axis for axis in AXES} | {
    path: Axis(path, tuple(10**power for power in range(most + 1)), whole=path != "budget.usd") for path, most in _LARGEST.items()
}
_FREE = ("data.domain", "budget.gpu")
"""Words that can be left out."""
_NEVER = object()
_CHOICES: dict[str, Sequence[Any]] = {
    "data.labels": tuple(Labels),
    "data.pairing": tuple(Pairing),
    "constraints.licence": tuple(LicenceNeed),
}


def lifted(rule: Rule, index: int, asked: Facts, facts: Facts, advisor: Advisor) -> tuple[Change, ...]:
    """For every field the rule looks at, the nearest value under which it does not exclude the architecture, if one is found."""
    compiled = next(one for one in advisor.rules.of("exclude", facts["task.task"]) if one.rule is rule)
    paths = sorted(path for path in compiled.paths if not path.startswith(("architecture.", "cost.")))
    if any(path.startswith("cost.") for path in compiled.paths):
        paths.append("data.resolution")
    if "task.task" in paths:  # a task that was derived follows the data
        paths.append("data.type")

    def lifts(path: str, value: Any) -> bool:
        changed = asked | {path: value}
        complete(changed, advisor.rules)
        known = advisor.knowledge.tasks.get(changed["task.task"])
        if known is None or (known.data_types and changed["data.type"] not in known.data_types):
            return False
        return not any(one is rule and (mask is True or bool(mask[index])) for one, mask in rank(changed, advisor).excluding)  # type: ignore[index]

    out = []
    for path in dict.fromkeys(paths):
        value = next((v for v in _values(path, rule, index, facts, advisor, lifts) if lifts(path, v)), _NEVER)
        if value is not _NEVER:
            out.append(Change(pointer="/" + _pointer(path), value=value, text=_told(path, value, facts, index, advisor)))
    return tuple(out)


def _values(path: str, rule: Rule, index: int, facts: Facts, advisor: Advisor, lifts: Any) -> Iterator[Any]:
    """What to try at one field, the likeliest first."""
    it, now = advisor.architectures[index], facts.get(path)
    if path in _NUMBERS and now is not None:
        axis = _NUMBERS[path]
        hits = [along(axis, now, grid, 0, lambda v: int(lifts(path, v))) for grid in both_ways(axis, now)]
        yield from (hit[0] for hit in sorted((h for h in hits if h), key=lambda h: abs(math.log(h[0] / now))))
    elif path == "task.task":
        yield from it.tasks
    elif path == "data.type":
        yield from it.data_types
    elif path == "constraints.exclude":
        yield tuple(slug for slug in now or () if slug != it.slug)
    elif path == "constraints.include":
        yield (*(now or ()), it.slug)
    elif path in _FREE:
        if path == "budget.gpu":
            yield from (name for name in _words(rule.when.get(path)) if name in advisor.knowledge.gpus)
        yield None
    else:
        yield from (value for value in _CHOICES.get(path, ()) if value != now)


def _words(test: Any) -> Iterator[str]:
    """The names that a test of a rule holds."""
    if isinstance(test, str):
        yield test
    elif isinstance(test, dict | list):
        for inner in test.values() if isinstance(test, dict) else test:
            yield from _words(inner)


def _pointer(path: str) -> str:
    return path.removeprefix("task.").replace(".", "/")


def _told(path: str, value: Any, facts: Facts, index: int, advisor: Advisor) -> str:
    field = path.split(".")[1].replace("_", " ")
    if path.startswith("constraints.") and isinstance(value, tuple):
        name = advisor.architectures[index].slug
        return (
            f"With {name} in {field} the rule lets it in." if name in value else f"Without {name} in {field} the rule lets it in."
        )
    return f"With {field} {spoken(value)} instead of {spoken(facts.get(path))} the rule lets it in."
