"""How a validation is shown: live state read from the engine, its end from our row, and always a true reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import db
from app.settings import settings
from app.tables import ValidationRow, WorkerRow
from app.validations import engine
from app.validations.engine import Live
from app.validations.record import rfc3339
from app.vocabulary import Progress, Status, Validation


@dataclass(frozen=True)
class Scene:
    """What is the same for all validations shown at once."""

    now: float
    line: tuple[str, ...]
    """Ids of the unfinished, in the order they are served."""
    silent: dict[str, float]
    """Executor id -> seconds since its last sign of life, of the workers believed alive."""

    @property
    def workers(self) -> int:
        return sum(seconds < settings().lease_seconds for seconds in self.silent.values())


def shown(session: Session, rows: Sequence[ValidationRow]) -> list[Validation]:
    """The rows as clients see them."""
    open_ids = [row.id for row in rows if row.outcome is None]
    live = engine.states(open_ids)
    scene = _scene(session) if open_ids else None
    return [_validation(row, live.get(row.id), scene) for row in rows]


def _scene(session: Session) -> Scene:
    now = db.now(session)
    unfinished = sa.select(ValidationRow.id).where(ValidationRow.outcome.is_(None))
    line = session.execute(unfinished.order_by(ValidationRow.priority, ValidationRow.created_at, ValidationRow.id)).scalars()
    workers = session.execute(sa.select(WorkerRow.executor_id, WorkerRow.seen).where(WorkerRow.state == "live"))
    return Scene(now, tuple(line), {executor_id: now - seen for executor_id, seen in workers})


def _validation(row: ValidationRow, live: Live | None, scene: Scene | None) -> Validation:
    if row.outcome is not None:
        status, reason = Status(row.outcome), row.status_reason
    else:
        assert scene is not None
        running = live is not None and live.state != "queued"
        status = Status.RUNNING if running else Status.QUEUED
        reason = _running(row, live, scene) if running else _queued(row, scene)
    told = row.progress
    eta = told.get("eta_seconds")
    return Validation(
        id=row.id,
        created_at=rfc3339(row.created_at),
        status=status,
        done=status.done,
        status_reason=reason,
        attempt=row.attempt,
        progress=Progress(fraction=told.get("fraction", 0.0), step=told.get("step", 0), eta_seconds=eta),
        plan=row.plan,
        report=row.report,
        links={
            "self": f"/v1/validations/{row.id}",
            "events": f"/v1/validations/{row.id}/events",
            "artifacts": f"/v1/validations/{row.id}/artifacts",
            "cancel": f"/v1/validations/{row.id}/cancel",
        },
    )


def _queued(row: ValidationRow, scene: Scene) -> str:
    ahead = scene.line.index(row.id) if row.id in scene.line else 0
    place = f"behind {ahead} other{'s' * (ahead != 1)}" if ahead else "first in line"
    again = f"; goes on as attempt {row.attempt + 1}" if row.attempt else ""
    if not scene.workers:
        return f"waits for a worker: none is alive; {place}{again}"
    return f"waits for one of {scene.workers} worker{'s' * (scene.workers != 1)}; {place}{again}"


def _running(row: ValidationRow, live: Live | None, scene: Scene) -> str:
    if row.cancel_requested_at is not None:
        return "is being canceled"
    if live is not None and live.state == "ended":
        return f"has ended in the queue as {live.status}; its outcome is being written"
    held_by = live.executor_id if live is not None else None
    silence = scene.silent.get(held_by or "")
    lease = settings().lease_seconds
    if silence is None or silence > lease:
        return "its worker is gone; another takes over"
    if silence > 2 * settings().heartbeat_seconds:
        return f"its worker has been silent for {silence:.0f} s; after {lease:.0f} s another takes over"
    run = row.progress.get("run")
    what = f"trains {run} {row.progress.get('architecture')}" if run else "is starting"
    return f"{what}, attempt {row.attempt}" if row.attempt > 1 else what
