"""docs/networks.md: every network trained for a moment on one CPU core, its figure before and after, its size, its samples.

    python -m benchmarks.gallery [SLUG ...] [--seconds 45] [--speed | --page]

Keeps a line of JSON and a picture for each network in docs/networks, so that one can be renewed alone, and writes the page from them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import Any

from PIL import Image

from app.knowledge.load import load
from app.vocabulary.rules import Knowledge
from benchmarks import peers, utilisation
from benchmarks.learning import KEPT, RACES, recipe, seeds_won, trained
from benchmarks.plain import race
from models.contract import SAMPLES, Recipe
from models.data import tasks

SIDE = 320
"""Pixels of the longer side of a picture."""
SPEED = KEPT / "speed.json"
"""What `--speed` found: rows of benchmarks/peers.py and benchmarks/utilisation.py."""
STATED = {
    "acgan": ("4.30 + 1.06 at 32 px", "4.304 + 1.06, StudioGAN"),
    "biggan": ("9.42 + 2.42 at 32 px, 70.4 + 88.0 at 128 px", "9.416 + 2.42, 70.4 + 88.0, StudioGAN"),
    "ctgan": ("0.173 on rand-health", "0.175 there, the package `ctgan`, generators alone"),
    "cut": ("11.4 + 2.77, projector 0.56, at 256 px", "11.378; 14.406 in all, arXiv:2104.07689"),
    "cyclegan": ("2 x (11.4 + 2.77) at 256 px", "28.286 in all, arXiv:2104.07689"),
    "dcgan": ("3.58 + 2.77 at 64 px", "3.577 + 2.766, pytorch/examples"),
    "df-gan": ("9.74 + 6.92 at 256 px", "9.744 + 6.915, authors' code"),
    "doppelganger": ("0.303 at length 24", "0.303, gretel-synthetics less its one layer more"),
    "esrgan": ("16.7", "16.698"),
    "gan-int-cls": ("18.8 + 3.90 at 64 px", "18.78 + 3.90, authors' code"),
    "ganomaly": ("3.21 + 0.663 at 32 px", "3.207 + 0.663, authors' code"),
    "hifi-gan": ("13.9, 0.92, 1.46 for V1, V2, V3", "13.92, 0.92, 1.46"),
    "lama": ("27, big 51", "27, 51"),
    "lsgan": ("3.81 + 2.94 at 32 px", "3.812 + 2.93, StudioGAN"),
    "mocogan": ("by the layers of its supplement", "no sum printed"),
    "munit": ("2 x (15.0 + 8.27) at 256 px", "2 x (15.03 + 8.27), authors' code"),
    "pix2pix": ("54.4 + 2.77 at 256 px", "54.414 + 2.769, authors' code prints it"),
    "progan": ("23.1 + 23.1 at 1,024 px", "23.1 + 23.1, its table 2"),
    "projected-gan": ("105.7 at 256 px", "105.7, authors' code"),
    "projection-cgan": ("4.30 + 1.06 at 32 px", "4.304 + 1.06, StudioGAN"),
    "r3gan": ("23 + 23 at 256 px", "23 + 23"),
    "reacgan": ("9.42 + 2.52 at 32 px", "9.416 + 2.65, StudioGAN: 0.13 more than its released configuration holds"),
    "sagan": ("4.39 + 1.08 at 32 px", "4.386 + 1.08, StudioGAN"),
    "sngan": ("4.30 + 1.06 at 32 px as a ResNet, 42.0 + 39.4 at 128 px", "4.304 + 1.06, 42.0 + 39.4, StudioGAN"),
    "spade": ("92.1 with 36 labels", "93"),
    "srgan": ("1.55", "1.55"),
    "stackgan": ("19.8 + 12.4, 58.1 + 159.9 at 256 px, width 96", "the same, authors' PyTorch code for COCO"),
    "stylegan2": ("30.4 + 29.0 at 1,024 px", "30,370,060 + 29,012,513, authors' code prints it"),
    "stylegan2-ada": ("24.8 + 24.0 at 256 px", "24,767,458 + 24,001,089, authors' code prints it"),
    "tree-gan": ("40.7 with 2,048 points", "40.69, authors' code; its discriminator there is another"),
    "wavegan": ("19.1", "19.1"),
    "wgan": ("4.28 + 1.06 at 32 px with `body: resnet`", "4.277 + 1.06, StudioGAN"),
    "wgan-gp": ("4.28 + 1.06 at 32 px with `body: resnet`", "4.277 + 1.06, StudioGAN"),
}
"""Parameters in millions: ours at the setting of a publication, and what stands there; all asserted in tests/models within 2 %, but
for ReACGAN's discriminator and GANomaly's generator, and CTGAN and DoppelGANger, which benchmarks/peers.py compares."""
HEAD = """# The networks

