"""What this machine can train on, and what a plan needs of it."""

from __future__ import annotations

import logging
import math
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import FieldProblem, Unprocessable
from app.recommend.cost.predict import CPU
from app.settings import settings
from app.validations import ledger
from app.vocabulary import ValidationRequest

log = logging.getLogger("gan_advisor")
GB = 1_000_000_000
CGROUP = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True)
class Device:
    """What one worker trains on: a GPU or several, or a share of the CPU for as many processes. `memory_bytes` is of one of them."""

    name: str
    gpu: bool
    memory_bytes: int
    environment: Mapping[str, str]
    """Of the training process, so that it sees these devices alone."""
    count: int = 1

    def lent(self, devices: int) -> dict[str, str]:
        """The environment of a run that takes so many of them."""
        seen = {"CUDA_VISIBLE_DEVICES": ",".join(self.environment.get("CUDA_VISIBLE_DEVICES", "").split(",")[:devices])}
        return {**self.environment, **(seen if self.gpu else {})}


def here() -> list[Device]:
    """One entry for each run that this machine does at once: its GPUs, or `slot_devices` of them together, else equal shares of its
    CPU."""
    told = round(settings().device_memory_gb * GB)
    gpus, together = _gpus(), settings().slot_devices
    if not gpus:
        count = settings().slots or max(1, settings().workers)
        threads = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // (count * together)))}
        return count * [Device("cpu", False, told or _memory() // (count * together), threads, together)]
    if together > len(gpus):
        log.warning("a slot takes all %d GPUs of this machine, not %d (GAN_ADVISOR_SLOT_DEVICES)", len(gpus), together)
        together = len(gpus)
    groups = [range(n, n + together) for n in range(0, len(gpus) - together + 1, together)]
    count = settings().slots or len(groups)
    sharing = math.ceil(count / len(groups))
    return [_together(gpus, groups[n % len(groups)], sharing, told) for n in range(count)]


def _together(gpus: Sequence[tuple[str, int]], group: range, sharing: int, told: int) -> Device:
    """These GPUs as one; `sharing` runs use them at a time."""
    name = gpus[group[0]][0] if len(group) == 1 else f"{len(group)} x {gpus[group[0]][0]}"
    memory = told or min(gpus[n][1] for n in group) // sharing
    return Device(name, True, memory, {"CUDA_VISIBLE_DEVICES": ",".join(map(str, group))}, len(group))


def needed(runs: Iterable[Mapping[str, Any]], request: ValidationRequest) -> dict[str, Any]:
    """What every run of a plan needs of each of its devices: as asked for, else the upper end of what the largest run is predicted to
    hold. A run whose network has no traced step, such as a baseline, counts nothing. Raises Unprocessable where a batch cannot be
    split evenly.
    """
    runs = list(runs)
    for run in runs:
        if (batch := run["recipe"]["batch_size"]) % request.devices:
            detail = f"{run['architecture']} has batches of {batch}, which {request.devices} devices cannot share evenly"
            raise Unprocessable(detail, [FieldProblem(pointer="#/devices", code="indivisible", detail=detail)])
    told = {"gpu": request.device == "gpu", "devices": request.devices}
    if request.memory_gb is not None:
        return {**told, "memory_bytes": round(request.memory_gb * GB), "because": "asked for"}
    profiles, _ = ledger.known()
    most, which = 0, "no run has a traced step"
    for run in runs:
        own = [p for p in profiles if p.architecture == run["architecture"] and p.width == run["recipe"]["width"]]
        if own:
            part = {**run["recipe"], "batch_size": run["recipe"]["batch_size"] // request.devices}
            mean, sd = ledger.predicted(part, CPU, own).memory
            most, which = max(
                (most, which), (round(GB * math.exp(mean + ledger.Z90 * sd)), f"predicted for {run['architecture']}")
            )
    return {**told, "memory_bytes": most, "because": which}


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
