"""The workers, as an operator looks at them."""

from __future__ import annotations

import sqlalchemy as sa

from app import db
from app.settings import settings
from app.tables import WorkerRow
from app.validations import engine
from app.validations.record import rfc3339
from app.vocabulary import Worker


def workers(most: int = 200) -> list[Worker]:
    """Live workers first, then those that were lost or left within a day."""
    held = {live.executor_id for live in engine.running().values()}
    with db.reading() as session:
        now = db.now(session)
        recent = sa.select(WorkerRow).where(WorkerRow.seen > now - 86_400).order_by(WorkerRow.seen.desc()).limit(most)
        found = []
        for row in session.scalars(recent):
            late = row.state == "live" and now - row.seen >= settings().lease_seconds
            found.append(
                Worker(
                    host=row.host,
                    pid=row.pid,
                    device=row.device,
                    devices=row.devices,
                    memory_gb=round(row.memory_bytes / 1e9, 3),
                    state="silent" if late else row.state,
                    busy=row.executor_id in held and row.state == "live",
                    started_at=rfc3339(row.started_at),
                    seen_at=rfc3339(row.seen),
                )
            )
    return sorted(found, key=lambda w: w.state != "live")
