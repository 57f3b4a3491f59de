"""Predicted against measured: memory and seconds of a training step of every network, on this CPU.

Each case plays real steps in a process of its own. The prediction is the service's own, made from the shipped trace of that case
(app/knowledge/profiles.csv) and from the speed of a matrix product and of a copy that the same process measures before and after.
Seconds are those of the processor, so that a busy machine changes little; memory is the high-water mark of the resident set over
what the process held before the game was built. `python -m benchmarks.profile dcgan wgan-gp` takes some.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from app.recommend.cost.cases import Case
from app.recommend.cost.roofline import CPU_PROCESS_GB, traced
from app.vocabulary import Gpu
from app.vocabulary import Profile as Row
from models.contract import Recipe
from models.game import Game
from models.hardware import settle
from models.networks import build
from models.profiles import few, networks, read, recipes

STEPS, THREADS = 5, 1
MOST_SECONDS = 10.0
"""Of one predicted step; a larger case is left out."""
Z90 = 1.6449


@dataclass(frozen=True)
class Step:
    """One case. Ratios are measured over predicted; `inside`: both within their 90 % intervals."""

    case: str
    resident: float
    predicted_resident: float
    seconds: float
    predicted_seconds: float
    inside: bool
    gflops: float
    gbps: float


def main(*names: str) -> list[Step]:
    """Prints the table and returns its rows."""
    heads = ("MB", 7), ("predicted", 10), ("ratio", 7), ("step s", 9), ("predicted", 10), ("ratio", 7), ("inside", 7)
    print(" " * 34 + "".join(f"{head:>{wide}}" for head, wide in (*heads, ("GFLOP/s", 9), ("GB/s", 6))))
    rows = [step for slug in names or networks() for recipe in cases(slug) if (step := apart(recipe)) is not None]
    memory, seconds = [s.resident / s.predicted_resident for s in rows], [s.seconds / s.predicted_seconds for s in rows]
    for name, ratios in (("memory", memory), ("time", seconds)):
        print(f"{name}: median ratio {statistics.median(ratios):.2f}, from {min(ratios):.2f} to {max(ratios):.2f}")
    print(f"{sum(s.inside for s in rows)} of {len(rows)} inside both intervals; {THREADS} thread, torch {torch.__version__}")
    return rows


def cases(slug: str) -> list[Recipe]:
    """What a validation on a CPU trains, and the smallest published size."""
    return [next(recipes(slug, "cpu")), next(recipes(slug))]


def apart(recipe: Recipe) -> Step | None:
    """A case, run in a process of its own and printed; None where it would take too long, or cannot be built."""
    command = [sys.executable, "-m", "benchmarks.profile", "--case", json.dumps(asdict(recipe))]
    ran = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": str(THREADS)})
    if ran.returncode or not ran.stdout.strip():
        print(f"{recipe.architecture} {recipe.resolution}: {(ran.stderr.strip().splitlines() or ['too large'])[-1]}", flush=True)
        return None
    s = Step(**json.loads(ran.stdout.splitlines()[-1]))
    print(
        f"{s.case:<34}{s.resident / 1e6:>7.0f}{s.predicted_resident / 1e6:>10.0f}{s.resident / s.predicted_resident:>7.2f}"
        f"{s.seconds:>9.3f}{s.predicted_seconds:>10.3f}{s.seconds / s.predicted_seconds:>7.2f}{'yes' if s.inside else 'no':>7}"
        f"{s.gflops:>9.0f}{s.gbps:>6.0f}",
        flush=True,
    )
    return s


def case(recipe: Recipe) -> Step | None:
    """Plays and measures."""
    settle(0, THREADS)
    data, known = few(recipe), shipped(recipe)
    speeds = [(matmul(), copy())]
    if predicted(known, *speeds[0])[0] > MOST_SECONDS:
        return None
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    game = Game(build(recipe, data), recipe, data, torch.device("cpu"))
    game.begin()
    measured = 0.0
    phases = game.adversary.phases
    for number, phase in enumerate(phases):
        game.phase = number
        game.play()
        period = math.lcm(*(move.every for move in phase.moves))
        times = sorted(timed(game.play) for _ in range(min(max(STEPS, period), 4 * STEPS)))
        measured += phase.share / sum(p.share for p in phases) * statistics.mean(times[: max(1, len(times) - 1)])
    grown = max(resident("VmHWM") - before, 1)
    speeds.append((matmul(), copy()))
    gflops, gbps = (statistics.mean(pair) for pair in zip(*speeds, strict=True))
    seconds, sd, gigabytes, memory_sd = predicted(known, gflops, gbps)
    bytes_ = 1e9 * (gigabytes - CPU_PROCESS_GB)
    spread = Z90 * sd, math.log(1e9 * gigabytes * math.exp(Z90 * memory_sd) - 1e9 * CPU_PROCESS_GB) - math.log(bytes_)
    inside = abs(math.log(measured / seconds)) <= spread[0] and abs(math.log(grown / bytes_)) <= spread[1]
    name = f"{recipe.architecture} {known.resolution or known.length or ''} w{recipe.width} b{recipe.batch_size}"
    return Step(name, grown, bytes_, measured, seconds, inside, gflops, gbps)


def shipped(recipe: Recipe) -> Row:
    """The traced step of this case. Raises LookupError where the table has none."""
    wanted = recipe.architecture, str(recipe.resolution), str(recipe.width), str(recipe.batch_size), recipe.precision
    for body in read():
        at = body["architecture"], body["resolution"] or wanted[1], body["width"], body["batch_size"], body["precision"]
        if at == wanted:
            return Row(id="", **{name: value for name, value in body.items() if value != ""})
    raise LookupError(f"no traced step at {wanted[1:]}: python -m models.profiles")


def predicted(known: Row, gflops: float, gbps: float) -> tuple[float, float, float, float]:
    """Seconds a step and GB of the process, each with its standard deviation on a log scale, by the service's predictor."""
    device = Gpu(name="CPU", vendor="CPU", memory_gb=16, fp32_tflops=gflops / 1e3, memory_bandwidth_gb_s=gbps, source="measured")
    unit = "image" if known.resolution else "sample"
    at = Case(known.architecture, "", "", "", unit, known.resolution, known.batch_size, "fp32", gpu=device, gpu_name="CPU")
    found = traced(at, known.batch_size, known.length, device, [known])
    return math.exp(found.time[0]) * known.batch_size / 1000, found.time[1], math.exp(found.memory[0]), found.memory[1]


def matmul(n: int = 1024) -> float:
    """GFLOP/s of a fp32 matrix product, median of a few."""
    a, b = torch.randn(n, n), torch.randn(n, n)
    return 2 * n**3 / statistics.median(timed(lambda: a @ b) for _ in range(5)) / 1e9


def copy(n: int = 2**24) -> float:
    """GB/s read and written by a copy that no cache holds, median of a few."""
    a, b = torch.randn(n), torch.empty(n)
    return 8 * n / statistics.median(timed(lambda: b.copy_(a)) for _ in range(5)) / 1e9


def timed(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def resident(name: str) -> int:
    """Bytes of VmRSS, what is resident, or VmHWM, the most that was."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--case"]:
        fields = json.loads(sys.argv[2])
        found = case(Recipe(**{**fields, "augment": tuple(fields["augment"])}))
        print(json.dumps(asdict(found)) if found else "")
    else:
        main(*sys.argv[1:])
