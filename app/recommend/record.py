"""What a backtest says of one answer: in how many cases like it the best was named."""

from __future__ import annotations

from app.vocabulary import Backtest, Record, TaskSlug, Tested

ENOUGH = 10
"""Cases of one task that say something of it; with fewer, all tasks are counted and the sentence says so."""


def records_of(backtest: Backtest | None) -> dict[TaskSlug, Record]:
    """The record that an answer on each task shows; empty where there is no backtest."""
    return {} if backtest is None else {task: _record(task, backtest) for task in TaskSlug}


def _record(task: TaskSlug, backtest: Backtest) -> Record:
    own = backtest.by_task.get(task)
    words = task.replace("-", " ")
    if own is not None and own.groups >= ENOUGH:
        text = f"In {own.groups} similar cases ({words}) the best was named in {_count(own.right['advisor'])}; "
        return _of(own, task, backtest.id, f"{text}drawn at random it would be in {_count(own.right['random'])}.")
    few = f"No case of {words} could be tried"
    if own is not None and own.groups:
        named = _count(own.right["advisor"])
        few = f"Only {own.groups} cases of {words} could be tried, too few to count; the best was named in {named}"
    text = f"{few}. Over {backtest.groups} cases of all tasks it was named in {_count(backtest.right['advisor'])}; "
    return _of(backtest, None, backtest.id, f"{text}drawn at random it would be in {_count(backtest.right['random'])}.")


def _of(found: Tested, task: TaskSlug | None, name: str, text: str) -> Record:
    right, chance = found.right["advisor"], found.right["random"]
    return Record(id=name, task=task, cases=found.groups, right=right, random=chance, text=text)


def _count(cases: float) -> str:
    """Whole cases: shares of ties are no news to a reader."""
    return f"{round(cases)}"
