"""A task with its gaps filled: each value put in is an assumption with the rule that made it."""

from __future__ import annotations

from typing import Any

from app.recommend.rules import Facts, Rules, facts_of, fill
from app.vocabulary import Assumption, Knowledge, Recommendation, Rule, Task

_NO_FIELD = object()


class TaskError(ValueError):
    """A task that contradicts itself, or a name in it that is not known."""

    def __init__(self, pointer: str, detail: str, allowed: Any = None) -> None:
        super().__init__(detail)
        self.pointer, self.detail, self.allowed = pointer, detail, allowed


def describe(task: Task, rules: Rules, knowledge: Knowledge) -> tuple[Task, tuple[Assumption, ...], Facts]:
    """The completed task, what was assumed, and every path with its value.

    Raises TaskError where the task names an unknown GPU or architecture, or does not go with its data.
    """
    facts = facts_of(task)
    made = complete(facts, rules)
    assumptions = tuple(
        Assumption(pointer=pointer, value=value, because=fill(rule.text, facts), rule_id=rule.id)
        for pointer, (value, rule) in made.items()
    )
    if made:
        task = _filled(task, {pointer: value for pointer, (value, _) in made.items()})
        facts = facts_of(task)
    _check(task, knowledge)
    return task, assumptions, facts


def as_asked(answer: Recommendation) -> Task:
    """The task of an answer as it was asked: without what the advisor assumed."""
    body = answer.task.model_dump()
    for assumption in answer.assumptions:
        *parents, name = assumption.pointer.strip("/").split("/")
        (body[parents[0]] if parents else body)[name] = None
    return Task.model_validate(body)


def complete(facts: Facts, rules: Rules) -> dict[str, tuple[Any, Rule]]:
    """Fills the gaps of facts in place; returns pointer -> (value, rule). The first rule in file order wins, until none adds."""
    made: dict[str, tuple[Any, Rule]] = {}
    while True:
        before = len(made)
        for one in rules.of("assume", facts["task.task"]):
            gaps = [(pointer, path) for pointer, path in one.fills if facts.get(path, _NO_FIELD) is None]
            if gaps and one.fires(facts) is not False:
                for pointer, path in gaps:
                    facts[path] = value = (one.rule.then.assume or {})[pointer]
                    made[pointer] = value, one.rule
        if len(made) == before:
            return made


def _filled(task: Task, values: dict[str, Any]) -> Task:
    """The task with values put in, checked as if the user had given them."""
    body = dict(task.__dict__)
    for pointer, value in values.items():
        part, _, name = pointer.strip("/").partition("/")
        if not name:
            body[part] = value
        else:
            body[part] = (dict(body[part]) if body[part] is getattr(task, part) else body[part]) | {name: value}
    return Task.model_validate(body)


def _check(task: Task, knowledge: Knowledge) -> None:
    if task.task is None:
        raise TaskError("#/task", f"no rule derives a task from data of type {task.data.type}", sorted(knowledge.tasks))
    known = knowledge.tasks.get(task.task)
    if known and known.data_types and task.data.type not in known.data_types:
        types = sorted(known.data_types)
        raise TaskError("#/data/type", f"{task.task} takes data of type {' or '.join(types)}, not {task.data.type}", types)
    if task.budget.gpu is not None and task.budget.gpu not in knowledge.gpus:
        raise TaskError("#/budget/gpu", f"{task.budget.gpu!r} is not a known GPU", sorted(knowledge.gpus))
    for name in ("exclude", "include"):
        for index, slug in enumerate(getattr(task.constraints, name)):
            if slug not in knowledge.architectures:
                raise TaskError(
                    f"#/constraints/{name}/{index}", f"{slug!r} is not a known architecture", sorted(knowledge.architectures)
                )
