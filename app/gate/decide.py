"""A decision made anew and held against a lock: what the command, the API and the tests share. No files, no clock."""

from __future__ import annotations

from datetime import date

from app.asking import ask
from app.gate.drift import compare
from app.gate.task import TaskFile
from app.gate.words import Lock, Report
from app.recommend import Advisor
from app.vocabulary import Recommendation, Task

MOST = 50
"""So many of the ranking are looked at: a choice further down is as good as overtaken."""


def decide(task: Task, advisor: Advisor) -> Recommendation:
    """The answer to a task, long enough to find the locked choice in it. Raises Unprocessable."""
    return ask(task.model_copy(update={"top_k": max(task.top_k, MOST)}), advisor)


def check(lock: Lock, asked: TaskFile, advisor: Advisor, today: date) -> Report:
    """Every finding of a lock held against the answer of today. Raises Unprocessable where the task cannot be asked."""
    return compare(lock, asked, decide(asked.task, advisor), advisor, today)
