"""Asking, and keeping what was answered: the one path that API, dashboard and validations share."""

from __future__ import annotations

import contextlib
from collections import OrderedDict

import sqlalchemy as sa

from app import asking, db
from app.asking import ask, contradictions
from app.errors import FieldProblem, NotFound, UnknownSlug, Unprocessable
from app.recommend import Advisor
from app.recommend import winners as maps
from app.recommend.describe import as_asked
from app.tables import AskedRow, RecommendationRow
from app.vocabulary import MapField, Recommendation, WhyNot, WinnerMap

__all__ = ["Told", "answered", "ask", "keep", "page", "stored", "why_not", "winner_map"]


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
        self._held: OrderedDict[tuple[str | None, str, str], tuple[str, bytes]] = OrderedDict()

    def find(self, team: str | None, question: str, digest: str) -> tuple[str, bytes] | None:
        """Id and JSON of the answer that a team was given to a question under one knowledge."""
        with contextlib.suppress(KeyError):  # another thread may have dropped it
            self._held.move_to_end((team, question, digest))
        return self._held.get((team, question, digest))

    def remember(self, team: str | None, question: str, digest: str, answer_id: str, body: bytes) -> None:
        self._held[team, question, digest] = answer_id, body
        while len(self._held) > self._most:
            self._held.popitem(last=False)


def keep(answer: Recommendation, body: str, team: str | None = None) -> bool:
    """Stores an answer, whose JSON is `body`, for a team; False when it was given before. Equal questions share a row, unseen."""
    asked = {"team": team or "", "recommendation_id": answer.id}
    with db.reading() as session:
        if session.get(AskedRow, asked) is not None:
            return False
    row = {"id": answer.id, "knowledge_sha256": answer.knowledge.sha256, "body": body}
    with db.transaction() as session:
        now = db.now(session)
        db.insert_if_absent(session, RecommendationRow, {**row, "created_at": now})
        return db.insert_if_absent(session, AskedRow, {**asked, "created_at": now})


def page(
    limit: int, after: tuple[float, str] | None = None, team: str | None = None
) -> tuple[list[tuple[float, Recommendation]], tuple[float, str] | None]:
    """What a team was answered and when it first asked, newest first, and the place to go on from; None on the last page."""
    place = (AskedRow.created_at, AskedRow.recommendation_id)
    query = sa.select(AskedRow.created_at, RecommendationRow.id, RecommendationRow.body).join(RecommendationRow)
    query = query.where(AskedRow.team == (team or "")).order_by(*(column.desc() for column in place)).limit(limit + 1)
    if after is not None:
        query = query.where(sa.tuple_(*place) < sa.tuple_(*map(sa.literal, after)))
    with db.reading() as session:
        rows = session.execute(query).all()
    more = (rows[limit - 1].created_at, rows[limit - 1].id) if len(rows) > limit else None
    return [(row.created_at, Recommendation.model_validate_json(row.body)) for row in rows[:limit]], more


def stored(recommendation_id: str, team: str | None = None) -> str:
    """The JSON of an answer that a team was given. Raises NotFound."""
    query = sa.select(RecommendationRow.body).join(AskedRow)
    with db.reading() as session:
        body = session.scalar(query.where(RecommendationRow.id == recommendation_id, AskedRow.team == (team or "")))
    if body is None:
        raise NotFound(f"no recommendation has the id {recommendation_id!r}")
    return body


def answered(recommendation_id: str, team: str | None = None) -> Recommendation:
    """An answer as it was given. Raises NotFound."""
    return Recommendation.model_validate_json(stored(recommendation_id, team))
