"""Asking, and keeping what was answered: the one path that API, dashboard and validations share."""

from __future__ import annotations

from app import db
from app.errors import FieldProblem, NotFound, UnknownSlug, Unprocessable
from app.recommend import Advisor, TaskError, recommend
from app.tables import RecommendationRow
from app.vocabulary import Knowledge, Recommendation, Task


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
    try:
        return recommend(task, advisor)
    except TaskError as error:
        problem = FieldProblem(pointer=error.pointer, code="contradiction", detail=error.detail, allowed=error.allowed)
        raise Unprocessable(error.detail, [problem]) from None


def keep(answer: Recommendation, body: str) -> bool:
    """Stores an answer, whose JSON is `body`, under its id; False when it is there already, since equal questions share a row."""
    with db.reading() as session:
        if session.get(RecommendationRow, answer.id) is not None:
            return False
    row = {"id": answer.id, "knowledge_sha256": answer.knowledge.sha256, "body": body}
    with db.transaction() as session:
        return db.insert_if_absent(session, RecommendationRow, {**row, "created_at": db.now(session)})


def stored(recommendation_id: str) -> RecommendationRow:
    """The row of an answer. Raises NotFound."""
    with db.reading() as session:
        row = session.get(RecommendationRow, recommendation_id)
    if row is None:
        raise NotFound(f"no recommendation has the id {recommendation_id!r}")
    return row
