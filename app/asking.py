"""Asking without keeping: what needs neither a database nor a server. A task that contradicts itself is the asker's error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import FieldProblem, UnknownSlug, Unprocessable
from app.recommend import Advisor, TaskError, recommend
from app.recommend.describe import as_asked
from app.recommend.whynot import why_not as explain
from app.vocabulary import Recommendation, Task, WhyNot


def named(task: Task, advisor: Advisor) -> Task:
    """The task with its names as the knowledge base has them: `A100` and `GeForce RTX 3090` are read. Raises UnknownSlug."""
    known = advisor.knowledge
    for where in ("exclude", "include"):
        for place, slug in enumerate(getattr(task.constraints, where)):
            if slug not in known.architectures:
                raise UnknownSlug(f"#/constraints/{where}/{place}", slug, known.architectures)
    gpu = task.budget.gpu
    if gpu is None or gpu in known.gpus:
        return task
    meant = advisor.costs.predictor.lexicon.called(gpu)
    if len(meant) != 1:
        raise UnknownSlug("#/budget/gpu", gpu, known.gpus, near=[one.name for one in meant[:MOST_OFFERED]])
    return task.model_copy(update={"budget": task.budget.model_copy(update={"gpu": meant[0].name})})


MOST_OFFERED = 5
"""Of the devices that a short name can mean."""


def ask(task: Task, advisor: Advisor) -> Recommendation:
    """The answer, not kept. Raises UnknownSlug, and Unprocessable where the task contradicts itself."""
    asked = named(task, advisor)
    with contradictions():
        return recommend(asked, advisor)


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
