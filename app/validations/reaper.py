"""Notices dead workers and unfinished ends. One thread in every worker; all of them may race, each step is conditional."""

from __future__ import annotations

import logging
import shutil
import threading

import sqlalchemy as sa

from app import db
from app.settings import settings
from app.tables import ForgottenRow, ValidationRow, WorkerRow
from app.validations import engine, record
from app.validations.lease import vanished
from app.vocabulary import Status

log = logging.getLogger("gan_advisor")
SWEEP_SECONDS = 60.0
KEEP_WORKERS_SECONDS = 86_400.0
KEEP_IDS_SECONDS = 365 * 86_400.0
"""For so long a validation that was forgotten is 410, then 404."""
BATCH = 200

_ENDS = {
    "CANCELLED": (Status.CANCELED, "canceled on request"),
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": (Status.FAILED, "worker_lost: it was started too often"),
    "ERROR": (Status.FAILED, "the worker failed"),
    "SUCCESS": (Status.FAILED, "the worker ended without a result"),
}


class Reaper:
    """Looks at each heartbeat; sweeps each minute."""

    def __init__(self, executor_id: str) -> None:
        self._me = executor_id

    def start(self) -> None:
        threading.Thread(target=self._loop, name="reaper", daemon=True).start()

    def _loop(self) -> None:
        pause, since = threading.Event(), 0.0
        while not pause.wait(settings().heartbeat_seconds):
            since += settings().heartbeat_seconds
            try:
                reap(self._me)
                if since >= SWEEP_SECONDS:
                    since = 0.0
                    sweep()
            except Exception as error:  # noqa: BLE001  the next look is as good as this one, and nobody else looks
                log.warning("the reaper could not look: %s", type(error).__name__)


def reap(me: str) -> list[str]:
    """Requeues what dead workers hold; the executor ids it took from. Dead: silent for a lease, gone, or vanished from our host."""
    holders = engine.holders() - {me}
    with db.reading() as session:
        fresh = WorkerRow.seen >= db.now(session) - settings().lease_seconds
        workers = session.execute(sa.select(WorkerRow.executor_id, fresh).where(WorkerRow.state == "live")).all()
    silent = {executor_id for executor_id, is_fresh in workers if not is_fresh and executor_id != me}
    live = {executor_id for executor_id, _ in workers}
    gone = {holder for holder in holders & live if vanished(holder)}
    if silent or gone:
        live = _declare_dead(silent, gone)
    lost = sorted(holders - live)
    if lost:
        log.warning("requeueing what %s held", ", ".join(lost))
        engine.requeue(lost)
    return lost


def _declare_dead(silent: set[str], gone: set[str]) -> set[str]:
    """From now on these can publish nothing, and their next heartbeat tells them so. Spares a silent one that spoke meanwhile;
    returns who is live after that."""
    with db.transaction() as session:
        still = WorkerRow.executor_id.in_(silent) & (WorkerRow.seen < db.now(session) - settings().lease_seconds)
        dead = still | WorkerRow.executor_id.in_(gone)
        session.execute(sa.update(WorkerRow).where(WorkerRow.state == "live", dead).values(state="dead"))
        return set(session.execute(sa.select(WorkerRow.executor_id).where(WorkerRow.state == "live")).scalars())


def sweep() -> None:
    """Closes validations whose workflow has ended without them, and deletes what is older than the retention."""
    with db.reading() as session:
        begun = sa.or_(ValidationRow.attempt > 0, ValidationRow.cancel_requested_at.is_not(None))
        ids = list(session.execute(sa.select(ValidationRow.id).where(ValidationRow.outcome.is_(None), begun)).scalars())
    for validation_id, live in engine.states(ids).items():
        if live.state == "ended":
            record.close(validation_id, *_ENDS.get(live.status, (Status.FAILED, f"the queue ended it: {live.status}")))
    _forget()


def _forget() -> None:
    with db.transaction() as session:
        now = db.now(session)
        old = ValidationRow.finished_at < now - settings().retention_days * 86_400
        found = session.execute(sa.select(ValidationRow.id, ValidationRow.team).where(old).limit(BATCH)).all()
        ids = [row.id for row in found]
        if found:
            names = [{"id": row.id, "team": row.team, "forgotten_at": now} for row in found]
            db.insert_absent(session, ForgottenRow, names)
        session.execute(sa.delete(ForgottenRow).where(ForgottenRow.forgotten_at < now - KEEP_IDS_SECONDS))
        session.execute(sa.delete(ValidationRow).where(ValidationRow.id.in_(ids)))
        stale = WorkerRow.seen < now - KEEP_WORKERS_SECONDS
        session.execute(sa.delete(WorkerRow).where(WorkerRow.state != "live", stale))
    engine.delete(ids)
    for validation_id in ids:
        shutil.rmtree(settings().runs / validation_id, ignore_errors=True)
