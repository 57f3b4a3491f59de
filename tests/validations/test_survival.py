"""Real workers and real training processes, killed, frozen and drained."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from app import db
from app.settings import settings
from app.validations import engine, race, record, store
from app.vocabulary import Status, Validation
from tests.validations.conftest import Crew, ask, ask_with_baseline, training, until


def kinds(validation_id: str) -> list[str]:
    return [event["type"].removeprefix("validation.") for event in store.events(validation_id, 0, 10_000)]


def resumed(validation_id: str) -> list[int | None]:
    """For each start of the candidate, the step it went on from."""
    log = store.events(validation_id, 0, 10_000)
    return [
        e["data"]["resumed_from_step"] for e in log if e["data"].get("run") == "candidate" and "resumed_from_step" in e["data"]
    ]


def moving(starts: int) -> Callable[[Validation], bool]:
    """True once the candidate has started so often and has made steps since."""

    def look(found: Validation) -> bool:
        came = resumed(found.id)
        return len(came) == starts and found.progress.step > (came[-1] or 0)

    return look


def holder(validation_id: str, workers: list[Popen[bytes]]) -> Popen[bytes]:
    """The worker that runs it; its process id is part of the executor id."""
    executor_id = engine.states([validation_id])[validation_id].executor_id
    assert executor_id is not None
    return next(w for w in workers if f"-{w.pid}-" in executor_id)


def freeze(worker: Popen[bytes]) -> None:
    """Stops it, but not inside a write: SQLite has one write lock, and a process frozen with it stops everybody until it thaws."""
    while True:
        worker.send_signal(signal.SIGSTOP)
        if db.engine().dialect.name != "sqlite":
            return
        try:
            with contextlib.closing(sqlite3.connect(db.engine().url.database or "", timeout=0.2)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                return
        except sqlite3.OperationalError:
            worker.send_signal(signal.SIGCONT)


def rebudget(validation_id: str, **budget: float) -> None:
    """From its next start on the candidate has another budget, so that no test depends on how fast this machine is."""
    with db.transaction() as session:
        row = record.lock(session, validation_id)
        assert row is not None
        runs = [{**run, "budget": {**run["budget"], **budget}} for run in row.plan["runs"]]
        row.plan = {**row.plan, "runs": runs}


def test_a_run_survives_a_drain_a_kill_and_a_freeze_and_ends_in_a_verdict(crew: Crew) -> None:
    made = ask_with_baseline()
    rebudget(made.id, seconds=600)
    workers = [crew.hire() for _ in range(4)]

    until(made.id, moving(1))
    drained = holder(made.id, workers)
    drained.send_signal(signal.SIGTERM)
    assert drained.wait(30) == 0
    assert until(made.id, moving(2)).attempt == 1, "a planned drain costs no attempt"

    holder(made.id, workers).kill()
    assert until(made.id, moving(3)).attempt == 2
    assert len(training(made.id)) == 1

    rebudget(made.id, steps=1)
    frozen = holder(made.id, workers)
    freeze(frozen)
    until(made.id, lambda v: v.attempt == 3)
    frozen.send_signal(signal.SIGCONT)
    assert frozen.wait(10) == 4, "a worker that lost its lease leaves"

    done = until(made.id, lambda v: v.status is Status.SUCCEEDED)
    assert done.report is not None and done.report["verdict"]["outcome"] in ("confirmed", "overturned", "inconclusive")
    log = store.events(made.id, 0, 10_000)
    assert [event["id"] for event in log] == list(range(1, len(log) + 1)), "no event is lost or doubled"
    assert kinds(made.id).count("verdict") == kinds(made.id).count("succeeded") == 1
    first, *later = resumed(made.id)
    assert first is None and len(later) == 3 and 0 < later[0] <= later[1] <= later[2], "each went on from a checkpoint"


def test_a_running_validation_is_canceled_within_five_seconds(crew: Crew) -> None:
    made = ask_with_baseline()
    rebudget(made.id, seconds=600)
    crew.hire()
    until(made.id, lambda v: v.progress.step > 0)
    started = time.monotonic()
    assert store.cancel(made.id)[0].status_reason in ("is being canceled", "canceled on request")
    until(made.id, lambda v: v.status is Status.CANCELED, 5)
    assert time.monotonic() - started < 5 and training(made.id) == []
    assert kinds(made.id)[-1] == "canceled"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # the store has no part in it
def test_a_run_on_two_devices_is_started_again_when_one_of_its_processes_is_lost(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAN_ADVISOR_SLOT_DEVICES", "2")
    made = ask_with_baseline(devices=2, budget={"max_seconds": 2})
    crew.hire()
    until(made.id, lambda v: len(training(v.id)) == 2, 300)
    (other,) = (pid for pid in training(made.id) if b"--rank" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(other, signal.SIGKILL)
    ended = until(made.id, lambda v: v.status is Status.SUCCEEDED, 300)
    assert ended.attempt == 1 and ended.report is not None
    assert ended.report["runs"]["candidate"]["budget"]["devices"] == 2
    lost = [e["data"]["detail"] for e in store.events(made.id) if e["data"].get("code") == "rank_lost"]
    assert lost == ["process 1 of 2, counted from 0, was killed by signal 9"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # the store has no part in it
def test_a_recipe_that_fails_ends_with_the_reason_and_a_child_that_is_killed_is_started_again(crew: Crew, folder: Path) -> None:
    (folder / "broken").mkdir()
    (folder / "broken" / "cat.png").write_bytes(b"no picture at all")
    worker = crew.hire()
    failed = until(ask(dataset=str(folder / "broken")).id, lambda v: v.done)
    assert failed.status is Status.FAILED
    assert (failed.status_reason or "").startswith("run baseline (pixel-gaussian): the data could not be loaded")

    good = ask_with_baseline(budget={"max_seconds": 2})
    until(good.id, lambda v: training(v.id))
    for pid in training(good.id):
        os.kill(pid, signal.SIGKILL)  # as the kernel does when memory runs out
    ended = until(good.id, lambda v: v.status is Status.SUCCEEDED)
    assert ended.attempt == 1 and worker.poll() is None, "the worker starts it again itself"
    assert (settings().runs / good.id / "report.json").exists()
    names = set(dict(store.artifacts(good.id)))
    assert {"samples.png", "curves.svg", "report.json", "recipe.yaml", "candidate/ema.safetensors"} <= names


def test_a_full_disk_is_waited_for_and_no_other_error_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race, "PAUSES", (0.0, 0.0))
    codes = [errno.ENOSPC, errno.EDQUOT]

    def write() -> str:
        if codes:
            raise OSError(codes.pop(), "no room")
        return "written"

    assert race.roomy(write) == "written"
    codes[:] = [errno.EACCES]
    with pytest.raises(OSError, match="no room"):
        race.roomy(write)
    codes[:] = 3 * [errno.ENOSPC]
    with pytest.raises(OSError, match="no room"):
        race.roomy(write)
