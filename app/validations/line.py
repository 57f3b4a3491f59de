"""The line before the workers: who comes first, who could run it, and when it may begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import db
from app.settings import settings
from app.tables import ValidationRow, WorkerRow
from app.validations.devices import GB
from app.validations.engine import Live
from app.validations.record import rfc3339
from app.vocabulary import Waiting


@dataclass(frozen=True)
class Able:
    """A worker whose lease holds: what it has, and how long it has been silent."""

    gpu: bool
    memory_bytes: int
    silent: float
    devices: int = 1

    def can_run(self, row: ValidationRow) -> bool:
        enough = self.memory_bytes >= row.needs_bytes and self.devices >= row.needs_devices
        return enough and (self.gpu or not row.needs_gpu)


def live_workers(session: Session) -> dict[str, Able]:
    """By executor id."""
    now = db.now(session)
    columns = (WorkerRow.executor_id, WorkerRow.gpu, WorkerRow.memory_bytes, WorkerRow.seen, WorkerRow.devices)
    workers = session.execute(sa.select(*columns).where(WorkerRow.state == "live")).all()
    lease = settings().lease_seconds
    return {w.executor_id: Able(w.gpu, w.memory_bytes, now - w.seen, w.devices) for w in workers if now - w.seen < lease}


def place(session: Session, row: ValidationRow, workers: Mapping[str, Able], running: Mapping[str, Live]) -> Waiting:
    """Where a queued validation stands. It may begin when all that comes first and could run on the same workers has been shared
    among these, each taking its whole budget: a late guess, never a promise."""
    able = {executor_id: worker for executor_id, worker in workers.items() if worker.can_run(row)}
    spot = (ValidationRow.priority, ValidationRow.created_at, ValidationRow.id)
    before = sa.tuple_(*spot) < sa.tuple_(*map(sa.literal, (row.priority, row.created_at, row.id)))
    rival = ValidationRow.needs_bytes <= max((w.memory_bytes for w in able.values()), default=0)
    rival &= ValidationRow.needs_devices <= max((w.devices for w in able.values()), default=0)
    if not any(w.gpu for w in able.values()):
        rival &= ValidationRow.needs_gpu.is_(False)
    busy = {v: live.executor_id for v, live in running.items() if live.executor_id in workers}
    line = sa.case((sa.and_(rival, ValidationRow.id.not_in(busy)), ValidationRow.seconds), else_=0.0)
    ahead, seconds = session.execute(
        sa.select(sa.func.count(), sa.func.sum(line)).where(ValidationRow.outcome.is_(None), before)
    ).one()
    start = None
    if able:
        free = _free_in(session, [v for v, executor_id in busy.items() if executor_id in able])
        idle = len(able) - len(free)
        wait = (sum(free) + (seconds or 0.0)) / len(able)
        first = 0.0 if idle > 0 else min(free)
        start = rfc3339(db.now(session) + max(wait if seconds else 0.0, first))
    return Waiting(
        ahead=ahead,
        needs_gpu=row.needs_gpu,
        needs_memory_gb=round(row.needs_bytes / GB, 3),
        needs_devices=row.needs_devices,
        workers=len(able),
        estimated_start=start,
    )


def reason(waiting: Waiting, workers: Mapping[str, Able]) -> str:
    """In words."""
    where = f"behind {waiting.ahead} other{'s' * (waiting.ahead != 1)}" if waiting.ahead else "first in line"
    if not workers:
        return f"waits for a worker: none is alive; {where}"
    if waiting.workers == len(workers):
        return f"waits for one of {waiting.workers} worker{'s' * (waiting.workers != 1)}; {where}"
    kind, memory = "GPU" if waiting.needs_gpu else "device", f"{waiting.needs_memory_gb:.3g} GB of device memory"
    wanted = f"a GPU and {memory}" if waiting.needs_gpu else memory
    if waiting.needs_devices > 1:
        wanted = f"{waiting.needs_devices} {kind}s and {memory} on each"
    if waiting.workers:
        return (
            f"waits for one of {waiting.workers} worker{'s' * (waiting.workers != 1)} with {wanted}, of {len(workers)}; {where}"
        )
    best = max(w.memory_bytes for w in workers.values() if w.gpu or not any(o.gpu for o in workers.values()))
    has = f"{best / GB:.3g} GB on {'a GPU' if any(w.gpu for w in workers.values()) else 'a CPU'}"
    if waiting.needs_devices > (most := max(w.devices for w in workers.values())):
        has = f"{most} device{'s' * (most != 1)}"
    up = "the one that is up has" if len(workers) == 1 else f"the largest of {len(workers)} has"
    return f"waits for a worker with {wanted}; none is up, {up} {has}; {where}"


def _free_in(session: Session, validation_ids: list[str]) -> list[float]:
    """Seconds until each of these should have ended."""
    columns = (ValidationRow.seconds, ValidationRow.progress)
    rows = session.execute(sa.select(*columns).where(ValidationRow.id.in_(validation_ids))).all()
    return [float(left if (left := progress.get("eta_seconds")) is not None else seconds) for seconds, progress in rows]
