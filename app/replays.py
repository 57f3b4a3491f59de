"""The first answer to a request that carries an Idempotency-Key, kept so that a retry gets it again and makes nothing twice.

A key holds for one team and one route. It is taken before work starts and filled with the answer before that is sent, so of two
racing requests one works and the other is told to wait. Kept: what was made, and failures of ours while making it. A refusal is
forgotten, so that the same key may come again with a request that is right.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from app import db
from app.errors import Conflict, FieldProblem, Unprocessable
from app.tables import ReplayRow

KEEP_SECONDS = 48 * 3600.0
"""Clients are promised 24 hours."""
ABANDONED_SECONDS = 120.0
"""A request that has not ended by then has lost its process; longer than any request waits."""


@dataclass(frozen=True)
class Answer:
    """A response as it was sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def place(team: str | None, route: str, key: str) -> str:
    """Where the answer of a key is kept."""
    return hashlib.sha256("\0".join((team or "", route, key)).encode()).hexdigest()


def take(where: str, request_sha256: str) -> Answer | None:
    """The first answer; None for the first request, which must `keep` or `forget`.

    Raises Conflict while the first is at work, and Unprocessable where it asked for something else.
    """
    with db.transaction(unseen=True) as session:
        now = db.now(session)
        session.execute(sa.delete(ReplayRow).where(ReplayRow.created_at < now - KEEP_SECONDS))
        row = {"place": where, "request_sha256": request_sha256, "created_at": now, "headers": {}}
        if db.insert_if_absent(session, ReplayRow, row):
            return None
        found = session.get_one(ReplayRow, where)
        if found.request_sha256 != request_sha256:
            detail = "this Idempotency-Key came with another request before"
            raise Unprocessable(detail, [FieldProblem(pointer="header:Idempotency-Key", code="key_reused", detail=detail)])
        if found.status is not None:
            return Answer(found.status, found.headers, zlib.decompress(found.body) if found.body else b"")
        mine = ReplayRow.place == where, ReplayRow.created_at == found.created_at
        if found.created_at > now - ABANDONED_SECONDS:
            raise Conflict("the first request with this Idempotency-Key is at work", retry_after=1)
        taken = session.execute(sa.update(ReplayRow).where(*mine).values(created_at=now).returning(ReplayRow.place))
        if taken.first() is None:
            raise Conflict("another request with this Idempotency-Key is at work", retry_after=1)
        return None


def keep(where: str, answer: Answer) -> None:
    """Fills in the answer. The secret of one that must not be stored is left out."""
    secret = "no-store" in answer.headers.get("cache-control", "")
    values = {"status": answer.status, "headers": dict(answer.headers), "body": None if secret else zlib.compress(answer.body, 1)}
    with db.transaction(unseen=True) as session:
        session.execute(sa.update(ReplayRow).where(ReplayRow.place == where).values(**values))


def forget(where: str) -> None:
    with db.transaction(unseen=True) as session:
        session.execute(sa.delete(ReplayRow).where(ReplayRow.place == where, ReplayRow.status.is_(None)))
