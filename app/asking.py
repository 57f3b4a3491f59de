"""Asking without keeping: what needs neither a database nor a server. A task that contradicts itself is the asker's error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import FieldProblem, UnknownSlug, Unprocessable
from app.recommend import Advisor, TaskError, recommend
from app.recommend.describe import as_asked
from app.recommend.whynot import why_not as explain
from app.vocabulary import Knowledge, Recommendation, Task, WhyNot


def check_names(task: Task, knowledge: Knowledge) -> None:
    """Refuses names the knowledge base does not have, offering the nearest. Raises UnknownSlug."""
    for where in ("exclude", "include"):
        for place, slug in enumerate(getattr(task.constraints, where)):
            if slug not in knowledge.architectures:
                raise UnknownSlug(f"#/constraints/{where}/{place}", slug, knowledge.architectures)
    if task.budget.gpu is not None and task.budget.gpu not in knowledge.gpus:
        raise UnknownSlug("#/budget/gpu", task.budget.gpu, knowledge.gpus)


def ask(task: Task, knowledge: Knowledge, advisor: Advisor) -> Recommendation:
    """The answer, not kept. Raises UnknownSlug, and Unprocessable where the task contradicts itself."""
    check_names(task, knowledge)
    with contradictions():
        return recommend(task, advisor)


@contextmanager
def contradictions() -> Iterator[None]:
    """A task that contradicts itself is the asker's error."""
    try:
        yield
    except TaskError as error:
        problem = FieldProblem(pointer=error.pointer, code="contradiction", detail=error.detail, allowed=error.allowed)
        raise Unprocessable(error.detail, [problem]) from None


def why_not(answer: Recommendation, slug: str, advisor: Advisor) -> WhyNot:
    """Why an architecture is not the first of an answer. Raises UnknownSlug, which offers the nearest names."""
    try:
        with contradictions():
            return explain(answer.id, as_asked(answer), slug, advisor)
    except KeyError:
        raise UnknownSlug("path:slug", slug, advisor.knowledge.architectures) from None
