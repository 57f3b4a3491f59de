"""What this machine can train on, and what a plan needs of it."""

from __future__ import annotations

import logging
import math
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.recommend.cost.predict import CPU
from app.settings import settings
from app.validations import ledger
from app.vocabulary import ValidationRequest

log = logging.getLogger("gan_advisor")
GB = 1_000_000_000
CGROUP = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True)
class Device:
    """What one worker trains on. `memory_bytes` is a GPU's own, or this worker's share of the machine's."""

    name: str
    gpu: bool
    memory_bytes: int
    environment: Mapping[str, str]
    """Of the training process, so that it sees this device alone."""


def here() -> list[Device]:
    """One device for each run that this machine does at once: its GPUs, else equal shares of its CPU."""
    told = round(settings().device_memory_gb * GB)
    gpus = _gpus()
    count = settings().slots or len(gpus) or max(1, settings().workers)
    if not gpus:
        threads = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // count))}
        return count * [Device("cpu", False, told or _memory() // count, threads)]
    sharing = math.ceil(count / len(gpus))
    found = [
        Device(name, True, told or memory // sharing, {"CUDA_VISIBLE_DEVICES": str(n)}) for n, (name, memory) in enumerate(gpus)
    ]
    return [found[n % len(found)] for n in range(count)]


def needed(runs: Iterable[Mapping[str, Any]], request: ValidationRequest) -> dict[str, Any]:
    """What every run of a plan needs of its device: as asked for, else the upper end of what the largest run is predicted to hold.

    A run whose network has no traced step, such as a baseline, counts nothing.
    """
    gpu = request.device == "gpu"
    if request.memory_gb is not None:
        return {"gpu": gpu, "memory_bytes": round(request.memory_gb * GB), "because": "asked for"}
    profiles, _ = ledger.known()
    most, which = 0, "no run has a traced step"
    for run in runs:
        own = [p for p in profiles if p.architecture == run["architecture"] and p.width == run["recipe"]["width"]]
        if own:
            mean, sd = ledger.predicted(run["recipe"], CPU, own).memory
            most, which = max(
                (most, which), (round(GB * math.exp(mean + ledger.Z90 * sd)), f"predicted for {run['architecture']}")
            )
    return {"gpu": gpu, "memory_bytes": most, "because": which}


def _gpus() -> list[tuple[str, int]]:
    """Name and memory in bytes of each GPU; empty where there is none."""
    try:
        command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
        listed = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        rows = [line.rsplit(",", 1) for line in listed.stdout.splitlines() if line.strip()]
        return [(name.strip(), int(mebibytes) * 2**20) for name, mebibytes in rows]
    except (OSError, subprocess.SubprocessError):
        return []
    except ValueError as error:
        log.warning("nvidia-smi told no memory (%s): the GPUs are not used; GAN_ADVISOR_DEVICE_MEMORY_GB", error)
        return []


def _memory() -> int:
    """Bytes of this machine, or of the container around this process where that is less."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(whole, int(CGROUP.read_text()))
    except (OSError, ValueError):
        return whole
