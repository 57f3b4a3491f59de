"""The watch over a run, tried on runs known to be healthy and runs broken on purpose: how often it speaks, and what it says.

python -m benchmarks.health [SEEDS]
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models import contract
from models.contract import Recipe, RunBudget
from models.train import train
from tests.models import tiny

STEPS = 800
SMALL: dict[str, Any] = {
    "dataset": "digits", "resolution": 16, "channels": 1, "batch_size": 16, "width": 16, "metric": "kid_efflite0_112",
    "metric_samples": 250,
    "measure_every_kimg": 2.0, "lr_g": 1e-3, "lr_d": 1e-3, "ema_half_life_kimg": 0.5, "options": {"threads": 1},
}  # fmt: skip
HEALTHY: dict[str, dict[str, Any]] = {
    "dcgan": {"architecture": "dcgan"},
    "sngan": {"architecture": "sngan"},
    "wgan-gp": {"architecture": "wgan-gp", "d_steps": 2, "gradient_penalty": 10.0},
    "dcgan, augmented": {"architecture": "dcgan", "augment": ("translation",)},
}
BROKEN: dict[str, dict[str, Any]] = {
    "rates 300 times too high": {"architecture": "dcgan", "lr_g": 0.3, "lr_d": 0.3},
    "40 samples, large discriminator": {"architecture": "sngan", "samples": 40, "width": 32},
    "a generator that hardly moves": {"architecture": "dcgan", "lr_g": 1e-7, "lr_d": 1e-3},
}


def told(fields: dict[str, Any], seed: int) -> tuple[Counter[str], dict[str, Any]]:
    """Codes of the health events of one run, and its report."""
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder) / "run"
        contract.write_recipe(run_dir, Recipe(**{**SMALL, **fields, "seed": seed}), RunBudget(steps=STEPS))
        code = train(run_dir)
        events = [str(event.data["code"]) for event in tiny.events(run_dir) if event.type == "health"]
        report = tiny.report(run_dir) if code == contract.EXIT_OK else {}
        return Counter(dict.fromkeys(events, 1)), report


def lines(seeds: int) -> Iterator[str]:
    for kind, runs in (("healthy", HEALTHY), ("broken", BROKEN)):
        for name, fields in runs.items():
            spoken, last = Counter[str](), []
            for seed in range(seeds):
                codes, report = told(fields, seed)
                spoken += codes
                last.append(f"{report['metric']['last']['value']:.2f}" if report else "diverged")
            said = ", ".join(f"{code} {count}/{seeds}" for code, count in spoken.items()) or "silent"
            yield f"{kind:8s} {name:34s} {said}   (KID {' '.join(last)})"


def main() -> None:
    for line in lines(int(sys.argv[1]) if len(sys.argv) > 1 else 5):
        print(line, flush=True)


if __name__ == "__main__":
    main()
