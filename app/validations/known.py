"""What a worker can train, and on what: read from the files of models/, without torch."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from app.db import PROJECT
from app.errors import FieldProblem, UnknownSlug, Unprocessable
from app.settings import settings
from app.vocabulary import Data

NETWORKS = PROJECT / "models" / "networks"
BASELINES = {"image": "pixel-gaussian"}
"""What a validation must beat, by data type."""


@cache
def trainable() -> frozenset[str]:
    """Architectures with a network, the baselines left out."""
    files = NETWORKS.glob("[a-z]*.py")
    return frozenset(path.stem.replace("_", "-") for path in files) - frozenset(BASELINES.values())


@cache
def defaults(slug: str) -> dict[str, Any]:
    """The recipe fields that a network states for itself, `DEFAULTS` of its file, read without running it."""
    tree = ast.parse((NETWORKS / f"{slug.replace('-', '_')}.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DEFAULTS":
            return dict(ast.literal_eval(node.value))
    return {}


@cache
def datasets() -> dict[str, dict[str, Any]]:
    """Slug -> type, samples, resolution, channels, classes, licence of the data sets that ship with packages."""
    return dict(yaml.safe_load((PROJECT / "models" / "data" / "datasets.yaml").read_text()))


def dataset(name: str, data: Data) -> dict[str, Any]:
    """What is known of a data set named by slug, or by a path inside an allowed folder.

    Raises UnknownSlug with the nearest one, and Unprocessable for a path outside or of another type than the task.
    """
    if "/" in name or name.startswith("."):
        return {"slug": name, **_folder(name, data)}
    if name not in datasets():
        raise UnknownSlug("#/dataset", name, datasets())
    found = {"slug": name, **datasets()[name]}
    if found["type"] != data.type.value:
        fitting = sorted(slug for slug, body in datasets().items() if body["type"] == data.type.value)
        raise _refused("wrong_type", f"{name} holds {found['type']} data, the task is about {data.type.value}", fitting)
    return found


def _folder(name: str, data: Data) -> dict[str, Any]:
    allowed = [folder.resolve() for folder in settings().data_folders]
    path = Path(name).resolve()
    if not any(path.is_relative_to(folder) for folder in allowed):
        raise _refused("not_allowed", "the path is in no folder that this service may read (GAN_ADVISOR_DATA_FOLDERS)", None)
    if not path.exists():
        raise _refused("not_found", "there is nothing at this path", None)
    shape = {"samples": data.samples, "resolution": data.resolution, "channels": data.channels, "classes": data.classes}
    return {"slug": str(path), "type": data.type.value, **shape}


def _refused(code: str, detail: str, allowed: Any) -> Unprocessable:
    return Unprocessable(detail, [FieldProblem(pointer="#/dataset", code=code, detail=detail, allowed=allowed)])
