"""The processes that share a run with process 0: started, watched and ended by it. What they say to each other is models/ranks.py."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

STUCK_SECONDS = 900.0
"""A run that has asked for nothing for so long, loading and waiting for each other included, has failed."""
NOTICE_SECONDS = 5.0
"""After another process has ended, so long for process 0 to fail by itself, which says more."""


class Crew:
    """The other processes of a run, seen from process 0. None of them outlives it (models/lease.py)."""

    def __init__(self, run_dir: Path, count: int, fail: Callable[[str], None]) -> None:
        """Starts them. `fail(why)` ends this process, from a thread, when one of them has ended or all wait for each other."""
        self.count, self.pulse = count, time.monotonic()
        for old in run_dir.glob(".ranks-*"):  # of a start that was killed
            old.unlink()
        self.meeting = run_dir / f".ranks-{time.time_ns():x}"
        command = [sys.executable, "-m", "models.train", str(run_dir), "--meeting", str(self.meeting), "--rank"]
        self._others = [subprocess.Popen([*command, str(n)]) for n in range(1, count)]
        self._fail, self._over = fail, threading.Event()
        if self._others:
            threading.Thread(target=self._watch, name="crew", daemon=True).start()

    def lost(self, wait: float = 0.0) -> tuple[int, int] | None:
        """(rank, exit code) of one that has ended, if there is one within so many seconds."""
        deadline = time.monotonic() + wait
        while True:
            for n, process in enumerate(self._others, 1):
                if process.poll() is not None:
                    return n, process.returncode
            if not self._others or time.monotonic() >= deadline:
                return None
            time.sleep(0.05)

    def dismiss(self, grace: float = 0.0) -> None:
        """Kills what has not ended within `grace` seconds."""
        self._over.set()
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline and any(process.poll() is None for process in self._others):
            time.sleep(0.02)
        for process in self._others:
            process.kill()
            process.wait()
        self.meeting.unlink(missing_ok=True)

    def said(self, lost: tuple[int, int]) -> str:
        n, code = lost
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return f"process {n} of {self.count}, counted from 0, {how}"

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            lost = self.lost()
            if lost is not None and not self._over.wait(NOTICE_SECONDS):
                self._fail(self.said(lost))
            if time.monotonic() - self.pulse > STUCK_SECONDS:
                self._fail(f"the {self.count} processes of the run have waited for each other for {STUCK_SECONDS:.0f} s")
