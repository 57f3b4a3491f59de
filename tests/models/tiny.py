"""Recipes small enough for a test, on real data of each task; and what a finished run left."""

from __future__ import annotations

import contextlib
import importlib
import json
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from models import contract
from models.contract import Event, Recipe, RunBudget
from models.data import load
from models.data.dataset import Dataset
from models.game import Game
from models.hardware import settle
from models.networks import FOLDERS, build

SMALL: dict[str, Any] = {
    "batch_size": 16,
    "latent_dim": 8,
    "width": 8,
    "metric": "none",
    "measure_every_kimg": 1000.0,
    "options": {"threads": 1},
}
BY_TASK: dict[str, dict[str, Any]] = {
    "unconditional-image": {"dataset": "digits", "resolution": 8, "channels": 1},
    "class-conditional-image": {"dataset": "digits", "resolution": 8, "channels": 1, "classes": 10},
    "super-resolution": {"dataset": "photo-patches", "resolution": 16, "channels": 3},
    "inpainting": {"dataset": "photo-patches", "resolution": 16, "channels": 3},
    "unpaired-image-translation": {"dataset": "thin-thick-digits", "resolution": 8, "channels": 1},
    "style-transfer": {"dataset": "photos-paintings", "resolution": 8, "channels": 3},
    "text-to-image": {"dataset": "captioned-digits", "resolution": 8, "channels": 1},
    "paired-image-translation": {"dataset": "digit-outlines", "resolution": 8, "channels": 1},
    "anomaly-detection": {"dataset": "digits", "resolution": 8, "channels": 1},
    "text": {"dataset": "sklearn-docs", "length": 8},
    "molecule-graph": {"dataset": "nci-small", "length": 8},
    "voxel-3d": {"dataset": "digits-relief", "resolution": 8},
    "audio-waveform": {"dataset": "spoken-characters", "length": 1024},
    "audio-vocoder": {"dataset": "spoken-characters", "length": 1024},
    "point-cloud": {"dataset": "digits-points", "length": 32},
    "tabular": {"dataset": "rand-health", "samples": 300},
    "time-series": {"dataset": "el-nino", "length": 8},
    "video": {"dataset": "moving-digits", "resolution": 8, "channels": 1, "length": 4},
}
"""The smallest real data of each task."""
OWN: dict[str, dict[str, Any]] = {
    "projected-gan": {"batch_size": 4, "options": {"threads": 1, "side": 32, "mixed": 8}},
    "infogan": {"latent_dim": 20},
    "srgan": {"batch_size": 4, "options": {"threads": 1, "blocks": 1}},
    "esrgan": {"batch_size": 4, "options": {"threads": 1, "blocks": 1}},
    "cyclegan": {"batch_size": 4, "options": {"threads": 1, "blocks": 1, "pool": 6}},
    "cut": {"batch_size": 4, "options": {"threads": 1, "blocks": 1, "patches": 16}},
    "gan-int-cls": {"options": {"threads": 1, "sentence": 8}},
    "df-gan": {"options": {"threads": 1, "sentence": 8}},
    "stackgan": {"options": {"threads": 1, "condition": 8, "blocks": 1}},
    "munit": {"batch_size": 4, "width": 4, "options": {"threads": 1, "blocks": 1, "style": 4}},
    "spade": {"batch_size": 4, "width": 2, "options": {"threads": 1, "perceptual": 0}},
    "lama": {"batch_size": 4, "options": {"threads": 1, "blocks": 1}},
    "hifi-gan": {"batch_size": 2, "width": 2, "options": {"threads": 1, "judge_width": 1}},
    "ctgan": {"options": {"threads": 1, "pack": 2, "modes": 2}},
    "ctab-gan-plus": {"options": {"threads": 1, "modes": 2}},
    "timegan": {"options": {"threads": 1, "layers": 1}},
    "relgan": {"options": {"threads": 1, "representations": 4}},
    "seqgan": {"options": {"threads": 1, "rollouts": 2}},
}
"""What a network needs beside, to be small."""
LEARNING: dict[str, dict[str, Any]] = {
    "fastgan": {"lr_d": 5e-4, "width": 8},
    "projected-gan": {"width": 8, "batch_size": 8, "options": {"threads": 1, "side": 32}},
    "r3gan": {"gradient_penalty": 0.05},
    "progan": {"lr_g": 4e-3, "lr_d": 4e-3},
    "stylegan2": {
        "lr_g": 1e-2,
        "lr_d": 1e-2,
        "batch_size": 8,
        "gradient_penalty": 0.1,
        "options": {"threads": 1, "mapping_depth": 2},
    },
    "stylegan2-ada": {"lr_g": 1e-2, "lr_d": 1e-2, "batch_size": 8, "gradient_penalty": 0.1},
}
"""What a network needs to learn four digits by heart in few steps."""
NEAR = {"projected-gan": 0.75}
"""How near it must come in so few steps, where that is not 0.6 of the distance before: features are its measure, not pixels."""


def module(architecture: str) -> ModuleType:
    """The file of a network or a baseline."""
    for package in FOLDERS:
        with contextlib.suppress(ModuleNotFoundError):
            return importlib.import_module(f"{package}.{architecture.replace('-', '_')}")
    raise KeyError(architecture)


def recipe(architecture: str, **fields: Any) -> Recipe:
    """A small recipe, for the first task of the network unless a field says otherwise."""
    task = fields.get("task") or module(architecture).TASKS[0]
    return Recipe(architecture=architecture, **{**SMALL, "task": task, **BY_TASK[task], **OWN.get(architecture, {}), **fields})


@cache
def digits(resolution: int, channels: int) -> Dataset:
    return load(recipe("dcgan", resolution=resolution, channels=channels))


@cache
def _loaded(*fields: tuple[str, Any]) -> Dataset:
    return load(Recipe(architecture="", **dict(fields)))


def data(one: Recipe) -> Dataset:
    """What the recipe loads, read once."""
    names = ("dataset", "task", "resolution", "length", "channels", "classes", "samples")
    return _loaded(*((name, getattr(one, name)) for name in names))


def game(one: Recipe, dataset: Dataset | None = None) -> Game:
    hardware = settle(one.seed, 1)
    dataset = dataset or data(one)
    return Game(build(one, dataset), one, dataset, hardware.device)


def folder(path: Path, one: Recipe, **budget: Any) -> Path:
    contract.write_recipe(path, one, RunBudget(**budget))
    return path


def report(run_dir: Path) -> dict[str, Any]:
    return dict(json.loads((run_dir / contract.REPORT).read_text()))


def events(run_dir: Path) -> list[Event]:
    return [event for event, _ in contract.read_events(run_dir)]


def moved(game: Game, steps: int) -> Game:
    for _ in range(steps):
        game.play()
    return game


def through(game: Game, steps: int) -> Game:
    """So many steps in each of its phases."""
    for phase in range(len(game.adversary.phases)):
        game.phase = phase
        moved(game, steps)
    return game


def pictures(game: Game, n: int) -> torch.Tensor:
    return torch.cat(list(game.samples(n, 0)))
