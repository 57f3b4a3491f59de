"""Recipes small enough for a test, on real digits; and what a finished run left."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch

from models import contract
from models.contract import Event, Recipe, RunBudget
from models.data import load
from models.data.dataset import Dataset
from models.game import Game
from models.hardware import settle
from models.networks import build

SMALL: dict[str, Any] = {
    "dataset": "digits",
    "resolution": 8,
    "channels": 1,
    "batch_size": 16,
    "latent_dim": 8,
    "width": 8,
    "metric": "none",
    "measure_every_kimg": 1000.0,
    "options": {"threads": 1},
}


def recipe(architecture: str, **fields: Any) -> Recipe:
    return Recipe(architecture=architecture, **{**SMALL, **fields})


@cache
def digits(resolution: int, channels: int) -> Dataset:
    return load(recipe("dcgan", resolution=resolution, channels=channels))


def game(one: Recipe, dataset: Dataset | None = None) -> Game:
    hardware = settle(one.seed, 1)
    return Game(build(one), one, dataset or digits(one.resolution, one.channels), hardware.device)


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


def pictures(game: Game, n: int) -> torch.Tensor:
    return torch.cat(list(game.samples(n, 0)))
