"""Real data by slug or path. `describe` needs no torch; `load` gives the tensors."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from models.contract import Recipe
    from models.data.dataset import Dataset

TABLE = Path(__file__).with_name("datasets.yaml")
TASKS = Path(__file__).parents[1] / "tasks.yaml"
READERS = {
    "image": "models.data.images",
    "image-pair": "models.data.pairs",
    "image-text": "models.data.captions",
    "image-unpaired": "models.data.unpaired",
    "super-resolution": "models.data.super_resolution",
    "inpainting": "models.data.inpainting",
    "text": "models.data.text",
    "graph": "models.data.molecules",
    "voxel": "models.data.voxels",
    "audio": "models.data.audio",
    "table": "models.data.table",
    "point-cloud": "models.data.points",
    "video": "models.data.video",
    "time-series": "models.data.series",
    "anomaly": "models.data.anomaly",
}
"""Kind of data, as tasks.yaml has it -> the module whose `load(recipe)` reads it."""


def known() -> dict[str, dict[str, Any]]:
    """The table of datasets.yaml: slug -> type, resolution, channels, samples, classes, licence, source, note."""
    table: dict[str, dict[str, Any]] = yaml.safe_load(TABLE.read_text())
    return table


def path_of(name: str) -> Path | None:
    """The path in `folder:/data/faces`, `npz:/data/x.npz` or a bare absolute path; None for a slug."""
    _, colon, rest = name.partition(":")
    if colon and name.startswith(("folder:", "npz:", "csv:")):
        return Path(rest)
    return Path(name) if name.startswith("/") else None


def tasks() -> dict[str, dict[str, Any]]:
    """The table of tasks.yaml: slug of a task -> data, metric, direction, threshold, baseline."""
    table: dict[str, dict[str, Any]] = yaml.safe_load(TASKS.read_text())
    return table


def load(recipe: Recipe) -> Dataset:
    """The data set of a recipe, read as its task needs it. Raises BadData with the reason, ValueError for an unknown task."""
    if recipe.task not in tasks():
        raise ValueError(f"recipe.task {recipe.task!r} cannot be trained; known are {', '.join(tasks())}")
    data: Dataset = importlib.import_module(READERS[tasks()[recipe.task]["data"]]).load(recipe)
    return data
