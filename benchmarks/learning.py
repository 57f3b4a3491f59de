"""Does a network learn? On real data of its task, over three seeds, against itself untrained and against its task's baseline.

    python -m benchmarks.learning [SLUG ...] [--seconds 60] [--seeds 3]

One line a run. A minute on a CPU shows that a network learns, not how good it gets.
"""

from __future__ import annotations

import argparse
import importlib
import json
import tempfile
from pathlib import Path
from typing import Any

from models import contract, train
from models.contract import Recipe, RunBudget
from models.data import known, tasks
from models.networks import FOLDERS

RACES = {
    "seqgan": ("text", "sklearn-docs"),
    "molgan": ("molecule-graph", "nci-small"),
    "gan-3d": ("voxel-3d", "digits-relief"),
    "r-gan": ("point-cloud", "digits-points"),
    "tree-gan": ("point-cloud", "digits-points"),
    "wavegan": ("audio-waveform", "spoken-characters"),
    "hifi-gan": ("audio-vocoder", "spoken-characters"),
    "ctgan": ("tabular", "rand-health"),
    "ctab-gan-plus": ("tabular", "rand-health"),
    "timegan": ("time-series", "fertility"),
    "mocogan": ("video", "moving-digits"),
    "ganomaly": ("anomaly-detection", "mnist-5k"),
    "sngan": ("class-conditional-image", "mnist-5k"),
    "cgan": ("class-conditional-image", "mnist-5k"),
    "acgan": ("class-conditional-image", "mnist-5k"),
    "sagan": ("class-conditional-image", "mnist-5k"),
    "biggan": ("class-conditional-image", "mnist-5k"),
    "reacgan": ("class-conditional-image", "mnist-5k"),
    "projection-cgan": ("class-conditional-image", "mnist-5k"),
    "spade": ("paired-image-translation", "digit-outlines"),
    "pix2pix": ("paired-image-translation", "digit-outlines"),
    "cyclegan": ("unpaired-image-translation", "thin-thick-digits"),
    "cut": ("unpaired-image-translation", "thin-thick-digits"),
    "srgan": ("super-resolution", "mnist-5k"),
    "esrgan": ("super-resolution", "mnist-5k"),
    "lama": ("inpainting", "mnist-5k"),
    "gan-int-cls": ("text-to-image", "captioned-digits"),
    "df-gan": ("text-to-image", "captioned-digits"),
    "stackgan": ("text-to-image", "captioned-digits"),
    "munit": ("unpaired-image-translation", "thin-thick-digits"),
    "rcgan": ("time-series", "fertility"),
    "doppelganger": ("time-series", "fertility"),
    "relgan": ("text", "sklearn-docs"),
    "gan": ("unconditional-image", "mnist-5k"),
    "dcgan": ("unconditional-image", "mnist-5k"),
    "lsgan": ("unconditional-image", "mnist-5k"),
    "wgan": ("unconditional-image", "mnist-5k"),
    "wgan-gp": ("unconditional-image", "mnist-5k"),
    "infogan": ("unconditional-image", "mnist-5k"),
    "progan": ("unconditional-image", "mnist-5k"),
    "stylegan2": ("unconditional-image", "mnist-5k"),
    "stylegan2-ada": ("unconditional-image", "mnist-5k"),
    "fastgan": ("unconditional-image", "mnist-5k"),
    "r3gan": ("unconditional-image", "mnist-5k"),
    "projected-gan": ("unconditional-image", "mnist-5k"),
}
"""Network -> its task and data."""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning", description="Does a network learn?")
    parser.add_argument("slugs", nargs="*", metavar="SLUG", help=f"of {', '.join(RACES)}; all when none is named")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each run")
    parser.add_argument("--seeds", type=int, default=3)
    told = parser.parse_args(arguments)
    for slug in told.slugs or RACES:
        task, dataset = RACES[slug]
        for seed in range(told.seeds):
            for architecture in (tasks()[task]["baseline"], slug):
                print(raced(recipe(architecture, task, dataset, seed), told.seconds), flush=True)


def recipe(architecture: str, task: str, dataset: str, seed: int) -> Recipe:
    """The network's own, as a validation would take it on a CPU."""
    package = next(name for name, folder in FOLDERS.items() if (folder / f"{architecture.replace('-', '_')}.py").exists())
    module = importlib.import_module(f"{package}.{architecture.replace('-', '_')}")
    own: dict[str, Any] = {**module.DEFAULTS, **getattr(module, "ON_CPU", {})}
    size = {name: known()[dataset][name] for name in ("resolution", "length", "channels") if name in known()[dataset]}
    if known()[dataset]["type"] == "image":  # as app/validations/plan.py scales them for a short run, but at 16 px
        width = max(8, own.get("width", Recipe.width) // 8)
        own |= {"width": getattr(module, "ON_CPU", {}).get("width", width), "batch_size": 16}
        own |= {rate: max(1e-3, own.get(rate, 0.0)) for rate in ("lr_g", "lr_d")}
        size |= {"resolution": 16, "classes": known()[dataset]["classes"] if task == "class-conditional-image" else 0}
    shared = {"task": task, "dataset": dataset, "seed": seed, "metric": tasks()[task]["metric"], "metric_samples": 250}
    fields = {"ema_half_life_kimg": 2.0, "measure_every_kimg": 1e9, **own, **size, **shared}
    fields["options"] = {**own.get("options", {}), "threads": 1}
    return Recipe(architecture=architecture, **fields)


def raced(one: Recipe, seconds: float) -> str:
    """The run's figure before and after, and what real samples would get."""
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder)
        contract.write_recipe(run_dir, one, RunBudget(seconds=seconds))
        if code := train.train(run_dir):
            return f"{one.architecture:<18} seed {one.seed}  failed with {code}"
        report = json.loads((run_dir / contract.REPORT).read_text())
    found = report["metric"]
    floor = "-" if found["floor"] is None else f"{found['floor']:.3f}"
    values = f"{found['first']['value']:8.3f} -> {found['last']['value']:8.3f}  real {floor}"
    return f"{one.architecture:<18} seed {one.seed}  {found['name']} ({found['direction']})  {values}  {report['steps']} steps"


if __name__ == "__main__":
    main()
