"""Does a network learn? On real data of its task, over three seeds, against itself untrained and against its task's baseline.

    python -m benchmarks.learning [SLUG ...] [--seconds 60] [--seeds 3]

Each run is a line of docs/networks/learning.csv, which docs/networks.md sums up; a run that stands there is not made again, so that
this can be stopped and continued. A minute on a CPU shows that a network learns, not how good it gets.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from app.validations import plan
from app.validations.known import datasets, tasks
from models import contract, train
from models.contract import Recipe, RunBudget

KEPT = Path(__file__).resolve().parents[1] / "docs" / "networks"
TABLE = KEPT / "learning.csv"
COLUMNS = ("architecture", "task", "dataset", "seed", "seconds", "metric", "before", "after", "steps", "recipe")
PIXELS = 16
"""Side at which images are read, so that a minute of one core is enough."""
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
                one = recipe(architecture, task, dataset, seed, told.seconds)
                if (key(one), f"{told.seconds:g}") not in {(row["recipe"], row["seconds"]) for row in rows()}:
                    keep(one, told.seconds)
        print(f"{slug:<18} {seeds_won(slug)}", flush=True)


def recipe(architecture: str, task: str, dataset: str, seed: int, seconds: float = 60.0) -> Recipe:
    """What a user's validation would train in these seconds if the images had PIXELS, on one thread."""
    data = {"slug": dataset, **datasets()[dataset]}
    if data["type"] == "image":
        data["resolution"] = PIXELS
    one = plan.alone(architecture, task, data, seconds, seed)
    return dataclasses.replace(one, options={**one.options, "threads": 1})


@contextmanager
def trained(one: Recipe, seconds: float) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The folder of a run, while it lasts, and its report. Raises SystemExit where the run fails."""
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder)
        contract.write_recipe(run_dir, one, RunBudget(seconds=seconds))
        if code := train.train(run_dir):
            raise SystemExit(f"{one.architecture}, seed {one.seed}: failed with {code}")
        yield run_dir, json.loads((run_dir / contract.REPORT).read_text())


def keep(one: Recipe, seconds: float) -> None:
    """Trains, prints and adds the line."""
    figures = ["nan", "nan", "0"]  # of a run that fails: it beats nothing
    with suppress(SystemExit), trained(one, seconds) as (_, report):
        found = report["metric"]
        figures = [f"{found['first']['value']:.4g}", f"{found['last']['value']:.4g}", report["steps"]]
    line = (one.architecture, one.task, one.dataset, one.seed, f"{seconds:g}", one.metric, *figures, key(one))
    print(*line, flush=True)
    fresh = not TABLE.exists()
    with TABLE.open("a", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, line] if fresh else [line])


def key(one: Recipe) -> str:
    """Digest of every number of a run, its seed too."""
    return hashlib.sha256(json.dumps(dataclasses.asdict(one), sort_keys=True).encode()).hexdigest()[:12]


def rows() -> list[dict[str, str]]:
    """The lines kept, oldest first."""
    if not TABLE.exists():
        return []
    with TABLE.open(newline="") as file:
        return list(csv.DictReader(file))


def seeds_won(slug: str) -> str:
    """Of how many seeds the latest run beat the untrained network and the baseline of as many seconds, by the threshold of the task."""
    task, dataset = RACES[slug]
    terms = tasks()[task]
    sign = 1 if terms["direction"] == "max" else -1
    of_task = [row for row in rows() if (row["task"], row["dataset"]) == (task, dataset)]
    own = list({row["seed"]: row for row in of_task if row["architecture"] == slug}.values())
    base = {(row["seed"], row["seconds"]): row["after"] for row in of_task if row["architecture"] == terms["baseline"]}
    if not own:
        return "not run"

    def better(row: dict[str, str], than: str) -> bool:
        return sign * (float(row["after"]) - float(than)) > terms["threshold"]

    untrained = sum(better(row, row["before"]) for row in own)
    baseline = sum(better(row, base[row["seed"], row["seconds"]]) for row in own)
    return f"{untrained} and {baseline} of {len(own)}, {float(own[-1]['seconds']):.0f} s"


if __name__ == "__main__":
    main()
