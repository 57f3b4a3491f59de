"""Keys, scopes and what a team makes."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from app.vocabulary.word import Asked, Word


class Scope(StrEnum):
    """What a key may do; none implies another."""

    READ = "read"
    RECOMMEND = "recommend"
    VALIDATE = "validate"
    ADMIN = "admin"


class NewKey(Asked):
    """A key of the caller's own team, to be made."""

    name: str = Field("", max_length=100, description="What it is for.")
    scopes: frozenset[Scope] = Field(frozenset({Scope.READ, Scope.RECOMMEND, Scope.VALIDATE}), min_length=1)
    expires_in_days: float | None = Field(None, gt=0, le=36_500)


class ApiKey(Word):
    """A key, without its secret."""

    id: str
    team: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class MadeKey(ApiKey):
    """A key just made. The secret is shown this once."""

    key: str
