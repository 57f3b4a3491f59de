"""A decision on a small task, and what becomes of it: shared by the tests of this room."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from app import cli
from app.fitted import shipped
from app.gate.commands import _decide
from app.gate.drift import compare
from app.gate.lock import _digest, body_of, lock_of, render
from app.gate.task import read
from app.gate.words import Lock, Report
from app.recommend import Advisor

TODAY = date(2026, 11, 23)
TASK: dict[str, Any] = {
    "data": {"type": "image", "resolution": 64, "samples": 5000, "labels": "none"},
    "budget": {"gpu": "RTX 3090", "gpu_hours": 48},
}


@cache
def advisor() -> Advisor:
    return shipped()


def written(folder: Path, task: Mapping[str, Any] = TASK, **policy: Any) -> Path:
    path = folder / "gan-task.yaml"
    path.write_text(yaml.safe_dump({**task, **({"policy": policy} if policy else {})}, sort_keys=False))
    return path


def locked(path: Path) -> Lock:
    """The lock of a task file, written beside it."""
    asked = read(path)
    answer, by = _decide(asked.task, ())
    lock = lock_of(asked.task, asked.limit, answer, by, TODAY)
    keep(path, lock)
    return lock


def keep(path: Path, lock: Lock) -> None:
    (path.parent / "gan-decision.lock.json").write_text(render(lock))


def forged(lock: Lock, **changes: Any) -> Lock:
    """A lock that says something else, whole again."""
    other = lock.model_copy(update=changes)
    return other.model_copy(update={"sha256": _digest(body_of(other))})


def report(lock: Lock, path: Path, today: date = TODAY) -> Report:
    asked = read(path)
    answer, by = _decide(asked.task, ())
    return compare(lock, asked, answer, by, today)


def command(*arguments: str) -> int:
    """`gan-advisor` in this process; its exit code."""
    before, sys.argv = sys.argv, ["gan-advisor", *arguments]
    try:
        with pytest.raises(SystemExit) as end:
            cli.main()
        return int(end.value.code or 0)
    finally:
        sys.argv = before
