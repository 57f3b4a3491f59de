"""Real data by slug or path. `describe` needs no torch; `load` gives the tensors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from models.contract import Recipe
    from models.data.dataset import Dataset

TABLE = Path(__file__).with_name("datasets.yaml")


def known() -> dict[str, dict[str, Any]]:
    """The table of datasets.yaml: slug -> type, resolution, channels, samples, classes, licence, source, note."""
    table: dict[str, dict[str, Any]] = yaml.safe_load(TABLE.read_text())
    return table


def path_of(name: str) -> Path | None:
    """The path in `folder:/data/faces`, `npz:/data/x.npz` or a bare absolute path; None for a slug."""
    _, colon, rest = name.partition(":")
    if colon and name.startswith(("folder:", "npz:")):
        return Path(rest)
    return Path(name) if name.startswith("/") else None


def load(recipe: Recipe) -> Dataset:
    """The data set of a recipe at its resolution and channels. Raises BadData with the reason."""
    from models.data.images import load_images

    return load_images(recipe)
