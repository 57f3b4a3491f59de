"""API keys: made, rotated, revoked, and the tokens that stand for one for a while.

A key reads `ga_<id>_<secret>`. Its secret is 256 random bits, so a fast hash is enough: the database keeps the SHA-256 alone.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import db
from app.errors import Conflict, FieldProblem, NotFound, UnknownSlug, Unprocessable
from app.tables import ApiKeyRow, AskedRow, LedgerRow, TokenRow, UploadRow, ValidationRow
from app.validations.record import rfc3339
from app.vocabulary import ApiKey, MadeKey, Scope

SESSION_SECONDS, STREAM_SECONDS = 12 * 3600.0, 60.0
DAY = 86_400.0
USUAL = frozenset({Scope.READ, Scope.RECOMMEND, Scope.VALIDATE})
TEAM = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def create(team: str, name: str = "", scopes: Collection[Scope] = USUAL, days: float | None = None) -> MadeKey:
    """A new key of a team, its secret shown this once. Raises Unprocessable for a team that is no slug."""
    if not TEAM.fullmatch(team) or len(team) > 64:
        detail = "a team is named by small letters, digits and hyphens, at most 64"
        raise Unprocessable(detail, [FieldProblem(pointer="#/team", code="pattern", detail=detail, allowed=TEAM.pattern)])
    with db.transaction() as session:
        return _create(session, team, name, scopes, days)


def read_scopes(names: Collection[str]) -> frozenset[Scope]:
    """Scopes by name. Raises UnknownSlug."""
    for name in names:
        if name not in set(Scope):
            raise UnknownSlug("#/scopes", name, Scope)
    return frozenset(map(Scope, names))


def rotate(key_id: str, overlap_hours: float = 0.0) -> MadeKey:
    """A new key like an old one, which ends after `overlap_hours`. Raises NotFound, and Conflict for one that has ended."""
    with db.transaction() as session:
        row = _row(session, key_id, None)
        now = db.now(session)
        if row.revoked_at is not None or (row.expires_at or now + 1) <= now:
            raise Conflict(f"the key {key_id} has ended; make a new one")
        days = None if row.expires_at is None else (row.expires_at - row.created_at) / DAY
        row.expires_at = min(row.expires_at or now + overlap_hours * 3600, now + overlap_hours * 3600)
        return _create(session, row.team, row.name, [Scope(s) for s in row.scopes], days)


def revoke(key_id: str, team: str | None = None) -> None:
    """Ends a key within a second, everywhere. With a team only its own are known. Raises NotFound."""
    with db.transaction() as session:
        row = _row(session, key_id, team)
        row.revoked_at = row.revoked_at or db.now(session)
        session.execute(sa.delete(TokenRow).where(TokenRow.key_id == row.id))


def listing(team: str | None = None) -> list[ApiKey]:
    """The keys of a team, or of all, oldest first."""
    query = sa.select(ApiKeyRow).order_by(ApiKeyRow.created_at, ApiKeyRow.id)
    with db.reading() as session:
        return [_shown(row) for row in session.scalars(query if team is None else query.where(ApiKeyRow.team == team))]


def issue(key_id: str, purpose: str, seconds: float) -> str:
    """A random token that stands for a key for a while: `session` of a browser, or `stream`. It ends with its key."""
    token = f"gt_{secrets.token_hex(32)}"
    with db.transaction() as session:
        now = db.now(session)
        session.execute(sa.delete(TokenRow).where(TokenRow.expires_at < now))
        row = {"sha256": digest(token), "key_id": key_id, "purpose": purpose, "expires_at": now + seconds}
        session.execute(sa.insert(TokenRow).values(**row))
    return token


def forget(token: str) -> None:
    """Ends a session."""
    with db.transaction() as session:
        session.execute(sa.delete(TokenRow).where(TokenRow.sha256 == digest(token)))


def _create(session: Session, team: str, name: str, scopes: Iterable[Scope], days: float | None) -> MadeKey:
    key_id, secret, now = secrets.token_hex(6), secrets.token_hex(32), db.now(session)
    row = ApiKeyRow(
        id=key_id,
        team=team,
        name=name,
        scopes=sorted(scopes),
        secret_sha256=digest(secret),
        created_at=now,
        expires_at=None if days is None else now + days * DAY,
    )
    session.add(row)
    return MadeKey(**_shown(row).model_dump(), key=f"ga_{key_id}_{secret}")


def _row(session: Session, key_id: str, team: str | None) -> ApiKeyRow:
    row = session.get(ApiKeyRow, key_id)
    if row is None or (team is not None and row.team != team):
        raise NotFound(f"there is no key {key_id[:64]!r}")
    return row


def _shown(row: ApiKeyRow) -> ApiKey:
    created, expires, revoked = (None if t is None else rfc3339(t) for t in (row.created_at, row.expires_at, row.revoked_at))
    scopes = tuple(Scope(scope) for scope in row.scopes)
    return ApiKey(
        id=row.id,
        team=row.team,
        name=row.name,
        scopes=scopes,
        created_at=created or "",
        expires_at=expires,
        revoked_at=revoked,
    )


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def adopt(team: str) -> int:
    """Gives a team what was made while there was no key; how many things that were."""
    owned = (ValidationRow, UploadRow, LedgerRow)
    with db.transaction() as session:
        given = [session.execute(sa.update(table).where(table.team.is_(None)).values(team=team)) for table in owned]
        known = sa.select(AskedRow.recommendation_id).where(AskedRow.team == team)
        free = AskedRow.team == "", AskedRow.recommendation_id.not_in(known)
        given.append(session.execute(sa.update(AskedRow).where(*free).values(team=team)))
        return sum(done.rowcount for done in given)  # type: ignore[attr-defined]
