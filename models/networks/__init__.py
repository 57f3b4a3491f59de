"""One file per trainable architecture; the file system is the registry: `wgan-gp` is `wgan_gp.py`.

A file provides `build(recipe) -> Adversary` and `DEFAULTS`, the recipe fields of its paper as a literal.
Baselines live in models/baselines in the same form.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.adversary import Adversary
    from models.contract import Recipe

FOLDERS = {"models.networks": Path(__file__).parent, "models.baselines": Path(__file__).parents[1] / "baselines"}


def available() -> list[str]:
    """Slugs of all networks and baselines, without importing torch."""
    return sorted(_slug(path) for folder in FOLDERS.values() for path in folder.glob("[a-z]*.py"))


def build(recipe: Recipe) -> Adversary:
    """The game of the recipe's architecture. Raises ValueError for an unknown one, or for a recipe it cannot be built from."""
    for package, folder in FOLDERS.items():
        if recipe.architecture in {_slug(path) for path in folder.glob("[a-z]*.py")}:
            module = importlib.import_module(f"{package}.{recipe.architecture.replace('-', '_')}")
            adversary: Adversary = module.build(recipe)
            return adversary
    raise ValueError(f"there is no network for {recipe.architecture!r}; there are {', '.join(available())}")


def _slug(path: Path) -> str:
    return path.stem.replace("_", "-")
