"""Asking, and keeping what was answered: the one path that API, dashboard and validations share."""

from __future__ import annotations

import contextlib
from collections import OrderedDict

from app import asking, db
from app.asking import ask, contradictions
from app.errors import FieldProblem, NotFound, UnknownSlug, Unprocessable
from app.recommend import Advisor
from app.recommend import winners as maps
from app.recommend.describe import as_asked
from app.tables import RecommendationRow
from app.vocabulary import MapField, Recommendation, WhyNot, WinnerMap

__all__ = ["Told", "answered", "ask", "keep", "stored", "why_not", "winner_map"]


def why_not(answer: Recommendation, slug: str, advisor: Advisor) -> WhyNot:
    """Why an architecture is not the first of an answer. Raises NotFound, which offers the nearest names."""
    try:
        return asking.why_not(answer, slug, advisor)
    except UnknownSlug as unknown:
        raise NotFound(unknown.detail, unknown.errors) from None


def winner_map(
    answer: Recommendation, x: MapField, y: MapField, advisor: Advisor, columns: int = maps.COLUMNS, rows: int = maps.ROWS
) -> WinnerMap:
    """Who is first as two numbers of an answer's task vary. Raises Unprocessable where they are the same."""
    if x is y:
        detail = "a map needs two different fields"
        allowed = [field for field in MapField if field is not x]
        raise Unprocessable(detail, [FieldProblem(pointer="?y", code="same_field", detail=detail, allowed=allowed)])
    with contradictions():
        return maps.winners(answer.id, as_asked(answer), advisor, x, y, columns, rows)


class Told:
    """The last answers that are in the store, as bytes: a question asked before costs neither ranking nor encoding."""

    def __init__(self, most: int = 200) -> None:
        self._most = most
        self._held: OrderedDict[tuple[str, str], tuple[str, bytes]] = OrderedDict()

    def find(self, question: str, digest: str) -> tuple[str, bytes] | None:
        """Id and JSON of the answer to a question under one knowledge."""
        with contextlib.suppress(KeyError):  # another thread may have dropped it
            self._held.move_to_end((question, digest))
        return self._held.get((question, digest))

    def remember(self, question: str, digest: str, answer_id: str, body: bytes) -> None:
        self._held[question, digest] = answer_id, body
        while len(self._held) > self._most:
            self._held.popitem(last=False)


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


def answered(recommendation_id: str) -> Recommendation:
    """An answer as it was given. Raises NotFound."""
    return Recommendation.model_validate_json(stored(recommendation_id).body)
