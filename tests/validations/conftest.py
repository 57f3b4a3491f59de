"""Real workers with short leases, and an advisor that needs no knowledge base."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.settings import settings
from app.validations import store
from app.vocabulary import Validation
from models.contract import REPORT
from tests.validations import samples

ROOT = Path(__file__).resolve().parents[2]


class Crew:
    """Worker processes of one test."""

    def __init__(self) -> None:
        self.workers: list[subprocess.Popen[bytes]] = []

    def hire(self) -> subprocess.Popen[bytes]:
        worker = subprocess.Popen([sys.executable, "-m", "app.validations.worker"], cwd=ROOT)
        self.workers.append(worker)
        return worker

    def dismiss(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
                worker.kill()
            worker.wait()


@pytest.fixture
def crew(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crew]:
    short = {"HEARTBEAT_SECONDS": "0.4", "LEASE_SECONDS": "6", "POLL_SECONDS": "0.1", "SLOTS": "4"}
    for name, value in short.items():
        monkeypatch.setenv(f"GAN_ADVISOR_{name}", value)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    settings.cache_clear()
    crew = Crew()
    yield crew
    crew.dismiss()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that validations may read."""
    allowed = tmp_path / "data"
    allowed.mkdir()
    monkeypatch.setenv("GAN_ADVISOR_DATA_FOLDERS", f'["{allowed}"]')
    settings.cache_clear()
    return allowed


def ask(key: str | None = None, team: str | None = None, **changes: Any) -> Validation:
    return store.create(samples.request(**changes), samples.advise, key, team)[0]


def ask_with_baseline(**changes: Any) -> Validation:
    """A validation whose baseline has its report already, as a worker leaves it that dies right after; saves a process start."""
    made = ask(**changes)
    run_dir = settings().runs / made.id / "baseline"
    run_dir.mkdir(parents=True)
    (run_dir / REPORT).write_text(json.dumps(samples.report(0.5)))
    return made


def until(validation_id: str, wanted: Callable[[Validation], object], seconds: float = 120.0) -> Validation:
    """The validation as soon as it is as wanted. Fails when that takes too long or it ends otherwise."""
    deadline = time.monotonic() + seconds
    while not wanted(found := store.get(validation_id)):
        assert not found.done, f"ended as {found.status}: {found.status_reason}"
        assert time.monotonic() < deadline, f"still {found.status}: {found.status_reason}"
        time.sleep(0.05)
    return found


def training(validation_id: str) -> list[int]:
    """Processes that train for a validation, as the system sees them."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if "models.train" in words and any(validation_id in word for word in words):
                found.append(int(entry.name))
    return found
