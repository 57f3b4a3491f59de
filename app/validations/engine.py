"""The binding to the queue engine: enqueue, cancel, list, work, requeue. No other module of this package imports the engine.

The engine says who runs when; our rows say what was asked and how it ended. A validation and its workflow share one id and
are born in one transaction. The engine pickles arguments, so only that id is ever passed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import sqlalchemy as sa
from dbos import DBOS, DBOSClient
from dbos._sys_db import SystemDatabase
from sqlalchemy.orm import Session

from app import db
from app.settings import settings
from app.tables import ValidationRow

NAME = "gan-advisor"
QUEUE = "validations"
WORKFLOW = "validate"
VERSION = "1"
"""Pinned: the engine recovers and runs only what carries its own version, so another value would strand what is queued."""
MAX_DISPATCHES = 100
"""Planned drains count here too; the setting max_attempts limits the real failures."""
CHUNK = 500

_STATES: dict[str, Literal["queued", "running"]] = {"ENQUEUED": "queued", "DELAYED": "queued", "PENDING": "running"}


@dataclass(frozen=True)
class Live:
    """Where the engine has a workflow, and who holds it."""

    state: Literal["queued", "running", "ended"]
    status: str
    executor_id: str | None


@cache
def _client(engine: sa.Engine) -> DBOSClient:
    client = DBOSClient(application_name=NAME, system_database_engine=engine, retry_connection_errors=False)
    client.register_queue(QUEUE, worker_concurrency=1, polling_interval_sec=settings().poll_seconds)
    return client


def connect() -> None:
    """Makes the queue known to the store. To be called before the transaction of `enqueue`, which holds SQLite's only write lock."""
    _client(db.engine())


def enqueue(session: Session, validation_id: str, priority: int, team: str | None = None) -> None:
    """Queues a validation inside the caller's transaction. Low priorities go first; an unset one would jump every queue."""
    _client(db.engine()).enqueue_in_transaction(
        session,
        {
            "workflow_name": WORKFLOW,
            "queue_name": QUEUE,
            "app_version": VERSION,
            "workflow_id": validation_id,
            "priority": priority,
            "authenticated_user": team or "",
        },
        validation_id,
    )


def cancel(validation_id: str) -> None:
    """Takes a queued workflow out of the queue. A running one is told by its row, which its worker reads."""
    _client(db.engine()).cancel_workflow(validation_id)


def states(validation_ids: Sequence[str]) -> dict[str, Live]:
    """What the engine knows of each validation; absent where it knows nothing."""
    found: dict[str, Live] = {}
    for start in range(0, len(validation_ids), CHUNK):
        ids = list(validation_ids[start : start + CHUNK])
        for w in _client(db.engine()).list_workflows(workflow_ids=ids, load_input=False, load_output=False):
            found[w.workflow_id] = Live(_STATES.get(w.status, "ended"), w.status, w.executor_id)
    return found


def running() -> dict[str, Live]:
    """What the executors hold."""
    held = _client(db.engine()).list_workflows(status=["PENDING"], load_input=False, load_output=False)
    return {w.workflow_id: Live("running", w.status, w.executor_id) for w in held}


def holders() -> set[str]:
    """Executor ids that hold a running workflow."""
    return {live.executor_id for live in running().values() if live.executor_id}


def delete(validation_ids: Sequence[str]) -> None:
    """Forgets ended workflows."""
    if validation_ids:
        _client(db.engine()).delete_workflows(list(validation_ids))


def work(executor_id: str, run: Callable[[str], None], gpu: bool, memory_bytes: int, devices: int = 1) -> None:
    """Makes this process an executor: `run(validation_id)` is called in a thread, one at a time, for what the device can run.
    Returns at once.

    The executor id must be new at each start: with a stable one a second worker takes over what the first still runs.
    """
    logging.getLogger("dbos").setLevel(logging.WARNING)
    connect()
    sqlite = db.engine().dialect.name == "sqlite"
    DBOS(
        config={
            "name": NAME,
            "executor_id": executor_id,
            "application_version": VERSION,
            "run_migrations": False,
            "system_database_url": settings().url,
            "system_database_engine": db.engine() if sqlite else None,
            "log_level": "WARNING",
        }
    )

    _pass_over(gpu, memory_bytes, devices)

    @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=MAX_DISPATCHES)
    def validate(validation_id: str) -> None:
        run(validation_id)

    DBOS.listen_queues([QUEUE])
    DBOS.launch()


def _pass_over(gpu: bool, memory_bytes: int, devices: int = 1) -> None:
    """This process never claims what its device cannot run: the condition is part of the engine's one claiming statement.

    A queue for each class of devices would do without the engine's private method, but a worker that listens to several takes
    one from each at once, and the order between them would be lost.
    """
    if not callable(getattr(SystemDatabase, "_claim_gate", None)):
        raise RuntimeError("this version of the engine cannot pass over what a device cannot run")

    def gate(self: SystemDatabase, queue_name: str, partition_key: str | None) -> list[sa.ColumnElement[bool]]:
        able = [ValidationRow.needs_bytes <= memory_bytes, ValidationRow.needs_devices <= devices]
        able += [] if gpu else [ValidationRow.needs_gpu.is_(False)]
        return [sa.exists().where(ValidationRow.id == self.tables.workflow_status.c.workflow_uuid, *able)]

    SystemDatabase._claim_gate = gate  # type: ignore[method-assign]


def requeue(executor_ids: Sequence[str]) -> None:
    """Puts what these executors hold back into the queue. Racing calls move each workflow once: the engine's update is
    conditional on the executor id, which the public `resume_workflow` is not."""
    if executor_ids:
        DBOS._recover_pending_workflows(list(executor_ids))
