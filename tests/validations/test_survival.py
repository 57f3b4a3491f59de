"""Real workers and real training processes, killed, frozen and drained."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

from app.settings import settings
from app.validations import store
from app.vocabulary import Status, Validation
from tests.validations.conftest import Crew, ask, training, until


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


def test_a_run_survives_a_drain_a_kill_and_a_freeze_and_ends_in_a_verdict(crew: Crew) -> None:
    workers = [crew.hire()]
    made = ask(budget={"max_seconds": 9})
    until(made.id, moving(1))

    workers.append(crew.hire())
    workers[0].send_signal(signal.SIGTERM)
    assert workers[0].wait(20) == 0
    assert until(made.id, moving(2)).attempt == 1, "a planned drain costs no attempt"

    workers.append(crew.hire())
    workers[1].kill()
    assert until(made.id, moving(3)).attempt == 2
    assert len(training(made.id)) == 1

    workers.append(crew.hire())
    workers[2].send_signal(signal.SIGSTOP)
    until(made.id, lambda v: v.attempt == 3)
    workers[2].send_signal(signal.SIGCONT)
    assert workers[2].wait(10) == 4, "a worker that lost its lease leaves"

    done = until(made.id, lambda v: v.status is Status.SUCCEEDED, 90)
    assert done.report is not None and done.report["verdict"]["outcome"] in ("confirmed", "overturned", "inconclusive")
    log = store.events(made.id, 0, 10_000)
    assert [event["id"] for event in log] == list(range(1, len(log) + 1)), "no event is lost or doubled"
    assert kinds(made.id).count("verdict") == kinds(made.id).count("succeeded") == 1
    first, *later = resumed(made.id)
    assert first is None and len(later) == 3 and 0 < later[0] <= later[1] <= later[2], "each went on from a checkpoint"


def test_a_running_validation_is_canceled_within_five_seconds(crew: Crew) -> None:
    crew.hire()
    made = ask(budget={"max_seconds": 60})
    until(made.id, lambda v: v.progress.step > 0)
    started = time.monotonic()
    assert store.cancel(made.id)[0].status_reason in ("is being canceled", "canceled on request")
    until(made.id, lambda v: v.status is Status.CANCELED, 5)
    assert time.monotonic() - started < 5 and training(made.id) == []
    assert kinds(made.id)[-1] == "canceled"


def test_a_child_that_fails_ends_its_validation_with_the_reason_and_the_worker_goes_on(crew: Crew, folder: Path) -> None:
    (folder / "broken").mkdir()
    (folder / "broken" / "cat.png").write_bytes(b"no picture at all")
    worker = crew.hire()
    bad = ask(dataset=str(folder / "broken"))
    failed = until(bad.id, lambda v: v.done)
    assert failed.status is Status.FAILED
    assert (failed.status_reason or "").startswith("run baseline (pixel-gaussian): the data could not be loaded")

    killed = ask(budget={"max_seconds": 60})
    until(killed.id, lambda v: v.progress.step > 0)
    for pid in training(killed.id):
        signal.pidfd_send_signal(_pidfd(pid), signal.SIGKILL)
    ended = until(killed.id, lambda v: v.done)
    assert ended.status is Status.FAILED and "memory" in (ended.status_reason or "")
    assert worker.poll() is None

    good = until(ask().id, lambda v: v.status is Status.SUCCEEDED)
    assert (settings().runs / good.id / "report.json").exists()
    assert {"samples.png", "curves.svg", "report.json", "recipe.yaml", "candidate/ema.safetensors"} <= dict(
        store.artifacts(good.id)
    ).keys()


def _pidfd(pid: int) -> int:
    import os

    return os.pidfd_open(pid)
