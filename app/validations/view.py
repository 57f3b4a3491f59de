"""How a validation is shown: live state read from the engine, its end from our row, and always a true reason."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.settings import settings
from app.tables import ValidationRow
from app.validations import engine, named
from app.validations.engine import Live
from app.validations.line import Able, live_workers, place, reason
from app.validations.record import rfc3339
from app.vocabulary import Progress, Status, Validation, Waiting


def shown(session: Session, rows: Sequence[ValidationRow]) -> list[Validation]:
    """The rows as clients see them. Gives the session's connection back first: the engine takes one of its own, and where every
    request held one while it waits for another, none would come back."""
    session.close()
    unfinished = [row.id for row in rows if row.outcome is None]
    live = engine.states(unfinished) if unfinished else {}
    running = engine.running() if any(_waits(live.get(row_id)) for row_id in unfinished) else {}
    workers = live_workers(session) if unfinished else {}
    found = []
    for row in rows:
        state = live.get(row.id)
        if row.outcome is not None:
            found.append(_validation(row, Status(row.outcome), row.status_reason))
        elif state is None or state.state == "queued":
            waiting = place(session, row, workers, running)
            again = f"; goes on as attempt {row.attempt + 1}" if row.attempt else ""
            found.append(_validation(row, Status.QUEUED, reason(waiting, workers) + again, waiting))
        else:
            found.append(_validation(row, Status.RUNNING, _running(row, state, workers)))
    return found


def _waits(state: Live | None) -> bool:
    return state is None or state.state == "queued"


def _running(row: ValidationRow, live: Live, workers: dict[str, Able]) -> str:
    if row.cancel_requested_at is not None:
        return "is being canceled"
    if live.state == "ended":
        return f"has ended in the queue as {live.status}; its outcome is being written"
    holder = workers.get(live.executor_id or "")
    if holder is None:
        able = any(worker.can_run(row) for worker in workers.values())
        return "its worker is gone; " + ("another takes over" if able else "it waits for a worker that can run it, none is alive")
    if (silent := holder.silent) > 2 * settings().heartbeat_seconds:
        lease = settings().lease_seconds
        return f"its worker has been silent for {silent:.0f} s; after {lease:.0f} s another takes over"
    run = row.progress.get("run")
    what = f"trains {run} {row.progress['architecture']}" if run else "is starting"
    return f"{what}, attempt {row.attempt}" if row.attempt > 1 else what


def _validation(row: ValidationRow, status: Status, reason: str | None, waiting: Waiting | None = None) -> Validation:
    told, path, data = row.progress, f"/v1/validations/{row.id}", row.plan.get("dataset", {})
    return Validation(
        id=row.id,
        created_at=rfc3339(row.created_at),
        status=status,
        done=status.done,
        status_reason=reason and named.text(reason, data),
        attempt=row.attempt,
        progress=Progress(fraction=told.get("fraction", 0.0), step=told.get("step", 0), eta_seconds=told.get("eta_seconds")),
        plan=named.told(row.plan, data),
        report=named.told(row.report, data),
        waiting=waiting,
        links={"self": path, **{name: f"{path}/{name}" for name in ("events", "artifacts", "cancel")}},
    )
