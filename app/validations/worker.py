"""The worker process: one lease, one slot, one validation at a time, until it is told to end."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app import tracing
from app.errors import NotReady
from app.validations import engine, record
from app.validations.devices import GB, Device, here
from app.validations.lease import Lease, locks, new_executor_id, take
from app.validations.race import Drained, Race, Seat, patient
from app.validations.reaper import Reaper
from app.vocabulary import Status

log = logging.getLogger("gan_advisor")
EXIT_LEASE_LOST = 4
DRAIN_SECONDS = 20.0


def work(*, with_parent: bool = False) -> None:
    """Runs validations until SIGTERM or SIGINT; then the child writes its checkpoint and the run goes back into the queue.

    Raises NotReady when the database is away or unmigrated.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s worker %(process)d: %(message)s")
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    if with_parent:
        threading.Thread(target=_end_with, args=(os.getppid(), ending), daemon=True).start()
    slot = _slot(ending)
    if slot is None:
        return
    worker = Worker(slot)
    tracing.start()
    try:
        worker.start()
    except DBAPIError as error:
        log.debug("the worker cannot start", exc_info=error)
        raise NotReady("the database does not answer, or is not at this version: `gan-advisor db upgrade`") from None
    ending.wait()
    worker.drain()


class Worker:
    """An executor of the engine with its lease."""

    def __init__(self, device: Device) -> None:
        self.executor_id = new_executor_id()
        lease = Lease(self.executor_id, device, self._leave)
        self.seat = Seat(device, lease, self._leave)
        self._busy, self._turn = threading.Event(), threading.Lock()

    def start(self) -> None:
        """Takes the lease, then offers itself to the engine."""
        self.seat.lease.start()
        device = self.seat.device
        engine.work(self.executor_id, self.run, device.gpu, device.memory_bytes, device.count)
        Reaper(self.executor_id).start()
        log.info("%s waits for work on %s with %.1f GB", self.executor_id, device.name, device.memory_bytes / GB)

    def run(self, validation_id: str) -> None:
        """Called by the engine. Returns when the validation has ended or is no longer ours."""
        with self._turn:
            if self.seat.draining.is_set():
                _hold()
            self._busy.set()
        try:
            held = patient(lambda: record.claim(validation_id, self.executor_id, self.seat.device.name))
            if held is not None:
                log.info("%s starts, attempt %d", validation_id, held.attempt)
                about = {"gan_advisor.validation": validation_id, "gan_advisor.attempt": held.attempt}
                with tracing.span("validate", kind="CONSUMER", parent=held.traceparent, **about):
                    drained = self._race(held)
                if drained:
                    self._busy.clear()
                    _hold()
                log.info("%s: nothing left to do", validation_id)
        except record.Superseded:
            log.warning("%s belongs to another worker now, or has ended", validation_id)
        except record.DeclaredDead:
            _hold()
        finally:
            self._busy.clear()

    def _race(self, held: record.Claim) -> bool:
        """True when it was cut off by a drain and given back."""
        try:
            Race(held, self.seat).run()
        except Drained:
            patient(lambda: record.give_back(held))
            return True
        except (record.Superseded, record.DeclaredDead):
            raise
        except Exception as error:  # a bug of ours must not take the next validation with it
            log.exception("%s failed in the worker", held.validation_id)
            reason = f"the worker failed: {type(error).__name__}"
            patient(lambda: record.publish(held, Status.FAILED, reason))
        return False

    def drain(self) -> None:
        """Stops the child, leaves, requeues, and ends the process. Requeued only once the child is gone: else two would run."""
        with self._turn:
            self.seat.draining.set()
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._busy.is_set() and time.monotonic() < deadline:
            time.sleep(0.02)
        if self.seat.child is not None:
            self.seat.child.kill()
        try:
            self.seat.lease.release()
            engine.requeue([self.executor_id])
            log.info("%s has left", self.executor_id)
        except SQLAlchemyError:
            log.warning("the database is away; a peer will take over once the lease has run out")
        tracing.stop()
        _exit(0)

    def _leave(self) -> None:
        """The lease is lost: a peer may run our validation by now, so nothing of ours may go on."""
        if self.seat.child is not None:
            self.seat.child.signal(signal.SIGKILL)
        _exit(EXIT_LEASE_LOST)


def _hold() -> None:
    """Keeps the engine's slot until the process ends, so that it cannot take the requeued run again."""
    threading.Event().wait()


def _exit(code: int) -> None:
    logging.shutdown()
    os._exit(code)  # threads of the engine may still wait on the database


def _end_with(parent: int, ending: threading.Event) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    ending.set()


def _slot(ending: threading.Event) -> Device | None:
    """A free device of this machine; waits for one. None when told to end meanwhile."""
    found, said = here(), False
    while not ending.is_set():
        for index, device in enumerate(found):
            handles = []
            for n in range(index * device.count, (index + 1) * device.count):  # one lock for each GPU: slots may differ in size
                handle = take(locks() / f"slot-{os.uname().nodename}-{n}.lock")
                if handle is None:
                    break
                handles.append(handle)
            if len(handles) == device.count:
                _KEPT.extend(handles)
                return device
            for handle in handles:
                handle.close()
        if not said:
            log.info("all %d slots of this machine are taken; waiting (GAN_ADVISOR_SLOTS)", len(found))
            said = True
        ending.wait(1.0)
    return None


_KEPT: list[object] = []
"""Locks held to the end of the process."""


if __name__ == "__main__":
    work(with_parent="--with-parent" in sys.argv)
