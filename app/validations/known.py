"""What a worker can train, and on what: read from the files of models/, without torch."""

from __future__ import annotations

import ast
from functools import cache
from threading import Lock
from typing import Any

import yaml

from app import datasets as datasets_of_own
from app.db import PROJECT
from app.errors import FieldProblem, UnknownSlug, Unprocessable
from app.vocabulary import Data

NETWORKS = PROJECT / "models" / "networks"
BASELINES = PROJECT / "models" / "baselines"


@cache
def tasks() -> dict[str, dict[str, Any]]:
    """Slug of a task that can be validated -> data, metric, direction, threshold and baseline: models/tasks.yaml."""
    return dict(yaml.safe_load((PROJECT / "models" / "tasks.yaml").read_text()))


@cache
def trainable(task: str | None = None) -> frozenset[str]:
    """Architectures with a network, for one task or for any."""
    slugs = frozenset(path.stem.replace("_", "-") for path in NETWORKS.glob("[a-z]*.py"))
    return slugs if task is None else frozenset(slug for slug in slugs if task in (_literal(slug, "TASKS") or ()))


def defaults(slug: str) -> dict[str, Any]:
    """The recipe fields that a network or a baseline states for itself."""
    return dict(_literal(slug, "DEFAULTS") or {})


def on_cpu(slug: str) -> dict[str, Any]:
    """The recipe fields that it takes instead where a CPU has minutes for it; none where the plan scales it itself."""
    return dict(_literal(slug, "ON_CPU") or {})


_PARSING = Lock()
"""Two threads that parse at once can end in SystemError on CPython 3.11."""


@cache
def _literal(slug: str, name: str) -> Any:
    """What a network file assigns to a name, read without running it; None where it does not."""
    file = f"{slug.replace('-', '_')}.py"
    source = next(folder / file for folder in (NETWORKS, BASELINES) if (folder / file).exists()).read_text()
    with _PARSING:
        tree = ast.parse(source)
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    return None


@cache
def datasets() -> dict[str, dict[str, Any]]:
    """Slug -> type, samples, resolution, channels, classes, licence of the data sets that ship with packages."""
    return dict(yaml.safe_load((PROJECT / "models" / "data" / "datasets.yaml").read_text()))


def fitting(task: str) -> list[str]:
    """Data sets that a task can be validated on."""
    return sorted(slug for slug, body in datasets().items() if task in body["tasks"])


def dataset(name: str, task: str, data: Data, team: str | None = None) -> dict[str, Any]:
    """What is known of a data set named by slug, by the id of an own one, or by a path inside an allowed folder.

    Raises UnknownSlug with the nearest one, and Unprocessable for a path outside or a data set of other tasks.
    """
    if datasets_of_own.ID.match(name):
        path, known = datasets_of_own.path_of(name, team)
        if known.type is not data.type:
            raise _refused("wrong_type", f"{name} holds {known.type.value} data, the task is about {data.type.value}", None)
        return {"slug": str(path), "id": name, "type": known.type.value, **_shape(known)}
    if "/" in name or name.startswith("."):
        return {"slug": name, **_folder(name, data)}
    if name not in datasets():
        raise UnknownSlug("#/dataset", name, datasets())
    found = {"slug": name, **datasets()[name]}
    if task not in found["tasks"]:
        raise _refused(
            "wrong_type", f"{name} holds {found['type']} data for {', '.join(found['tasks'])}, not {task}", fitting(task)
        )
    return found


def _folder(name: str, data: Data) -> dict[str, Any]:
    path = datasets_of_own.allowed(name, "#/dataset")
    if not path.exists():
        raise _refused("not_found", "there is nothing at this path", None)
    return {"slug": str(path), "type": data.type.value, **_shape(data)}


def _shape(data: Data) -> dict[str, Any]:
    return {name: getattr(data, name) for name in ("samples", "resolution", "channels", "classes", "length")}


def _refused(code: str, detail: str, allowed: Any) -> Unprocessable:
    return Unprocessable(detail, [FieldProblem(pointer="#/dataset", code=code, detail=detail, allowed=allowed)])
