"""docs/networks.md: every network trained for a moment on one CPU core, its figure before and after, its size, its samples.

    python -m benchmarks.gallery [SLUG ...] [--seconds 45]

Keeps a line of JSON and a picture for each network in docs/networks, so that one can be renewed alone, and writes the page from them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from app.knowledge.load import load
from benchmarks.learning import RACES, recipe
from benchmarks.plain import race
from models import contract, train
from models.contract import Recipe, RunBudget
from models.data import tasks

DOCS = Path(__file__).resolve().parents[1] / "docs"
KEPT = DOCS / "networks"
SIDE = 320
"""Pixels of the longer side of a picture."""
HEAD = """# The networks

Every network here is written from its paper and trains through the one loop. Below, each has run for a moment on one core of a CPU
at a small size (`python -m benchmarks.gallery`): enough to see that it learns, nothing like what it can do. *Before* and *after*
are the metric of the task, untrained and at the end; *baseline* is what a validation must beat; *real* is what real samples would
get, where the metric has that. *Steps/s* are on one thread, at the size named with the samples; *to plain* is their ratio to a loop
that a tutorial would write around the same networks (`python -m benchmarks.plain`). *Parameters* are of generator and discriminator
at the published setting, in millions, beside what publications state; an empty cell is not stated, and a stated size may be that of
another implementation.

One run each, of one seed, on whatever else the machine was doing: a difference between two networks of this page says little, and a
network that is worse after its moment than before (grey noise is not the worst) needs more than a moment. GANomaly depends on what the
anomaly is: with the digit 0 it beats 16 principal axes, with the digit 1 it ended below chance. CTGAN at its published setting takes
26,000 rows/s here and the package `ctgan` 13,400, in turns on one thread (`python -m benchmarks.peers`, where that is installed).
Nothing here was measured on a GPU.

| network | task, data | metric | before | after | baseline | real | steps | steps/s | to plain | parameters | stated |
|---|---|---|---|---|---|---|---|---|---|---|---|
"""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gallery", description="Trains every network for a moment.")
    parser.add_argument("slugs", nargs="*", metavar="SLUG")
    parser.add_argument("--seconds", type=float, default=45.0)
    told = parser.parse_args(arguments)
    KEPT.mkdir(exist_ok=True)
    for slug in told.slugs or RACES:
        task, dataset = RACES[slug]
        baseline = tasks()[task]["baseline"]
        for architecture, name in ((baseline, f"baseline-{task}-{dataset}"), (slug, slug)):
            if architecture == slug or not (KEPT / f"{name}.json").exists():
                one = recipe(architecture, task, dataset, 0)
                line = ran(one, told.seconds, name) | ({"speed": dataclasses.asdict(race(one))} if architecture == slug else {})
                (KEPT / f"{name}.json").write_text(json.dumps(line, indent=1, sort_keys=True) + "\n")
                print(name, line["before"], "->", line["after"], f"{line['steps']} steps", flush=True)
    (DOCS / "networks.md").write_text(page())


def ran(one: Recipe, seconds: float, name: str) -> dict[str, Any]:
    """One run's figures; its picture goes to KEPT."""
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder)
        contract.write_recipe(run_dir, one, RunBudget(seconds=seconds))
        if code := train.train(run_dir):
            raise SystemExit(f"{one.architecture} failed with {code}")
        report = json.loads((run_dir / contract.REPORT).read_text())
        picture = Image.open(run_dir / "samples.png").convert("RGB")
        picture.thumbnail((SIDE, SIDE))
        picture.quantize(32).save(KEPT / f"{name}.png", optimize=True)
    found = report["metric"]
    return {
        "task": one.task,
        "dataset": one.dataset,
        "metric": found["name"],
        "direction": found["direction"],
        "before": found["first"]["value"],
        "after": found["last"]["value"],
        "real": found["floor"],
        "steps": report["steps"],
        "seconds": seconds,
        "recipe": {k: v for k, v in dataclasses.asdict(one).items() if k in ("resolution", "width", "batch_size")},
    }


def page() -> str:
    """The table and the pictures of what is kept, by task."""
    knowledge = load()
    rows, pictures = [], []
    for slug, (task, dataset) in sorted(RACES.items(), key=lambda item: (item[1][0], item[0])):
        if not (KEPT / f"{slug}.json").exists():
            continue
        line = json.loads((KEPT / f"{slug}.json").read_text())
        other = json.loads((KEPT / f"baseline-{task}-{dataset}.json").read_text())
        card = knowledge.architectures[slug]
        stated = (card.params_m.generator, card.params_m.discriminator)
        sizes = [p for p in knowledge.profiles if p.architecture == slug and p.recipe == "published"]
        own = min(sizes, key=lambda p: abs(p.parameters_g / 1e6 - (stated[0] or 0.0)), default=None)
        ours = f"{own.parameters_g / 1e6:.3g} + {own.parameters_d / 1e6:.3g} at {own.resolution} px" if own else ""
        way = "lower" if line["direction"] == "min" else "higher"
        figures = [_said(value) for value in (line["before"], line["after"], other["after"], line["real"])]
        cells = [f"[{card.name}](#{slug})", f"{task}, {dataset}", f"{line['metric']}, {way} is better", *figures]
        cells += [
            f"{line['steps']:,}",
            f"{line['speed']['steps_per_second']:.3g}",
            f"{line['speed']['ratio']:.2f}",
            ours.replace(" at None px", ""),
            " + ".join(f"{v:g}" if v else "?" for v in stated if any(stated)),
        ]
        rows.append("| " + " | ".join(cells) + " |")
        size = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in line["recipe"].items() if value)
        said = f"{card.name}: {task} on {dataset}, {line['seconds']:.0f} s, {size}. {card.sources[0]}"
        pictures.append(f"\n## {slug}\n\n{said}\n\n![Samples of {card.name} on {dataset}](networks/{slug}.png)\n")
    return HEAD + "\n".join(rows) + "\n" + "".join(pictures)


def _said(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


if __name__ == "__main__":
    main()
