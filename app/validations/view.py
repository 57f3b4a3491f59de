"""How a validation is shown: live state read from the engine, its end from our row, and always a true reason."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import db
from app.settings import settings
from app.tables import ValidationRow, WorkerRow
from app.validations import engine
from app.validations.engine import Live
from app.validations.record import rfc3339
from app.vocabulary import Progress, Status, Validation


def shown(session: Session, rows: Sequence[ValidationRow]) -> list[Validation]:
    """The rows as clients see them."""
    unfinished = [row.id for row in rows if row.outcome is None]
    live, silence = (engine.states(unfinished), _silence(session)) if unfinished else ({}, {})
    found = []
    for row in rows:
        state = live.get(row.id)
        if row.outcome is not None:
            found.append(_validation(row, Status(row.outcome), row.status_reason))
        elif state is None or state.state == "queued":
            found.append(_validation(row, Status.QUEUED, _queued(session, row, silence)))
        else:
            found.append(_validation(row, Status.RUNNING, _running(row, state, silence)))
    return found


def _silence(session: Session) -> dict[str, float]:
    """Seconds since the last sign of life of each worker whose lease holds."""
    now = db.now(session)
    workers = session.execute(sa.select(WorkerRow.executor_id, WorkerRow.seen).where(WorkerRow.state == "live"))
    return {executor_id: now - seen for executor_id, seen in workers if now - seen < settings().lease_seconds}


def _queued(session: Session, row: ValidationRow, silence: dict[str, float]) -> str:
    place = (ValidationRow.priority, ValidationRow.created_at, ValidationRow.id)
    before = sa.tuple_(*place) < sa.tuple_(*map(sa.literal, (row.priority, row.created_at, row.id)))
    ahead = session.execute(sa.select(sa.func.count()).where(ValidationRow.outcome.is_(None), before)).scalar_one()
    where = f"behind {ahead} other{'s' * (ahead != 1)}" if ahead else "first in line"
    again = f"; goes on as attempt {row.attempt + 1}" if row.attempt else ""
    workers = len(silence)
    if not workers:
        return f"waits for a worker: none is alive; {where}{again}"
    return f"waits for one of {workers} worker{'s' * (workers != 1)}; {where}{again}"


def _running(row: ValidationRow, live: Live, silence: dict[str, float]) -> str:
    if row.cancel_requested_at is not None:
        return "is being canceled"
    if live.state == "ended":
        return f"has ended in the queue as {live.status}; its outcome is being written"
    silent = silence.get(live.executor_id or "")
    if silent is None:
        return "its worker is gone; " + ("another takes over" if silence else "it waits for a worker, none is alive")
    if silent > 2 * settings().heartbeat_seconds:
        lease = settings().lease_seconds
        return f"its worker has been silent for {silent:.0f} s; after {lease:.0f} s another takes over"
    run = row.progress.get("run")
    what = f"trains {run} {row.progress['architecture']}" if run else "is starting"
    return f"{what}, attempt {row.attempt}" if row.attempt > 1 else what


def _validation(row: ValidationRow, status: Status, reason: str | None) -> Validation:
    told, path = row.progress, f"/v1/validations/{row.id}"
    return Validation(
        id=row.id,
        created_at=rfc3339(row.created_at),
        status=status,
        done=status.done,
        status_reason=reason,
        attempt=row.attempt,
        progress=Progress(fraction=told.get("fraction", 0.0), step=told.get("step", 0), eta_seconds=told.get("eta_seconds")),
        plan=row.plan,
        report=row.report,
        links={"self": path, **{name: f"{path}/{name}" for name in ("events", "artifacts", "cancel")}},
    )