Every network here is written from its paper and trains through the one loop. Below, each has run for a moment on one core of a CPU
at a small size (`python -m benchmarks.gallery`): enough to see that it learns, nothing like what it can do. *Before* and *after*
are the metric of the task, untrained and at the end; *baseline* is what a validation must beat; *real* is what real samples would
get, where the metric has that. *Seeds*: in how many of three other runs of 25, 60 or 150 s the figure beat the untrained network's, and
in how many the baseline's, each by the threshold of the task, with the recipe that a validation of so many seconds would take, images
at 16 px, beside one to four other busy processes (`python -m benchmarks.learning`; every run is a line of networks/learning.csv).
*Steps/s* are on one thread, at the size named with the samples; *to plain* is their ratio to a loop that a tutorial would write around
the same networks (`python -m benchmarks.plain`).

Pictures and figures are of one run each, of one seed, on whatever else the machine was doing: a difference between two networks of
this page says little, and a network that is worse after its moment than before (grey noise is not the worst) needs more than a
moment. Nothing here was measured on a GPU.

| network | task, data | metric | before | after | baseline | real | seeds | steps | steps/s | to plain |
|---|---|---|---|---|---|---|---|---|---|---|
"""
WEAK = """
## What is weak, and why

- **Over three seeds** 42 of the 45 networks beat themselves untrained in most of their runs and 26 beat the baseline in most.
- **StyleGAN2, StyleGAN2-ADA, R3GAN, Progressive GAN**: a CPU makes five to twenty of their steps a second. After 60 s no seed of the
  first two or the last was better than untrained, which is even grey and no bad figure here; after 150 s most are. Progressive GAN's
  digits can be read by then, but the speckle behind them costs more than a fitted Gaussian's blur.
- **Text, tables, points, translation, vocoder**: every one learns from every seed but r-GAN, whose coverage grows by less than the
  threshold. Most stay behind baselines that are strong on small data: maximum likelihood, a copula, two shapes pooled, leaving images
  alone, Griffin-Lim.
- **Projected GAN**: after 220 steps many digits stand black on white. Probably features of a trained network say little of brightness
  and its augmentation of colour hides the rest; KID looks through the same network, so the figure flatters it.
- **MUNIT**: nothing but the reconstruction of contents ties an image to its translation. On a CPU it has two numbers of style, two
  blocks and higher rates (KID 1.35 after 60 s and 424 steps, 1.75 and 297 steps with eight and four, one seed each); the digits are
  bold by then, but seldom the same ones, and leaving images alone gets 0.25. It needs more steps than a minute has.
- **Time series**: birth rates are smooth, real windows get 0.006 and an autoregression 0.012. RCGAN is at 0.023 after 4,700 steps and
  falling. DoppelGANger touches 0.005 and swings between that and 0.034 within a run (35 measurements of 340,000 series), so its
  figure is that of the moment it stops in: 0.007 to 0.037 over three seeds, with a moving average of 20 kimg 0.033 to 0.039.
  Before the gradient penalty was mended some of its runs ended in NaN. TimeGAN was not looked into.
- **GANomaly** depends on what the anomaly is: with the digit 0 it beats 16 principal axes, with the digit 1 it ended below chance.
- **bf16** is not what a validation on a CPU trains in. On one with `avx512_bf16`, one thread, at the sizes of a validation, it made 1.3
  and 1.6 times the steps of fp32 for DCGAN and SNGAN at 32 px (1.1 and 1.4 at 16 px; 1.5 and 1.9 with 64 images a batch), but 0.9 to
  1.1 for StyleGAN2, 0.85 to 1.0 for SRGAN and 0.75 for DoppelGANger: casts cost small layers more than they save. Whether figures hold
  was not measured.
"""
SIZES = """
## Parameters and speed

*Parameters* are ours in millions, generator + discriminator, beside what is *published* at the same setting; where no publication
prints a count it is that of the authors' code, counted there. *Of convolution* is model-FLOPs utilisation: what of the rate of a 3 x 3
convolution on this CPU, timed in the same run, the FLOPs of training steps come to, at the width of the paper and 16 samples a batch
at most, images of 32 px (`python -m benchmarks.utilisation`); normalisations, copies and the optimiser cost time without FLOPs, so it
is low where layers are small, and for translators, which take one image a step: Pix2Pix has 1.1 GFLOP of work then, and 377 MB of
weights, gradients and moments to read and write. *To packages* is the speed of our loop as a ratio to a package that pip installs, at
the same architecture and batch, in fp32 and in bf16 (`python -m benchmarks.peers`); no package that we could run trains the others.
All on one thread in seconds of the processor, while other programs used the machine; the turns of each comparison alternate. An empty
cell was not measured. `stylegan2_pytorch` has other networks (13.3 million parameters beside our 6.27 million at the same resolution
and batch), so its 0.22 of our images/s is no comparison of loops.

