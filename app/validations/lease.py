"""A worker's lease: renewed by the database's clock, and given up by the worker itself before a peer may take its run.

Three clocks run from the instant a renewal is sent. After `fence` seconds without another one the kernel kills the child
(it reads the deadline file), and this process kills what is left and exits. After `lease_seconds`, which is later, a peer
declares the worker dead and requeues its run. So a frozen or cut-off worker never trains beside its successor.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from app import db
from app.settings import settings
from app.tables import WorkerRow
from app.validations.devices import Device

log = logging.getLogger("gan_advisor")


def new_executor_id() -> str:
    """Unique for each start: a stable id would let a restarted worker share its predecessor's claims."""
    return f"{socket.gethostname()[:64]}-{os.getpid()}-{secrets.token_hex(3)}"


def fence_seconds() -> float:
    """How long a renewal carries: the lease less one heartbeat and a margin, so that the child is dead when the lease ends."""
    lease, beat = settings().lease_seconds, settings().heartbeat_seconds
    return max(lease - beat - min(1.0, lease / 10), lease / 3)


def locks() -> Path:
    """The folder of this host's locks and deadline files."""
    folder = settings().data_dir.absolute() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def take(path: Path) -> IO[str] | None:
    """An exclusive lock on a file for as long as the handle lives; None when another process holds it."""
    handle = path.open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return None
    return handle


def alive_file(executor_id: str) -> Path:
    """Locked by a worker while its process exists, so that peers on its host see at once when it is gone."""
    return locks() / f"live-{executor_id}.lock"


def vanished(executor_id: str) -> bool:
    """True when that worker ran on this host and its process is gone. False where this cannot be known."""
    path = alive_file(executor_id)
    if not path.exists():
        return False
    handle = take(path)
    if handle is None:
        return False
    handle.close()
    return True


class Lease:
    """Held from `start` until `release`. `on_lost` runs once, in a thread of the lease, and must end the process."""

    def __init__(self, executor_id: str, device: Device, on_lost: Callable[[], None]) -> None:
        self.executor_id = executor_id
        self.deadline_file = locks() / f"lease-{executor_id}"
        self._device, self._on_lost = device, on_lost
        self._until = 0.0
        self._over = threading.Event()

    @property
    def holds(self) -> bool:
        """False once the last renewal no longer carries; a thawed process must ask before it believes what it sees."""
        return time.monotonic() < self._until

    def start(self) -> None:
        """Registers the worker and begins to renew. Raises SQLAlchemyError when the database is away."""
        self._alive = take(alive_file(self.executor_id))
        with db.transaction() as session:
            now = db.now(session)
            row = {"executor_id": self.executor_id, "host": socket.gethostname()[:255], "pid": os.getpid()}
            has = {"device": self._device.name, "gpu": self._device.gpu, "memory_bytes": self._device.memory_bytes}
            has["devices"] = self._device.count
            session.add(WorkerRow(**row, **has, started_at=now, seen=now, state="live"))
        if not self._renew():
            raise RuntimeError("the lease was lost as it began")
        threading.Thread(target=self._beat, name="lease-beat", daemon=True).start()
        threading.Thread(target=self._watch, name="lease-watch", daemon=True).start()

    def release(self) -> None:
        """Leaves in order: what is still held may be taken at once."""
        self._over.set()
        with db.transaction() as session:
            mine = WorkerRow.executor_id == self.executor_id
            session.execute(sa.update(WorkerRow).where(mine, WorkerRow.state == "live").values(state="gone"))
        self.deadline_file.unlink(missing_ok=True)
        alive_file(self.executor_id).unlink(missing_ok=True)

    def _renew(self) -> bool:
        """False when a peer has declared us dead."""
        sent, sent_by_wall_clock = time.monotonic(), time.time()
        with db.transaction() as session:
            mine = WorkerRow.executor_id == self.executor_id
            seen = db.now(session)
            renewed = session.execute(sa.update(WorkerRow).where(mine, WorkerRow.state == "live").values(seen=seen))
            if renewed.rowcount == 0:  # type: ignore[attr-defined]
                return False
        took, fence = time.monotonic() - sent, fence_seconds()
        if took > fence / 4:
            log.warning("renewing the lease took %.1f s of the %.1f it carries: the database is slow", took, fence)
        self._until = sent + fence
        replacement = self.deadline_file.with_suffix(".new")
        replacement.write_text(f"{sent_by_wall_clock + fence:.3f}\n")
        replacement.replace(self.deadline_file)
        return True

    def _beat(self) -> None:
        while not self._over.wait(settings().heartbeat_seconds):
            try:
                if not self._renew():
                    self._until = 0.0
                    return
            except (SQLAlchemyError, OSError) as error:
                log.warning("the lease could not be renewed: %s", type(error).__name__)

    def _watch(self) -> None:
        # A thread of its own: a renewal may hang for longer than the lease on a database that is away.
        while not self._over.wait(min(0.2, settings().heartbeat_seconds / 4)):
            if not self.holds:
                log.error("the lease is lost; leaving the run to a peer")
                self._on_lost()
                return
