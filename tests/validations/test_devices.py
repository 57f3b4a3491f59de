"""Who may run what, and what a queued validation says of it. Capacities are told by a setting; no GPU is needed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from app import db
from app.errors import TooMany, Unprocessable
from app.settings import settings
from app.tables import ValidationRow, WorkerRow
from app.validations import devices, engine, store
from app.validations.devices import GB
from app.vocabulary import Validation
from tests.validations.conftest import ROOT, ask

TAKER = """
import sys, time
from app.validations import engine
able = sys.argv[2] == "gpu", int(sys.argv[3]), int(sys.argv[4])
engine.work(sys.argv[1], lambda validation_id: print(validation_id, flush=True), *able)
time.sleep(60)
"""


def up(executor_id: str, gigabytes: float, gpu: bool = False, devices: int = 1) -> None:
    with db.transaction() as session:
        now = db.now(session)
        fields = {"host": "elsewhere", "pid": 1, "device": "gpu" if gpu else "cpu", "started_at": now, "seen": now}
        has = {"gpu": gpu, "memory_bytes": round(gigabytes * GB), "devices": devices}
        session.add(WorkerRow(executor_id=executor_id, **fields, **has, state="live"))


def start_of(found: Validation) -> float:
    assert found.waiting is not None and found.waiting.estimated_start is not None
    return datetime.fromisoformat(found.waiting.estimated_start).timestamp() - time.time()


def taken(kind: str, gigabytes: float, count: int, devices: int = 1) -> list[str]:
    """What the engine gives to an executor with such a device until it has given so many, or half a second longer than that."""
    environment = {**os.environ, "GAN_ADVISOR_POLL_SECONDS": "0.05"}
    command = [sys.executable, "-c", TAKER, f"{kind}-{gigabytes}-{devices}", kind, str(round(gigabytes * GB)), str(devices)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as taker:
        assert taker.stdout is not None
        found = [taker.stdout.readline().strip() for _ in range(count)]
        time.sleep(0.5)
        taker.kill()
        return found + taker.stdout.read().split()


def test_a_run_is_given_only_to_a_worker_that_has_the_memory_and_the_gpu_and_others_pass_it_over(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAN_ADVISOR_POLL_SECONDS", "0.05")
    settings.cache_clear()
    large, graphics, pair, small, last = ask(memory_gb=24), ask(device="gpu"), ask(devices=2), ask(), ask()
    assert taken("cpu", 8, 2) == [small.id, last.id], "those behind do not wait for a device that they do not need"
    assert taken("cpu", 32, 1) == [large.id]
    assert taken("gpu", 8, 1) == [graphics.id]
    assert taken("cpu", 8, 1, devices=4) == [pair.id]


def test_what_no_worker_can_run_says_what_it_needs_and_what_is_there(database: str) -> None:
    made = ask(memory_gb=24, device="gpu")
    assert made.status_reason == "waits for a worker: none is alive; first in line"
    up("one", 64)
    up("two", 8, gpu=True)
    found = store.get(made.id)
    assert found.status_reason == (
        "waits for a worker with a GPU and 24 GB of device memory; none is up, the largest of 2 has 8 GB on a GPU; first in line"
    )
    assert found.waiting is not None and (found.waiting.workers, found.waiting.estimated_start) == (0, None)
    up("three", 24, gpu=True)
    found = store.get(made.id)
    assert found.status_reason == "waits for one of 1 worker with a GPU and 24 GB of device memory, of 3; first in line"
    assert found.waiting is not None and found.waiting.workers == 1
    pair = store.get(ask(memory_gb=8, device="gpu", devices=2).id)
    assert pair.status_reason == (
        "waits for a worker with 2 GPUs and 8 GB of device memory on each; none is up, the largest of 3 has 1 device; behind 1 other"
    )
    up("four", 8, gpu=True, devices=2)
    assert "waits for one of 1 worker with 2 GPUs and 8 GB of device memory on each, of 4" in str(
        store.get(pair.id).status_reason
    )


def test_when_it_may_start_follows_from_what_comes_first_on_the_same_workers(database: str) -> None:
    up("one", 8)
    up("two", 32, gpu=True)
    first, second, third = (ask(budget={"max_seconds": 100}) for _ in range(3))
    assert -5 < start_of(first) < 5
    assert 45 < start_of(second) < 55, "a hundred seconds of work, shared by two"
    assert 95 < start_of(third) < 105
    large = ask(memory_gb=24)
    assert 295 < start_of(large) < 305, "one worker can run it, and all before it may be given to that one too"
    assert store.get(first.id).waiting is not None


def test_the_plan_says_what_it_needs_and_why(database: str) -> None:
    plan = ask().plan
    assert plan["needs"]["gpu"] is False and plan["needs"]["because"] == "predicted for gan"
    assert 0.3 * GB < plan["needs"]["memory_bytes"] < 2 * GB
    asked = {"gpu": False, "devices": 1, "memory_bytes": 24 * GB, "because": "asked for"}
    assert ask(memory_gb=24).plan["needs"] == asked
    assert ask(devices=2).plan["needs"]["devices"] == 2
    with pytest.raises(Unprocessable, match="batches of 64, which 3 devices cannot share evenly"):
        ask(devices=3)


def test_devices_are_found_and_their_memory_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_ADVISOR_SLOTS", "2")
    settings.cache_clear()
    cpus = devices.here()
    assert [d.name for d in cpus] == ["cpu", "cpu"] and cpus[0].memory_bytes > 1e8
    fake = tmp_path / "nvidia-smi"
    fake.write_text("#!/bin/sh\necho 'NVIDIA A10, 23028'\necho 'NVIDIA T4, 15360'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = devices.here()
    assert [(d.name, d.memory_bytes) for d in found] == [("NVIDIA A10", 23028 * 2**20), ("NVIDIA T4", 15360 * 2**20)]
    assert [d.environment["CUDA_VISIBLE_DEVICES"] for d in found] == ["0", "1"]
    monkeypatch.setenv("GAN_ADVISOR_SLOTS", "4")
    settings.cache_clear()
    assert [d.memory_bytes for d in devices.here()] == [11514 * 2**20, 7680 * 2**20] * 2, "two runs share a GPU"
    monkeypatch.delenv("GAN_ADVISOR_SLOTS")
    monkeypatch.setenv("GAN_ADVISOR_SLOT_DEVICES", "2")
    settings.cache_clear()
    (both,) = devices.here()
    assert (both.name, both.count, both.memory_bytes) == ("2 x NVIDIA A10", 2, 15360 * 2**20), "the smaller one decides"
    assert [both.lent(n)["CUDA_VISIBLE_DEVICES"] for n in (1, 2)] == ["0", "0,1"]
    monkeypatch.setenv("GAN_ADVISOR_DEVICE_MEMORY_GB", "24")
    settings.cache_clear()
    assert {d.memory_bytes for d in devices.here()} == {24 * GB}


def test_a_team_that_has_its_limit_in_line_is_told_to_come_back(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_ADVISOR_MAX_QUEUED", "2")
    settings.cache_clear()
    first, _ = ask(team="a"), ask(team="a")
    with pytest.raises(TooMany) as refused:
        ask(team="a")
    assert refused.value.retry_after and "2 of your validations" in refused.value.detail
    assert ask(team="b").status == "queued", "the limit is a team's own"
    store.cancel(first.id, "a")
    assert ask(team="a").status == "queued"
    with db.reading() as session:
        assert session.query(ValidationRow).count() == 4 == len(engine.states([row.id for row in session.query(ValidationRow)]))
