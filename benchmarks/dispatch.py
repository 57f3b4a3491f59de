"""Ten thousand queued validations and fifty workers, without training: how long the store takes to give one out, late and early.
`python -m benchmarks.dispatch`, on SQLite and on a PostgreSQL of our own.

The last column is the floor: as many statements that read nothing as a dispatch has, at the same time on the same store. What it does
too, the machine does; what it does not, the line does. On SQLite it leaves out the disk, which every commit that writes waits for.

A worker here is an executor id with a lease and a device; the claim is the engine's own statement, with the condition on memory, then
ours, then the end is published. Every tenth validation needs 24 GB, which every tenth worker has.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

GB = 1_000_000_000
LARGE = 24 * GB
TEAMS = 20
BATCH = 500
STATEMENTS = 16
"""Of one dispatch, begin and commit of its two transactions among them."""
FLOOR_EVERY = 5


def fill(count: int) -> None:
    """Rows and their enqueues, in transactions of BATCH, with the places that fairness gives to TEAMS that ask in turn."""
    from app import db
    from app.tables import ValidationRow
    from app.validations import engine

    engine.connect()
    plan = {"runs": [], "budget": {"wall_seconds": 60}}
    for start in range(0, count, BATCH):
        with db.transaction() as session:
            now = db.now(session)
            for n in range(start, min(start + BATCH, count)):
                needs = LARGE if n % 10 == 0 else GB
                row = {"id": f"v{n:06}", "created_at": now + n / 1e6, "team": f"team-{n % TEAMS}", "priority": 1 + n // TEAMS}
                session.add(ValidationRow(**row, request={}, plan=plan, progress={}, seconds=60.0, needs_bytes=needs))
                session.flush()
                engine.enqueue(session, row["id"], row["priority"], row["team"])


class Worker:
    """An executor of the simulation; what it takes it has finished at once."""

    def __init__(self, number: int) -> None:
        from dbos import DBOSClient
        from dbos._sys_db import SystemDatabase

        from app import db
        from app.tables import WorkerRow
        from app.validations import engine

        self.executor_id, self.memory = f"worker-{number}", LARGE if number % 10 == 0 else 8 * GB
        with db.transaction() as session:
            fields: dict[str, Any] = {"host": "here", "pid": 1, "device": "cpu", "started_at": db.now(session), "seen": 4e9}
            session.add(WorkerRow(executor_id=self.executor_id, **fields, memory_bytes=self.memory, state="live"))
        client: DBOSClient = engine._client(db.engine())
        self._store: SystemDatabase = client._sys_db
        self._queue = client.retrieve_queue(engine.QUEUE)

    def take(self) -> str | None:
        """One validation, claimed as `engine.work` claims it; None when there is none that it can run."""
        from app.validations import engine, record

        engine._pass_over(False, self.memory)
        self._owner = uuid.uuid4().hex
        found, _ = self._store.start_queued_workflows(
            self._queue,  # type: ignore[arg-type]
            self.executor_id,
            engine.VERSION,
            None,
            owner_xid=self._owner,
        )
        if not found:
            return None
        held = record.claim(found[0], self.executor_id, "cpu")
        assert held is not None and held.validation_id == found[0]
        self._held = held
        return found[0]

    def end(self) -> None:
        from app.validations import record
        from app.vocabulary import Status

        record.publish(self._held, Status.CANCELED, "simulated")
        self._store.update_workflow_outcome(self._held.validation_id, "SUCCESS", owner_xid=self._owner)


def floor() -> float:
    """Milliseconds of two transactions that read nothing."""
    from app import db

    began = time.perf_counter()
    for _ in range(2):
        with db.engine().connect() as connection:
            for _ in range((STATEMENTS - 4) // 2):
                connection.execute(sa.text("SELECT 1"))
            connection.commit()
    return 1000 * (time.perf_counter() - began)


def measure(count: int, workers: int) -> list[tuple[str, list[float], list[float]]]:
    """Milliseconds of each dispatch and of the floor beside it, in tenths of the line; and of a look at the last in line before any has
    been given out."""
    from app.validations import store

    looks = []
    for _ in range(5):
        began = time.perf_counter()
        store.get(f"v{count - 1:06}", f"team-{(count - 1) % TEAMS}")
        looks.append(1000 * (time.perf_counter() - began))
    crew, took, floors, taken = [Worker(n) for n in range(workers)], list[float](), list[float](), set[str]()
    idle = 0
    while idle < workers:
        idle = 0
        for worker in crew:
            began = time.perf_counter()
            found = worker.take()
            if found is None:
                idle += 1
                continue
            took.append(1000 * (time.perf_counter() - began))
            assert found not in taken, f"{found} was given out twice"
            assert int(found[1:]) % 10 or worker.memory == LARGE, f"{found} went to a worker that is too small"
            taken.add(found)
            worker.end()
            if len(took) % FLOOR_EVERY == 0:
                floors.append(floor())
    assert len(taken) == count, f"{count - len(taken)} were never given out"
    tenth = max(1, count // 10)
    return [
        ("look", looks, [floor() for _ in looks]),
        *(
            (f"{100 * n // count} %", took[n : n + tenth], floors[n // FLOOR_EVERY : (n + tenth) // FLOOR_EVERY])
            for n in range(0, count, tenth)
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gan-advisor-dispatch-") as name:
        for backend in ("sqlite", "postgresql"):
            _one(Path(name) / backend, backend, options.count, options.workers)


def _one(folder: Path, backend: str, count: int, workers: int) -> None:
    from app import db
    from app.settings import settings
    from app.validations import engine
    from benchmarks.victims import postgresql

    folder.mkdir()
    url = f"sqlite:///{folder}/dispatch.sqlite3" if backend == "sqlite" else postgresql(folder)[0]
    os.environ |= {"GAN_ADVISOR_DATA_DIR": str(folder / "var"), "GAN_ADVISOR_DATABASE_URL": url}
    caches: tuple[Callable[..., Any], ...] = (settings, db.engine, engine._client)
    for cached in caches:
        cached.cache_clear()  # type: ignore[attr-defined]
    db.upgrade()
    began = time.perf_counter()
    fill(count)
    print(f"\n{backend}: {count} queued in {time.perf_counter() - began:.1f} s, {workers} workers", flush=True)
    with db.engine().begin() as connection:
        if backend == "postgresql":
            connection.execute(sa.text("ANALYZE"))
    for label, took, floors in measure(count, workers):
        p95, mean = sorted(took)[int(0.95 * (len(took) - 1))], statistics.mean(took)
        low = statistics.mean(floors)
        times = f"p50 {statistics.median(took):6.1f} ms  p95 {p95:6.1f} ms  mean {mean:6.1f} ms"
        print(f"  {label:>6}  {times}  floor {low:6.1f} ms  ratio {mean / low:4.1f}", flush=True)


if __name__ == "__main__":
    main()
