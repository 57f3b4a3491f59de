"""The machine a run is on: its device, its names for the report, and settings that make CPU runs repeat bit for bit."""

from __future__ import annotations

import platform
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


def settle(seed: int, threads: object = None, rank: int = 0, devices: int = 1) -> Hardware:
    """Seeds torch, sets the number of CPU threads when one is asked for, and chooses deterministic kernels on a CPU.

    On a GPU deterministic kernels cost speed and some do not exist, so there only the seed is set. Of several `devices` this process
    takes the one of its rank. Raises ValueError.
    """
    if threads is not None:
        if not isinstance(threads, int) or threads < 1:
            raise ValueError(f"recipe.options.threads must be a whole number above zero, not {threads!r}")
        torch.set_num_threads(threads)
    torch.manual_seed(seed)
    if torch.cuda.is_available():
        if devices > torch.cuda.device_count():
            raise ValueError(f"the run takes {devices} devices, and this process sees {torch.cuda.device_count()} GPUs")
        torch.cuda.set_device(rank)
        return Hardware(torch.device("cuda", rank))
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # it would write every new tensor twice
    return Hardware(torch.device("cpu"))


@dataclass(frozen=True)
class Hardware:
    device: torch.device

    def describe(self) -> dict[str, Any]:
        """For the report: names, threads, versions."""
        return {
            "device": self.device.type,
            "gpu": torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else None,
            "cpu": _cpu(),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "python": platform.python_version(),
            "system": platform.platform(),
        }

    def peak_memory_bytes(self) -> int:
        """Peak of the allocator on a GPU, of the resident set on a CPU."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        status = Path("/proc/self/status")
        if status.exists():  # getrusage would also count the parent's memory at the time of the fork
            return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out; on a CPU torch raises a plain RuntimeError."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("not enough memory" in text or "can't allocate memory" in text)


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
