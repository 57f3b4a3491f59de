"""Asking, and keeping what was answered: the one path that API, dashboard and validations share."""

from __future__ import annotations

import re
import time

import sqlalchemy as sa

from app import asking, db
from app.asking import ask, contradictions
from app.errors import FieldProblem, NotFound, UnknownSlug, Unprocessable
from app.recommend import Advisor
from app.recommend import winners as maps
from app.recommend.describe import as_asked
from app.tables import AskedRow, RecommendationRow
from app.vocabulary import MapField, Recommendation, WhyNot, WinnerMap
from app.writer import WRITER

__all__ = ["WRITER", "answered", "ask", "keep", "page", "stored", "why_not", "winner_map"]


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


AGAIN = (0.1, 0.2)
"""Seconds until what is not found is looked for again: another process may be about to write it."""
ID = re.compile(r"[0-9a-f]{32}")
_ASKED = sa.select(sa.literal(1)).where(
    AskedRow.team == sa.bindparam("team"), AskedRow.recommendation_id == sa.bindparam("recommendation_id")
)


def keep(answer: Recommendation, body: str, team: str | None = None) -> bool:
    """Stores an answer, whose JSON is `body`, for a team; False when it was given before. Equal questions share a row, unseen."""
    asked = team or "", answer.id
    with db.engine().connect() as connection:  # once for every new question: a session would take longer than the statement
        if connection.execute(_ASKED, {"team": asked[0], "recommendation_id": asked[1]}).first() is not None:
            return False
    return WRITER.add(asked, {"id": answer.id, "knowledge_sha256": answer.knowledge.sha256, "body": body})


def page(
    limit: int, after: tuple[float, str] | None = None, team: str | None = None
) -> tuple[list[tuple[float, Recommendation]], tuple[float, str] | None]:
    """What a team was answered and when it first asked, newest first, and the place to go on from; None on the last page."""
    place = (AskedRow.created_at, AskedRow.recommendation_id)
    query = sa.select(AskedRow.created_at, RecommendationRow.id, RecommendationRow.body).join(RecommendationRow)
    query = query.where(AskedRow.team == (team or "")).order_by(*(column.desc() for column in place)).limit(limit + 1)
    WRITER.flush()
    if after is not None:
        query = query.where(sa.tuple_(*place) < sa.tuple_(*map(sa.literal, after)))
    with db.reading() as session:
        rows = session.execute(query).all()
    more = (rows[limit - 1].created_at, rows[limit - 1].id) if len(rows) > limit else None
    return [(row.created_at, Recommendation.model_validate_json(row.body)) for row in rows[:limit]], more


def stored(recommendation_id: str, team: str | None = None) -> str:
    """The JSON of an answer that a team was given. Raises NotFound."""
    body = WRITER.find((team or "", recommendation_id)) or _stored(recommendation_id, team)
    pauses = iter(AGAIN if ID.fullmatch(recommendation_id) else ())
    while body is None and (pause := next(pauses, None)) is not None:
        time.sleep(pause)
        body = _stored(recommendation_id, team)
    if body is None:
        raise NotFound(f"no recommendation has the id {recommendation_id!r}")
    return body


def _stored(recommendation_id: str, team: str | None) -> str | None:
    query = sa.select(RecommendationRow.body).join(AskedRow)
    with db.reading() as session:
        return session.scalar(query.where(RecommendationRow.id == recommendation_id, AskedRow.team == (team or "")))


def answered(recommendation_id: str, team: str | None = None) -> Recommendation:
    """An answer as it was given. Raises NotFound."""
    return Recommendation.model_validate_json(stored(recommendation_id, team))
