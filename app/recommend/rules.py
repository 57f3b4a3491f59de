"""Rules compiled once, fired often: each test becomes a closure over the task or a mask over the architectures.

`when` maps a path to a test and holds if every test holds.

    scalar            equal; where either side has several values, one in common
    [a, b]            any of these
    {min, max}        at least, at most;  {above, below}  strictly so
    {known: true}     not null and not empty
    {not: test}       the test does not hold, or the value is unknown

An operand that is itself a path (`task.task`, `architecture.resolution.max`) stands for its value. On an unknown value, or
against an unknown operand, no comparison holds. Paths: task.*, data.*, budget.*, constraints.*, priorities.*,
architecture.*, cost.gpu_hours (expected), cost.budget_share (of these, what the budget covers), and cost.least_gpu_hours and
cost.memory_gb (the least that training is predicted to take).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.vocabulary import Architecture, Rule, Task, TaskSlug

Mask = NDArray[np.bool_]
Array = NDArray[np.float64]
Facts = dict[str, Any]
"""Every path of one task with its value; `cost.*` holds one number per architecture, NaN where unknown."""

NOTHING: Facts = {}
_ROOTS = ("task.", "data.", "budget.", "constraints.", "priorities.", "architecture.", "cost.")
_PATH = re.compile(rf"(?:{'|'.join(r.replace('.', r'[.]') for r in _ROOTS)})[a-z_.]+")
_BRACES = re.compile(r"\{([a-z_.]+)\}")
EFFECTS = ("exclude", "score", "stability", "advise", "set", "assume")
_ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "min": operator.ge,
    "max": operator.le,
    "above": operator.gt,
    "below": operator.lt,
}
_EMPTY: tuple[Any, ...] = ()
_NUMBERS, _SEQUENCES = (int, float), (tuple, list)
_NAN = float("nan")


def facts_of(task: Task) -> Facts:
    """The paths of a task and their values."""
    facts: Facts = {"task.task": task.task, "task.top_k": task.top_k}
    for root in ("data", "budget", "constraints", "priorities"):
        for name, value in getattr(task, root).__dict__.items():
            facts[f"{root}.{name}"] = value
    return facts


def facts_of_architecture(architecture: Architecture, trainable: bool) -> Facts:
    """The paths of an architecture and their values."""
    facts: Facts = {"architecture.trainable": trainable}
    for name, value in architecture.__dict__.items():
        if hasattr(value, "model_fields_set"):
            for inner, leaf in value.__dict__.items():
                facts[f"architecture.{name}.{inner}"] = leaf
        else:
            facts[f"architecture.{name}"] = value
    return facts


def path_of(pointer: str) -> str:
    """`/data/samples` -> `data.samples`, `/task` -> `task.task`."""
    path = pointer.strip("/").replace("/", ".")
    return path if "." in path else f"task.{path}"


def fill(text: str, facts: Facts, design: Facts = NOTHING) -> str:
    """The sentence with each {path} replaced by its value in the design or the task."""
    if "{" not in text:
        return text
    return _BRACES.sub(lambda found: spoken(design.get(found[1], facts.get(found[1]))), text)


def paths_of(text: str) -> tuple[str, ...]:
    """The paths of the task that a sentence speaks of."""
    return tuple(path for path in _BRACES.findall(text) if not path.startswith("architecture."))


def spoken(value: Any) -> str:
    """A value as an answer says it."""
    if value is None or value == ():
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
    if isinstance(value, tuple | list):
        return ", ".join(spoken(item) for item in value)
    return str(value)


@dataclass(frozen=True)
class Compiled:
    """One rule: tests of the task alone, a fixed mask, and masks that depend on both.

    `paths` are all it looks at, `fills` the pointers and paths that it assumes.
    """

    rule: Rule
    tasks: frozenset[str] | None
    task_tests: tuple[Callable[[Facts], bool], ...]
    fixed: Mask | None
    mixed: tuple[Callable[[Facts], Mask], ...]
    paths: frozenset[str]
    fills: tuple[tuple[str, str], ...]

    def fires(self, facts: Facts) -> Mask | bool:
        """Which architectures the rule fires on; True or False where it does not look at them. Its `tasks` are not tested."""
        for test in self.task_tests:
            if not test(facts):
                return False
        mask: Mask | bool = True if self.fixed is None else self.fixed
        for both in self.mixed:
            mask = mask & both(facts)
        return mask


Fired = list[tuple[Rule, Mask | bool]]


@dataclass(frozen=True)
class Scoring:
    """What rules add to the scores on one task: the sums of those that always fire on it, and the rules that may."""

    bonus: Array
    steady: Array
    always: Fired
    sometimes: tuple[Compiled, ...]


class Rules:
    """All rules over a fixed sequence of architectures."""

    def __init__(self, rules: Sequence[Rule], architectures: Sequence[Architecture], trainable: frozenset[str]) -> None:
        self._given = rules, architectures, trainable
        self.columns = [facts_of_architecture(a, a.slug in trainable) for a in architectures]
        self._index: dict[str, dict[Any, Mask]] = {}
        compiled = [self._compile(rule) for rule in rules]
        self.moving = frozenset(c.rule.id for c in compiled if c.mixed)
        """Rules of which the task decides what architectures they fire on."""
        self.asks_cost = any(path.startswith("cost.") for c in compiled for path in c.paths)
        self._by_effect = {e: [c for c in compiled if getattr(c.rule.then, e) is not None] for e in EFFECTS}
        tasks = (None, *TaskSlug)
        self._by_task: dict[tuple[str, str | None], tuple[Compiled, ...]] = {
            (effect, task): tuple(c for c in found if (c.tasks is None or task in c.tasks) and (c.fixed is None or c.fixed.any()))
            for effect, found in self._by_effect.items()
            for task in tasks
        }

        self._scoring = {task: self._sums(task) for task in tasks}

    def __reduce__(self) -> tuple[type[Rules], tuple[Any, ...]]:
        """Pickled as what it was compiled from, since closures cannot be."""
        return Rules, self._given

    def of(self, effect: str, task: str | None) -> tuple[Compiled, ...]:
        """The rules of one effect that can fire on a task, in file order."""
        return self._by_task[effect, task]

    def scoring(self, task: str | None) -> Scoring:
        """The rules that change the score of an architecture or its stability."""
        return self._scoring[task]

    def _sums(self, task: str | None) -> Scoring:
        always: Fired = []
        sometimes = []
        bonus, steady = np.zeros(len(self.columns)), np.zeros(len(self.columns))
        for one in (*self.of("score", task), *self.of("stability", task)):
            if one.task_tests or one.mixed:
                sometimes.append(one)
            else:
                where = True if one.fixed is None else one.fixed
                always.append((one.rule, where))
                bonus += (one.rule.then.score or 0.0) * where
                steady += (one.rule.then.stability or 0.0) * where
        return Scoring(bonus, steady, always, tuple(sometimes))

    def firing(self, effect: str, facts: Facts) -> Fired:
        """The rules of one effect that fire, in file order, with the architectures they fire on."""
        return fired(self.of(effect, facts["task.task"]), facts)

    def assumes_from(self, path: str) -> bool:
        """Whether a value at this path can change what is assumed at another."""
        return any(path in c.paths and any(other != path for _, other in c.fills) for c in self._by_effect["assume"])

    def _compile(self, rule: Rule) -> Compiled:
        tests: list[Callable[[Facts], bool]] = []
        tasks: frozenset[str] | None = None
        mixed: list[Callable[[Facts], Mask]] = []
        fixed: Mask | None = None
        paths: set[str] = set()
        for path, test in rule.when.items():
            touched = [path, *_paths_in(test)]
            paths.update(touched)
            design = [p.startswith("architecture.") for p in touched]
            if path == "task.task" and isinstance(test, str | list) and not _is_path(test):
                tasks = frozenset(_several(test))
            elif any(p.startswith("cost.") for p in touched) or (any(design) and not all(design)):
                mixed.append(self._both(path, test))
            elif all(design):
                mask = np.array([holds(test, column.get(path), column) for column in self.columns], bool)
                fixed = mask if fixed is None else fixed & mask
            else:
                tests.append(_of_task(path, test))
        fills = tuple((pointer, path_of(pointer)) for pointer in rule.then.assume or ())
        return Compiled(rule, tasks, tuple(tests), fixed, tuple(mixed), frozenset(paths), fills)

    def _both(self, path: str, test: Any) -> Callable[[Facts], Mask]:
        """A test that compares an architecture, or its cost, with the task."""
        if isinstance(test, Mapping) and "not" in test:
            inner = self._both(path, test["not"])
            return lambda facts: ~inner(facts)
        if isinstance(test, Mapping) and "known" in test:
            number, wanted = self._numbers(path), test["known"]
            return lambda facts: np.isnan(number(facts)) != wanted
        if isinstance(test, Mapping):
            everyone = np.ones(len(self.columns), bool)
            pairs = [(_ORDER[name], self._numbers(path), self._numbers(operand)) for name, operand in test.items()]

            def compare(facts: Facts) -> Mask:
                mask: Mask
                order, left, right = pairs[0]
                mask = order(left(facts), right(facts))
                for order, left, right in pairs[1:]:
                    mask = mask & order(left(facts), right(facts))
                return mask & everyone

            return compare
        design, other = (path, test) if path.startswith("architecture.") else (test, path)
        masks = self._masks(design)
        nothing = np.zeros(len(self.columns), bool)

        def common(facts: Facts) -> Mask:
            mask = nothing
            for value in _several(facts.get(other)):
                mask = mask | masks.get(value, nothing)
            return mask

        return common

    def _masks(self, path: str) -> dict[Any, Mask]:
        """The architectures that have each value of a path."""
        if path not in self._index:
            masks = self._index[path] = {}
            for index, column in enumerate(self.columns):
                for value in _several(column.get(path)):
                    masks.setdefault(value, np.zeros(len(self.columns), bool))[index] = True
        return self._index[path]

    def _numbers(self, operand: Any) -> Callable[[Facts], Any]:
        if not _is_path(operand):
            return lambda facts: operand
        if operand.startswith("architecture."):
            known = np.array([_number(column.get(operand)) for column in self.columns])
            return lambda facts: known
        if operand.startswith("cost."):
            unknown = np.full(len(self.columns), np.nan)
            return lambda facts: facts.get(operand, unknown)
        return lambda facts: _number(facts.get(operand))


def fired(compiled: Sequence[Compiled], facts: Facts) -> Fired:
    """Those of the rules that fire, with the architectures they fire on, of which there may be none."""
    return [(one.rule, mask) for one in compiled if (mask := one.fires(facts)) is not False]


def touches(mask: Mask | bool, index: int) -> bool:
    """Whether a rule that fired did so on one architecture."""
    return mask is True or bool(mask[index])  # type: ignore[index]


def holds(test: Any, value: Any, facts: Facts) -> bool:
    """Whether a test holds of a value; `facts` gives the values of path operands. The reference meaning, one value at a time."""
    if isinstance(test, Mapping):
        for name, operand in test.items():
            if name == "not":
                ok = not holds(operand, value, facts)
            elif name == "known":
                ok = (len(_several(value)) > 0) is operand
            else:
                bound = facts.get(operand) if _is_path(operand) else operand
                ok = value is not None and bound is not None and bool(_ORDER[name](value, bound))
            if not ok:
                return False
        return True
    wanted = facts.get(test) if _is_path(test) else test
    return not set(_several(value)).isdisjoint(_several(wanted))


def _of_task(path: str, test: Any) -> Callable[[Facts], bool]:
    """The closure for the commonest tests, of a path with one value; `holds` for the rest."""
    single = path not in _SEVERAL
    if isinstance(test, list) and single:
        among = frozenset(test)
        return lambda facts: facts.get(path) in among
    if isinstance(test, str | bool | int | float) and single and not _is_path(test):
        return lambda facts: bool(facts.get(path) == test)
    if isinstance(test, Mapping) and single and len(test) == 1:
        ((name, operand),) = test.items()
        if name == "known":
            return lambda facts: (facts.get(path) is not None) is operand
        if name in _ORDER and isinstance(operand, int | float):
            order = _ORDER[name]
            return lambda facts: (value := facts.get(path)) is not None and bool(order(value, operand))
    return lambda facts: holds(test, facts.get(path), facts)


_SEVERAL = ("constraints.exclude", "constraints.include")


def _paths_in(test: Any) -> list[str]:
    if isinstance(test, Mapping):
        return [path for operand in test.values() for path in _paths_in(operand)]
    return [test] if _is_path(test) else []


def _is_path(operand: Any) -> bool:
    return isinstance(operand, str) and _PATH.fullmatch(operand) is not None


def _several(value: Any) -> Sequence[Any]:
    if value is None:
        return _EMPTY
    return value if isinstance(value, _SEQUENCES) else (value,)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, _NUMBERS) else _NAN