| network | parameters | published | of convolution | to packages: fp32, bf16 |
|---|---|---|---|---|
"""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gallery", description="Trains every network for a moment.")
    parser.add_argument("slugs", nargs="*", metavar="SLUG")
    parser.add_argument("--seconds", type=float, default=45.0)
    parser.add_argument("--speed", action="store_true", help="utilisation and peers instead of training")
    parser.add_argument("--page", action="store_true", help="no run; only the page anew from what is kept")
    told = parser.parse_args(arguments)
    KEPT.mkdir(exist_ok=True)
    if told.speed:
        timed(*told.slugs)
    for slug in () if told.speed or told.page else told.slugs or RACES:
        task, dataset = RACES[slug]
        baseline = tasks()[task]["baseline"]
        for architecture, name in ((baseline, f"baseline-{task}-{dataset}"), (slug, slug)):
            if architecture == slug or not (KEPT / f"{name}.json").exists():
                one = recipe(architecture, task, dataset, 0, told.seconds)
                line = ran(one, told.seconds, name) | ({"speed": dataclasses.asdict(race(one))} if architecture == slug else {})
                (KEPT / f"{name}.json").write_text(json.dumps(line, indent=1, sort_keys=True) + "\n")
                print(name, line["before"], "->", line["after"], f"{line['steps']} steps", flush=True)
    KEPT.with_suffix(".md").write_text(page())


def timed(*slugs: str) -> None:
    """Renews what SPEED keeps of some networks, or of all."""
    kept = json.loads(SPEED.read_text()) if SPEED.exists() else {"used": {}, "peers": {}}
    for row in utilisation.main(*slugs):
        kept["used"][row.network] = round(row.used, 3)
    named = [name for name in peers.PEERS if not slugs or name.split()[0] in slugs]
    for row in peers.main(*named) if named else ():
        kept["peers"].setdefault(row.network, {})[row.package] = [round(row.fp32_ratio, 2), round(row.bf16_ratio, 2)]
    SPEED.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


def ran(one: Recipe, seconds: float, name: str) -> dict[str, Any]:
    """One run's figures; its picture goes to KEPT."""
    with trained(one, seconds) as (run_dir, report):
        picture = Image.open(run_dir / SAMPLES).convert("RGB")
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
    """The tables and the pictures of what is kept, by task."""
    knowledge, speed = load(), json.loads(SPEED.read_text())
    rows, sizes, pictures = list[str](), list[str](), list[str]()
    for slug, (task, dataset) in sorted(RACES.items(), key=lambda item: (item[1][0], item[0])):
        if not (KEPT / f"{slug}.json").exists():
            continue
        line = json.loads((KEPT / f"{slug}.json").read_text())
        other = json.loads((KEPT / f"baseline-{task}-{dataset}.json").read_text())
        card = knowledge.architectures[slug]
        way = "lower" if line["direction"] == "min" else "higher"
        figures = [_said(value) for value in (line["before"], line["after"], other["after"], line["real"])]
        cells = [f"[{card.name}](#{slug})", f"{task}, {dataset}", f"{line['metric']}, {way} is better", *figures, seeds_won(slug)]
        cells += [f"{line['steps']:,}", f"{line['speed']['steps_per_second']:.3g}", f"{line['speed']['ratio']:.2f}"]
        rows.append("| " + " | ".join(cells) + " |")
        ours, published = STATED.get(slug, (traced(knowledge, slug), "none published"))
        used = f"{speed['used'][slug]:.0%}" if slug in speed["used"] else ""
        to = "; ".join(f"{name} {fp32:.2f}, {bf16:.2f}" for name, (fp32, bf16) in sorted(speed["peers"].get(slug, {}).items()))
        sizes.append(f"| {card.name} | {ours} | {published} | {used} | {to} |")
        size = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in line["recipe"].items() if value)
        said = f"{card.name}: {task} on {dataset}, {line['seconds']:.0f} s, {size}. {card.sources[0]}"
        pictures.append(f"\n## {slug}\n\n{said}\n\n![Samples of {card.name} on {dataset}](networks/{slug}.png)\n")
    return HEAD + "\n".join(rows) + "\n" + WEAK + SIZES + "\n".join(sizes) + "\n" + "".join(pictures)


def traced(knowledge: Knowledge, slug: str) -> str:
    """Parameters at the width of the paper and the smallest size that is traced."""
    own = next((p for p in knowledge.profiles if p.architecture == slug and p.recipe == "published"), None)
    if own is None:
        return ""
    at = f" at {own.resolution} px" if own.resolution else ""
    return f"{own.parameters_g / 1e6:.3g} + {own.parameters_d / 1e6:.3g}{at}"


def _said(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


if __name__ == "__main__":
    main()
