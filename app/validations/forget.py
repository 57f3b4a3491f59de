"""Deleting the record of a validation before its retention has run out."""

from __future__ import annotations

import shutil

from app import db
from app.errors import Conflict
from app.settings import settings
from app.validations import engine, record
from app.validations.store import missing


def delete(validation_id: str, team: str | None = None) -> None:
    """Row, log, measurements and files. Raises NotFound, and Conflict while it has not ended."""
    with db.transaction() as session:
        row = record.lock(session, validation_id)
        if row is None or row.team != team:
            raise missing(session, validation_id, team)
        if row.outcome is None:
            raise Conflict("the validation has not ended; cancel it first")
        session.delete(row)
    engine.delete([validation_id])
    shutil.rmtree(settings().runs / validation_id, ignore_errors=True)
