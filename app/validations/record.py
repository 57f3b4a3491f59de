"""What the database remembers of one validation, and who may write it: claim, relay, finish.

Every write starts with an update of the validation's own row. That takes its lock on both stores, so event numbers have no
gaps; and for a worker it is conditional on `run_token` and on its lease, so a worker declared dead can publish nothing.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import db
from app.settings import settings
from app.tables import EventRow, LedgerRow, Measurement, ValidationRow, WorkerRow
from app.vocabulary import Status
from app.webhooks import outbox


class Superseded(Exception):
    """Another worker owns this validation now, or it has ended: stop, and write nothing."""


class DeclaredDead(Exception):
    """A peer has taken this worker for dead. It may write nothing, and must not even end its workflow: what it returned could
    be taken for an outcome in the instant before the peer requeues. It holds still until its lease ends the process."""


@dataclass(frozen=True)
class Claim:
    """A worker's right to run one validation and to publish its outcome."""

    validation_id: str
    executor_id: str
    token: str
    attempt: int
    plan: Mapping[str, Any]
    traceparent: str | None = None


@dataclass(frozen=True)
class Line:
    """An event of a run on its way into the log; `source` is `RUN:SEQ`."""

    type: str
    source: str
    data: Mapping[str, Any]


def finite(body: Any) -> Any:
    """A copy in which NaN and infinity, which JSON has no word for, are null."""
    if isinstance(body, Mapping):
        return {key: finite(value) for key, value in body.items()}
    if isinstance(body, list | tuple):
        return [finite(value) for value in body]
    return None if isinstance(body, float) and not math.isfinite(body) else body


def rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def append(session: Session, validation_id: str, type: str, data: Mapping[str, Any], source: str | None = None) -> None:
    """Adds an event with the next number. The caller holds the lock of the validation's row."""
    of_this = EventRow.validation_id == validation_id
    last = session.execute(sa.select(sa.func.max(EventRow.seq)).where(of_this)).scalar_one_or_none() or 0
    at = rfc3339(db.now(session))
    row = {"validation_id": validation_id, "seq": last + 1, "timestamp": at, "source": source, "data": finite(data)}
    session.execute(sa.insert(EventRow).values(type=f"validation.{type}", **row))
    outbox.tell(session, validation_id, row["seq"], f"validation.{type}", at, row["data"])


def lock(session: Session, validation_id: str) -> ValidationRow | None:
    """The row, read under its lock; None when it is gone."""
    mine = ValidationRow.id == validation_id
    session.execute(sa.update(ValidationRow).where(mine).values(attempt=ValidationRow.attempt))
    return session.execute(sa.select(ValidationRow).where(mine).execution_options(populate_existing=True)).scalar_one_or_none()


def claim(validation_id: str, executor_id: str, device: str) -> Claim | None:
    """Takes the validation for a worker; None when there is nothing to run: it has ended, is canceled, or was lost too often.

    Raises DeclaredDead.
    """
    with db.transaction() as session:
        row = lock(session, validation_id)
        _require_lease(session, executor_id)
        if row is None or row.outcome is not None:
            return None
        if row.cancel_requested_at is not None:
            _end(session, row, Status.CANCELED, "canceled on request")
            return None
        if row.attempt >= settings().max_attempts:
            _end(session, row, Status.FAILED, f"worker_lost: its worker was lost in each of {row.attempt} attempts")
            return None
        row.attempt += 1
        row.run_token = secrets.token_hex(16)
        row.started_at = row.started_at or db.now(session)
        session.flush()
        append(session, validation_id, "started", {"attempt": row.attempt, "device": device})
        return Claim(validation_id, executor_id, row.run_token, row.attempt, row.plan, row.traceparent)


def give_back(held: Claim) -> None:
    """A planned drain: the attempt does not count, and the token is void. The caller requeues."""
    with db.transaction() as session:
        session.execute(
            sa.update(ValidationRow)
            .where(ValidationRow.id == held.validation_id, ValidationRow.run_token == held.token)
            .values(attempt=ValidationRow.attempt - 1, run_token=None)
        )


def relayed(validation_id: str, run: str) -> int:
    """The last event number of a run that is in the log; 0 when none is."""
    with db.reading() as session:
        sources = session.execute(
            sa.select(EventRow.source).where(EventRow.validation_id == validation_id, EventRow.source.startswith(f"{run}:"))
        ).scalars()
        return max((int(source.split(":")[1]) for source in sources if source), default=0)


def relay(held: Claim, lines: Iterable[Line], progress: Mapping[str, Any]) -> bool:
    """Writes progress and events; True when the user wants it canceled. Raises Superseded, DeclaredDead."""
    with db.transaction() as session:
        row = _mine(session, held)
        row.progress = dict(progress)
        session.flush()
        for line in lines:
            append(session, held.validation_id, line.type, line.data, line.source)
        return row.cancel_requested_at is not None


def cancel_wanted(held: Claim) -> bool:
    """A look without a write. Raises Superseded."""
    with db.reading() as session:
        columns = (ValidationRow.run_token, ValidationRow.cancel_requested_at)
        found = session.execute(sa.select(*columns).where(ValidationRow.id == held.validation_id)).one_or_none()
    if found is None or found.run_token != held.token:
        raise Superseded(held.validation_id)
    return found.cancel_requested_at is not None


def publish(
    held: Claim,
    outcome: Status,
    reason: str,
    report: Mapping[str, Any] | None = None,
    measurements: Iterable[Measurement | LedgerRow] = (),
) -> None:
    """Ends the validation. Raises Superseded, DeclaredDead."""
    with db.transaction() as session:
        row = _mine(session, held)
        if report is not None:
            row.report = dict(report)
            append(session, row.id, "verdict", report["verdict"])
        for measurement in measurements:
            measurement.created_at = db.now(session)
            if isinstance(measurement, LedgerRow):
                measurement.team = row.team
            session.add(measurement)
        _end(session, row, outcome, reason)


def close(validation_id: str, outcome: Status, reason: str) -> None:
    """Ends a validation that no worker runs. Nothing happens when it has ended."""
    with db.transaction() as session:
        row = lock(session, validation_id)
        if row is not None and row.outcome is None:
            _end(session, row, outcome, reason)


def _mine(session: Session, held: Claim) -> ValidationRow:
    row = lock(session, held.validation_id)
    _require_lease(session, held.executor_id)
    if row is None or row.run_token != held.token or row.outcome is not None:
        raise Superseded(held.validation_id)
    return row


def _require_lease(session: Session, executor_id: str) -> None:
    state = session.execute(sa.select(WorkerRow.state).where(WorkerRow.executor_id == executor_id)).scalar_one_or_none()
    if state != "live":
        raise DeclaredDead(executor_id)


def _end(session: Session, row: ValidationRow, outcome: Status, reason: str) -> None:
    row.outcome, row.status_reason, row.run_token = outcome.value, reason, None
    row.finished_at = db.now(session)
    if outcome is Status.SUCCEEDED:
        row.progress = {**row.progress, "fraction": 1.0, "eta_seconds": 0.0}
    session.flush()
    name = "failed" if outcome is Status.EXPIRED else outcome.value
    append(session, row.id, name, {"status": outcome.value, "reason": reason})
