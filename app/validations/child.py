"""One training process: started in its run's folder, watched, stopped.

The folder's lock is taken here and handed to the child, which keeps it to its death whatever becomes of the worker. So two
processes never train in one folder, even when a peer takes the run over while the old child is still dying.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from app.db import PROJECT
from app.settings import child_environment
from app.validations import fence
from app.validations.lease import take
from models import contract

GRACE_SECONDS = 10.0
"""From SIGTERM to SIGKILL; a checkpoint is written in this time."""

REASONS = {
    contract.EXIT_BAD_RECIPE: "the recipe cannot be used",
    contract.EXIT_BAD_DATA: "the data could not be loaded",
    contract.EXIT_DIVERGED: "the training diverged",
    contract.EXIT_OUT_OF_MEMORY: "out of memory",
    contract.EXIT_NO_SPACE: "the disk is full, or a file grew beyond its limit",
    contract.EXIT_STOPPED: "stopped from outside",
    contract.EXIT_RANK_LOST: "one of its processes was lost",
}


class Child:
    """A running `python -m models.train`."""

    def __init__(self, run_dir: Path, process: subprocess.Popen[bytes]) -> None:
        self.run_dir, self._process = run_dir, process

    @classmethod
    def start(cls, run_dir: Path, lease_file: Path, environment: dict[str, str], devices: int = 1) -> Child | None:
        """Starts it; None while another process trains in the folder. A run on several devices starts its others itself."""
        lock = take(run_dir / "run.lock")
        if lock is None:
            return None
        with lock, (run_dir / contract.LOG).open("ab") as log:  # the child's copy of the descriptor goes on holding the lock
            process = subprocess.Popen(
                [
                    *fence.without_network(loopback=devices > 1),
                    sys.executable,
                    "-m",
                    "models.train",
                    str(run_dir),
                    "--lease",
                    str(lease_file),
                ],
                cwd=PROJECT,
                env=child_environment(PYTHONUNBUFFERED="1", **environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(lock.fileno(),),
            )
            with contextlib.suppress(ProcessLookupError):  # it has ended already
                fence.limit(process.pid, environment)
        return cls(run_dir, process)

    def poll(self) -> int | None:
        """The exit code, or None while it runs; minus the signal where one killed it."""
        return self._process.poll()

    def stop(self, grace: float = GRACE_SECONDS) -> None:
        """Asks it to write a checkpoint and end; kills what is left after `grace` seconds. Returns when it is gone."""
        self.signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace)
        self.kill()

    def kill(self) -> None:
        """Kills it and everything it started, and waits until it is gone."""
        self.signal(signal.SIGKILL)
        self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Tells the whole process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def reason(self, code: int) -> str:
        """Why it failed, in words, from its exit code and its own last `failed` event."""
        if code == -signal.SIGKILL:
            text = "killed from outside, as the kernel does when memory runs out"
        elif code < 0:
            text = f"killed by signal {signal.Signals(-code).name}"
        else:
            text = REASONS.get(code, f"exit code {code}; log.txt has the details")
        told = [event for event, _ in contract.read_events(self.run_dir) if event.type == "failed"]
        return f"{text}: {told[-1].data.get('detail')}" if told and code > 0 else text


def report_of(run_dir: Path, share: float = 1.0) -> dict[str, object] | None:
    """The report of a run that has come as far as this share of its budget; None while it has not.

    A report of a smaller share is moved aside, so that the run can go on; it stays as what was known then.
    """
    for path in (run_dir / f"report-{share:g}.json", run_dir / contract.REPORT):
        try:
            body = dict(json.loads(path.read_text()))
        except FileNotFoundError:
            continue
        reached = float(body.get("budget", {}).get("share", 1.0))
        if reached >= share or body.get("stopped_early"):
            return body
        path.rename(run_dir / f"report-{reached:g}.json")
    return None
