"""One file per trainable architecture; the file system is the registry: `wgan-gp` is `wgan_gp.py`.

A file provides `build(recipe, data) -> Adversary`, and as literals, so that the service reads them without torch, `TASKS`, the slugs
of the tasks it can be trained on, and `DEFAULTS`, the recipe fields of its paper. Baselines live in models/baselines in the same form.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.adversary import Adversary
    from models.contract import Recipe
    from models.data.dataset import Dataset

FOLDERS = {"models.networks": Path(__file__).parent, "models.baselines": Path(__file__).parents[1] / "baselines"}


def available() -> list[str]:
    """Slugs of all networks and baselines, without importing torch."""
    return sorted(_slug(path) for folder in FOLDERS.values() for path in folder.glob("[a-z]*.py"))


def build(recipe: Recipe, data: Dataset) -> Adversary:
    """The game of the recipe's architecture on this data, which is what `models.data.load(recipe)` gave.

    Raises ValueError for an unknown architecture, for one of another task, or for a recipe it cannot be built from.
    """
    for package, folder in FOLDERS.items():
        if recipe.architecture in {_slug(path) for path in folder.glob("[a-z]*.py")}:
            module = importlib.import_module(f"{package}.{recipe.architecture.replace('-', '_')}")
            if recipe.task not in module.TASKS:
                raise ValueError(f"{recipe.architecture} is not for {recipe.task}; it is for {', '.join(module.TASKS)}")
            adversary: Adversary = module.build(recipe, data)
            return adversary
    raise ValueError(f"there is no network for {recipe.architecture!r}; there are {', '.join(available())}")


def _slug(path: Path) -> str:
    return path.stem.replace("_", "-")
