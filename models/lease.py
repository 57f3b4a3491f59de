"""Dead-man switch: a run must not outlive the worker that started it, or two runs of one validation could publish.

A dead worker: the kernel kills the run when the thread that started it ends (Linux). A frozen or fenced one: the worker renews a
deadline in a file, and the kernel's alarm kills the run when it passes, even when the run is busy inside one long operation.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path

PERIOD = 0.5
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """SIGKILL for this process when the thread that started it ends. Only Linux can; elsewhere the lease alone must do."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the call above could notice
        os.kill(os.getpid(), signal.SIGKILL)


def hold(lease: Path) -> None:
    """Arms the alarm for the deadline in the file (epoch seconds) and follows its renewals in a thread. Raises ValueError or OSError
    when there is no deadline to read now; one that becomes unreadable later leaves the alarm as it was."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    _arm(float(lease.read_text()))
    threading.Thread(target=_follow, args=(lease,), name="lease", daemon=True).start()


def _follow(lease: Path) -> None:
    while True:
        time.sleep(PERIOD)
        try:
            deadline = float(lease.read_text())
        except (OSError, ValueError):
            continue
        _arm(deadline)


def _arm(deadline: float) -> None:
    # An alarm of zero would disarm it, so a deadline in the past fires at once instead.
    signal.setitimer(signal.ITIMER_REAL, max(deadline - time.time(), 0.001))
