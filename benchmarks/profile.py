"""Predicted against measured: memory and seconds of a training step of every network, on this CPU.

Each case runs in a process of its own: the trace first, then real steps. Measured memory is the high-water mark of the resident set
over what the process held before the game was built. Predicted seconds are a roofline over the operators, with the speed of a matrix
product and of a copy that the same process measured between the steps. `python -m benchmarks.profile dcgan wgan-gp` takes some.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from models.contract import Recipe
from models.game import Game
from models.hardware import settle
from models.networks import build
from models.profile import Profile, profile
from models.profiles import few, networks, recipes

STEPS = 5
MOST_SECONDS = 8.0
"""Of one predicted step; a larger case is left out."""


@dataclass(frozen=True)
class Row:
    """One case. `roofline` are predicted seconds of the mean step."""

    architecture: str
    resolution: int
    width: int
    batch_size: int
    precision: str
    tensors: int
    resident: int
    seconds: float
    roofline: float
    flops: float
    moved: float
    kernels: float
    gflops: float
    gbps: float


def main(*names: str) -> list[Row]:
    """Prints the table and returns its rows."""
    rows = []
    print(
        f"{'':<34}{'tensors MB':>12}{'resident':>10}{'ratio':>7}{'step s':>9}{'roofline':>10}{'ratio':>7}{'GFLOP/s':>9}{'GB/s':>6}"
    )
    for slug in names or networks():
        for recipe in cases(slug):
            row = apart(recipe)
            if row is None:
                continue
            rows.append(row)
            name = f"{row.architecture} {row.resolution} w{row.width} b{row.batch_size} {row.precision}"
            print(
                f"{name:<34}{row.tensors / 1e6:>12.0f}{row.resident / 1e6:>10.0f}{row.resident / row.tensors:>7.2f}{row.seconds:>9.3f}"
                f"{row.roofline:>10.3f}{row.seconds / row.roofline:>7.2f}{row.gflops:>9.0f}{row.gbps:>6.0f}",
                flush=True,
            )
    return rows


def cases(slug: str) -> list[Recipe]:
    """The smallest two sizes of the table, and what a validation on a CPU would train: a quarter of the width."""
    fp32 = [recipe for recipe in recipes(slug) if recipe.precision == "fp32"]
    narrow = replace(fp32[0], width=max(8, fp32[0].width // 4), batch_size=16)
    return [narrow, *fp32[:3]]


def apart(recipe: Recipe) -> Row | None:
    """A case, run in a process of its own; None where it would take too long, or cannot be built."""
    body = json.dumps(asdict(recipe))
    command = [sys.executable, "-m", "benchmarks.profile", "--case", body]
    ran = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": str(THREADS)})
    if ran.returncode:
        print(f"{recipe.architecture} {recipe.resolution}: {ran.stderr.strip().splitlines()[-1]}")
        return None
    return Row(**json.loads(ran.stdout)) if ran.stdout.strip() else None


THREADS = 1


def case(recipe: Recipe) -> Row | None:
    """Traces, then plays and measures."""
    settle(0, THREADS)
    data = few(recipe)
    traced = profile(recipe, data)
    gflops, gbps = [matmul()], [copy()]
    if roofline(traced, gflops[0], gbps[0]) > MOST_SECONDS:
        return None
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    game = Game(build(recipe, data), recipe, data, torch.device("cpu"))
    for _ in range(2):
        game.play()
    times = []
    for _ in range(STEPS):
        start = time.perf_counter()
        game.play()
        times.append(time.perf_counter() - start)
    grown = resident("VmHWM") - before
    gflops.append(matmul())
    gbps.append(copy())
    speeds = statistics.mean(gflops), statistics.mean(gbps)
    return Row(
        recipe.architecture, recipe.resolution, recipe.width, recipe.batch_size, recipe.precision,
        traced.peak.peak.total, grown, statistics.median(times), roofline(traced, *speeds),
        traced.mean(lambda o: o.flops), traced.mean(lambda o: o.moved), traced.mean(lambda o: 1), *speeds,
    )  # fmt: skip


def roofline(traced: Profile, gflops: float, gbps: float) -> float:
    """Seconds of the mean step: each operator takes its arithmetic or its traffic, whichever is longer, and a few microseconds."""
    return traced.mean(lambda o: max(o.flops / (gflops * 1e9), o.moved / (gbps * 1e9)) + 5e-6)


def matmul(n: int = 1024) -> float:
    """GFLOP/s of a fp32 matrix product, median of a few."""
    a, b = torch.randn(n, n), torch.randn(n, n)
    return 2 * n**3 / timed(lambda: a @ b) / 1e9


def copy(n: int = 2**24) -> float:
    """GB/s read and written by a copy that no cache holds."""
    a, b = torch.randn(n), torch.empty(n)
    return 8 * n / timed(lambda: b.copy_(a)) / 1e9


def timed(call: object) -> float:
    """Median seconds of a few calls."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        call()  # type: ignore[operator]
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def resident(name: str) -> int:
    """Bytes of VmRSS, what is resident, or VmHWM, the most that was."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--case"]:
        fields = json.loads(sys.argv[2])
        row = case(Recipe(**{**fields, "augment": tuple(fields["augment"])}))
        print(json.dumps(asdict(row)) if row else "")
    else:
        main(*sys.argv[1:])
