"""The faults of `make chaos`: one method each, whose docstring says what is done. Returns whether there was anything to do it to."""

from __future__ import annotations

import collections
import contextlib
import os
import random
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks.victims import Processes, Watch

HITS = 2
"""A run's own process is killed so often at most: after four starts in a row a validation fails, as it should."""


class Disk:
    """A small file system of its own. Needs a mount namespace; see `chaos.main`."""

    def __init__(self, at: Path, megabytes: int) -> None:
        at.mkdir(parents=True)
        self.at = at
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(at)], check=True)

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """No byte is left in it."""
        filler = self.at / ".filler"
        try:
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while file.write(bytes(2**16)):
                    pass
            yield
        finally:
            filler.unlink(missing_ok=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.at)], check=True)


class Faults:
    """What can go wrong, done to the processes of one storm."""

    def __init__(
        self, processes: Processes, watch: Watch, dice: random.Random, lease: float, restart: Callable[[], None] | None
    ) -> None:
        self._processes, self._watch, self._dice, self._lease = processes, watch, dice, lease
        self._restart, self._hits = restart, collections.Counter[str]()
        self.data: Disk | None = None
        self.database: Disk | None = None

    def all(self) -> Mapping[str, Callable[[], bool]]:
        """By name, those that can be done here."""
        found: dict[str, Callable[[], bool]] = {
            "kill worker": self.kill_worker,
            "freeze worker": self.freeze_worker,
            "drain worker": self.drain_worker,
            "kill asker": self.kill_asker,
            "kill run": self.kill_run,
            "lose machine": self.lose_machine,
            "limit files": self.limit_files,
            "cancel": self.cancel,
        }
        found |= {"fill disk": self.fill_disk} if self.data else {}
        found |= {"fill database": self.fill_database} if self.database else {}
        return found | ({"restart database": self.restart_database} if self._restart else {})

    def kill_worker(self) -> bool:
        """SIGKILL of a worker"""
        worker = self._dice.choice(self._processes.workers)
        worker.kill()
        worker.wait()
        return True

    def freeze_worker(self) -> bool:
        """SIGSTOP of a worker for 1 s or for longer than its lease, then SIGCONT"""
        worker = self._dice.choice(self._processes.workers)
        os.kill(worker.pid, signal.SIGSTOP)
        time.sleep(self._dice.choice((1.0, 1.5 * self._lease)))
        os.kill(worker.pid, signal.SIGCONT)
        return True

    def drain_worker(self) -> bool:
        """SIGTERM of a worker"""
        worker = self._dice.choice(self._processes.workers)
        worker.terminate()
        worker.wait(40)
        return True

    def kill_asker(self) -> bool:
        """SIGKILL of the process that queues, through the function behind `POST /v1/validations`"""
        if self._processes.asker is not None:
            self._processes.asker.kill()
            self._processes.asker.wait()
        return True

    def kill_run(self) -> bool:
        """SIGKILL of a training process, as the kernel does when memory runs out"""
        pid = self._one_that_trains()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return pid is not None

    def lose_machine(self) -> bool:
        """SIGKILL of both workers and all they train, while a race of three is between its start and its verdict"""
        from app.validations import store
        from app.validations.race import patient

        training = self._watch.training()
        racing = {Path(folder).parent.name for folder, _ in training}
        if not any(patient(lambda: store.get(one)).plan["rungs"] for one in racing):  # noqa: B023  called at once
            return False
        for pid in [*(worker.pid for worker in self._processes.workers), *(pid for _, pid in training)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for worker in self._processes.workers:
            worker.wait()
        return True

    def limit_files(self) -> bool:
        """no file of a training process may grow from now on (RLIMIT_FSIZE), as with a quota"""
        pid = self._one_that_trains()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]))
        return pid is not None

    def cancel(self) -> bool:
        """one that waits or runs is canceled"""
        from app.errors import Conflict
        from app.validations import store
        from app.validations.race import patient

        there = [item.id for item in patient(lambda: store.page(20))[0] if not item.done]
        if not there:
            return False
        chosen = self._dice.choice(there)
        with contextlib.suppress(Conflict):  # it has ended meanwhile
            self._processes.canceled.add(chosen)
            patient(lambda: store.cancel(chosen))
        return True

    def fill_disk(self) -> bool:
        """the file system of the workers' data folder has no byte left, for 1 to 4 s"""
        assert self.data is not None
        with self.data.full():
            time.sleep(self._dice.uniform(1.0, 4.0))
        return True

    def fill_database(self) -> bool:
        """the file system of the SQLite file has no byte left, for 1 to 4 s"""
        assert self.database is not None
        with self.database.full():
            time.sleep(self._dice.uniform(1.0, 4.0))
        return True

    def restart_database(self) -> bool:
        """PostgreSQL is stopped at once (pg_ctl -m immediate) and started again"""
        assert self._restart is not None
        self._restart()
        return True

    def _one_that_trains(self) -> int | None:
        spared = [(folder, pid) for folder, pid in self._watch.training() if self._hits[folder] < HITS]
        if not spared:
            return None
        folder, pid = self._dice.choice(spared)
        self._hits[folder] += 1
        return pid
