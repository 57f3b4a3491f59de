"""`make chaos`: every fault of benchmarks/faults.py, while validations run on several workers; counts what was lost or doubled.

A validation is lost when it was acknowledged and did not end with a verdict (or canceled, where we canceled it) and a log without
gaps. A run is doubled when two processes train in its folder at once, seen from outside in /proc.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import sqlalchemy as sa

from benchmarks.faults import Disk, Faults
from benchmarks.victims import WORKERS, Processes, Watch, postgresql

LEASE = {"HEARTBEAT_SECONDS": "0.5", "LEASE_SECONDS": "5", "POLL_SECONDS": "0.1", "MAX_ATTEMPTS": "50", "SLOTS": str(WORKERS)}
END_SECONDS = 300.0
MOUNTS = ("unshare", "--mount"), ("unshare", "--user", "--map-current-user", "--keep-caps", "--mount")
"""Ways to file systems of one's own, for root and for anyone."""


def storm(url: str, faults: int, seed: int, restart: Callable[[], None] | None, disks: Sequence[Disk]) -> tuple[int, int]:
    """(lost, doubled) after this many faults against one store; `restart` crashes and starts its server, if it has one of ours.
    `disks` hold the data folder and, where there is a second, the database."""
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
    began, log = time.monotonic(), (folder.parent / f"{folder.name}-faults.log").open("a")
    counts: collections.Counter[str] = collections.Counter()
    can = Faults(processes, watch, dice, float(LEASE["LEASE_SECONDS"]), restart)
    can.data, can.database = (*disks, None, None)[:2]
    try:
        kinds, quiet = itertools.cycle(can.all().items()), 0
        while sum(counts.values()) < faults:
            deadline = time.monotonic() + 60
            while not watch.training() and time.monotonic() < deadline:
                processes.revive()
                time.sleep(0.1)
            quiet = 0 if watch.training() else quiet + 1
            if quiet > 5:
                raise SystemExit(f"nothing trains; {folder}-workers.log may say why")
            time.sleep(dice.uniform(0.0, 1.2))
            kind, do = next(kinds)
            done = do()
            counts[kind] += done
            print(f"{time.monotonic() - began:6.0f} s  {kind}{'' if done else ': nothing to do it to'}", file=log, flush=True)
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
    parser.add_argument("--keep", action="store_true", help="leave the logs in the temporary folder, and say where it is")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.alone:
        way = next((way for way in MOUNTS if subprocess.run([*way, "true"], capture_output=True).returncode == 0), None)
        if way is not None:
            os.execvp(way[0], [*way, sys.executable, "-m", "benchmarks.chaos", *sys.argv[1:], "--alone"])
        print("no file system of its own can be mounted here: full disks are not tried")
    folder = Path(tempfile.mkdtemp(prefix="gan-advisor-chaos-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user when root starts it
    os.environ |= {f"GAN_ADVISOR_{key}": value for key, value in LEASE.items()}
    try:
        lost, doubled = _storms(folder, options)
    finally:
        if options.keep:
            print(f"logs are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"faults {options.faults} lost {lost} doubled {doubled}")
    sys.exit(bool(lost or doubled))


def _storms(folder: Path, options: argparse.Namespace) -> tuple[int, int]:
    """Lost and doubled over all stores."""
    stores: list[tuple[str, Callable[[], None] | None]] = [(url, None) for url in options.url or ()]
    stores = stores or [(f"sqlite:///{folder}/database/chaos.sqlite3", None), postgresql(folder)]
    lost = doubled = 0
    for place, (url, restart) in enumerate(stores):
        data = folder / f"var{place}"
        wanted = [(data, 256), *([(folder / "database", 64)] if url.startswith("sqlite") and not options.url else [])]
        disks = [Disk(*each) for each in wanted] if options.alone else []
        for path, _ in wanted:
            path.mkdir(exist_ok=True)
        os.environ["GAN_ADVISOR_DATA_DIR"] = str(data)
        share = options.faults // len(stores) + (place < options.faults % len(stores))
        more = storm(url, share, options.seed + place, restart, disks)
        lost, doubled = lost + more[0], doubled + more[1]
        for disk in disks:
            disk.unmount()
    return lost, doubled


if __name__ == "__main__":
    main()
