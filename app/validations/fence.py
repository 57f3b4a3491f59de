"""What a training process may not do: reach a network, fill the memory or the disk, leave its memory in a file.

The kernel keeps it to that, and no privilege is needed: a network namespace of its own, and resource limits. What trains is our own
code; what it reads is a stranger's data.
"""

from __future__ import annotations

import logging
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from functools import cache

from app.db import PROJECT
from app.settings import settings

log = logging.getLogger("gan_advisor")
MOST_OPEN = 4096
_ALONE = ("unshare", "--user", "--map-current-user", "--net")
_TOGETHER = (*_ALONE, "--keep-caps", sys.executable, "-m", "app.validations.loopback")


@cache
def without_network(*, loopback: bool = False) -> tuple[str, ...]:
    """What a command is prefixed with so that it finds no network, or only its own loopback; nothing, and a line in the log, where the
    kernel forbids that."""
    command = _TOGETHER if loopback else _ALONE
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True, timeout=20, cwd=PROJECT)
    except (OSError, subprocess.SubprocessError):
        log.warning("training processes keep the network: this system lets no user make a network namespace")
        return ()
    return command


def limit(pid: int, environment: Mapping[str, str]) -> None:
    """Sets the limits of a process just started. On a GPU memory is not limited: a driver maps far more than it uses."""
    limits = {resource.RLIMIT_FSIZE: settings().run_file_bytes, resource.RLIMIT_NOFILE: MOST_OPEN, resource.RLIMIT_CORE: 0}
    if "CUDA_VISIBLE_DEVICES" not in environment:
        limits[resource.RLIMIT_DATA] = settings().run_memory_bytes or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for kind, most in limits.items():
        _, hard = resource.prlimit(pid, kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.prlimit(pid, kind, (most, most))
