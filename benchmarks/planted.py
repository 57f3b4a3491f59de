"""Planted verdicts: recipes whose order is known, trained on real data and judged as a validation is. `python -m benchmarks.planted`.

broken    learning rates a thousandth of the sound ones, against a fitted Gaussian of the pixels: must be overturned
equal     one sound recipe with two seeds: must be inconclusive
better    the sound recipe against the broken one: must be confirmed
"""

from __future__ import annotations

import argparse
import collections
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from app.validations.known import tasks
from app.validations.plan import CONFIDENCE, SEED_NOISE
from app.validations.verdict import judge
from app.vocabulary import Verdict
from models import contract
from models.contract import Recipe, RunBudget, write_recipe
from models.train import train

TASK = "unconditional-image"
SOUND: dict[str, Any] = {
    "architecture": "dcgan",
    "task": TASK,
    "dataset": "digits",
    "resolution": 8,
    "channels": 1,
    "width": 16,
    "latent_dim": 32,
    "batch_size": 16,
    "lr_g": 1e-3,
    "lr_d": 1e-3,
    "ema_half_life_kimg": 2.0,
    "metric_samples": 250,
    "measure_every_kimg": 1e6,
}
BROKEN = {**SOUND, "lr_g": 1e-6, "lr_d": 1e-6}
FITTED = {**SOUND, "architecture": "pixel-gaussian"}
STEPS = 300
WANTED = {"broken": "overturned", "equal": "inconclusive", "better": "confirmed"}


def verdicts(seed: int, folder: Path, steps: int = STEPS) -> dict[str, Verdict]:
    """The verdict of each case for one seed."""
    sound, again = _report(SOUND, seed, folder, steps), _report(SOUND, seed + 1000, folder, steps)
    broken, fitted = _report(BROKEN, seed, folder, steps), _report(FITTED, seed, folder, 1)
    pairs = {"broken": (broken, fitted), "equal": (sound, again), "better": (sound, broken)}
    return {case: _judged(*pair) for case, pair in pairs.items()}


def _report(recipe: dict[str, Any], seed: int, folder: Path, steps: int) -> dict[str, Any]:
    name = recipe["architecture"] + ("-broken" if recipe is BROKEN else "")
    run_dir = folder / f"{name}-{seed}"
    write_recipe(run_dir, Recipe(**recipe, seed=seed, metric=tasks()[TASK]["metric"]), RunBudget(steps=steps))
    code = train(run_dir)
    assert code == contract.EXIT_OK, (run_dir / contract.EVENTS).read_text()[-500:]
    found: dict[str, Any] = json.loads((run_dir / contract.REPORT).read_text())
    return found


def _judged(candidate: dict[str, Any], baseline: dict[str, Any]) -> Verdict:
    """By the rule and the threshold of every validation of this task."""
    reports, terms = {"candidate": candidate, "baseline": baseline}, tasks()[TASK]
    runs = [
        {
            "name": name,
            "architecture": report["architecture"],
            "seed_noise": 0.0 if report["architecture"] == FITTED["architecture"] else SEED_NOISE,
        }
        for name, report in reports.items()
    ]
    common = {"metric": terms["metric"], "direction": terms["direction"], "threshold": terms["threshold"]}
    return judge({**common, "confidence": CONFIDENCE, "runs": runs}, reports)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    counts: dict[str, collections.Counter[str]] = {case: collections.Counter() for case in WANTED}
    least: dict[str, list[float]] = {case: [] for case in WANTED}
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gan-advisor-planted-") as name:
        for seed in range(options.seeds):
            for case, verdict in verdicts(seed, Path(name), options.steps).items():
                counts[case][str(verdict.outcome)] += 1
                least[case].append(verdict.difference.expected or 0.0)
                print(f"seed {seed} {case:7}{verdict.outcome:14}{verdict.reason}", flush=True)
    print(f"\n{'case':8} {'wanted':13} confirmed overturned inconclusive  difference, least to most")
    for case, found in counts.items():
        spread = f"{min(least[case]):.2f} to {max(least[case]):.2f}"
        print(f"{case:8} {WANTED[case]:13} {found['confirmed']:9} {found['overturned']:10} {found['inconclusive']:12}  {spread}")
    right = sum(found[WANTED[case]] for case, found in counts.items())
    print(f"{right} of {len(WANTED) * options.seeds} as planted, {options.steps} steps, {time.monotonic() - started:.0f} s")
    sys.exit(right < len(WANTED) * options.seeds)


if __name__ == "__main__":
    main()
