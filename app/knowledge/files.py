"""Where each kind of knowledge lies, and its one canonical form on disk.

    version.txt                the version of the knowledge base, one line
    architectures/SLUG.yaml    one architecture
    benchmarks/DATASET.csv     the figures on one data set; one row, one figure, one diff line
    rules/TOPIC.yaml           the rules of one topic; read in the order of file names, then of entries
    metrics.yaml tasks.yaml datasets.yaml    lists
    gpus.csv costs.csv         tables
    profiles.csv               training steps of our own networks, traced; written by a program, not by hand
    backtest.json              how often the advice made from all this is right; written by a program, see record.py

Absent fields are left out of YAML and empty in CSV. `id` and the data set of a figure are derived, so they are not columns.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from app.errors import KnowledgeError
from app.vocabulary import Architecture, Benchmark, Cost, Dataset, Gpu, Metric, Profile, Rule, TaskMetric

SHIPPED = Path(__file__).parent
VERSION = "version.txt"

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Kind:
    """One kind of knowledge: its type, the files that hold it and what is derived instead of written."""

    name: str
    type: type[BaseModel]
    pattern: str
    derived: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        return [name for name in self.type.model_fields if name not in self.derived]


_FIGURE_ORDER = ("task", "metric", "resolution", "architecture", "variant", "protocol", "train_samples", "source", "locator")
PROFILE_IDENTITY = ("architecture", "task", "resolution", "length", "channels", "width", "batch_size", "precision", "recipe")
_COST_ORDER = ("architecture", "resolution", "config", "gpu_type", "gpus", "source", "locator")
KINDS = (
    Kind("architectures", Architecture, "architectures/*.yaml"),
    Kind("benchmarks", Benchmark, "benchmarks/*.csv", derived=("id", "dataset"), sort=_FIGURE_ORDER),
    Kind("metrics", Metric, "metrics.yaml", sort=("slug",)),
    Kind("tasks", TaskMetric, "tasks.yaml"),
    Kind("datasets", Dataset, "datasets.yaml", sort=("slug",)),
    Kind("rules", Rule, "rules/*.yaml"),
    Kind("gpus", Gpu, "gpus.csv"),
    Kind("costs", Cost, "costs.csv", derived=("id",), sort=_COST_ORDER),
    Kind("profiles", Profile, "profiles.csv", derived=("id",), sort=PROFILE_IDENTITY),
)


@dataclass(frozen=True, slots=True)
class Item:
    """One entry as read: `line` is where its row or list entry begins, None for a whole file."""

    path: Path
    line: int | None
    body: dict[str, Any]


def paths(root: Path, kind: Kind) -> list[Path]:
    """The files of one kind, sorted."""
    return sorted(root.glob(kind.pattern))


def digest(root: Path) -> str:
    """SHA-256 over the relative paths and bytes of every data file, in the order of the paths."""
    total = hashlib.sha256()
    for path in sorted([root / VERSION, *(p for kind in KINDS for p in paths(root, kind))]):
        content = path.read_bytes()
        total.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


def read(path: Path, kind: Kind) -> Iterator[Item]:
    """The entries of one file as plain mappings, with what the path and the row imply filled in.

    Raises KnowledgeError with file and line where the file is no YAML mapping, list of mappings or table with these columns.
    """
    if path.suffix == ".csv":
        yield from _read_table(path, kind)
        return
    body = _read_yaml(path)
    if kind.name == "architectures":
        if not isinstance(body, dict):
            raise KnowledgeError(f"{short(path)}:1 must hold one mapping")
        yield Item(path, None, body)
        return
    if not isinstance(body, list) or not all(isinstance(entry, dict) for entry in body):
        raise KnowledgeError(f"{short(path)}:1 must hold a list of mappings")
    for index, entry in enumerate(body):
        yield Item(path, index, entry)


def _read_yaml(path: Path) -> Any:
    try:
        return yaml.load(path.read_bytes(), _Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise KnowledgeError(
            f"{short(path)}:{mark.line + 1 if mark else 1} is not YAML: {getattr(error, 'problem', error)}"
        ) from None


def _read_table(path: Path, kind: Kind) -> Iterator[Item]:
    with path.open(encoding="utf-8", newline="") as text:
        rows = csv.reader(text, strict=True)
        columns = next(rows, [])
        if columns != kind.columns:
            raise KnowledgeError(f"{short(path)}:1 the columns must be {','.join(kind.columns)}")
        listed = {name for name in columns if kind.type.model_fields[name].annotation == tuple[str, ...]}
        try:
            for row in rows:
                if len(row) != len(columns):
                    raise KnowledgeError(f"{short(path)}:{rows.line_num} has {len(row)} columns, not {len(columns)}")
                body: dict[str, Any] = {name: cell for name, cell in zip(columns, row, strict=True) if cell}
                for name in listed & body.keys():
                    body[name] = body[name].split(";")
                if kind.name == "benchmarks":
                    body["dataset"] = path.stem
                    body["id"] = figure_id(body)
                elif kind.name == "costs":
                    body["id"] = cost_id(body)
                elif kind.name == "profiles":
                    body["id"] = f"profile/{body.get('architecture')}/{_short_digest(body, PROFILE_IDENTITY)}"
                yield Item(path, rows.line_num, body)
        except csv.Error as error:
            raise KnowledgeError(f"{short(path)}:{rows.line_num} is not CSV: {error}") from None


IDENTITY = (
    "dataset",
    "architecture",
    "variant",
    "task",
    "train_samples",
    "resolution",
    "metric",
    "protocol",
    "source",
    "locator",
)
"""What makes two figures the same one: a corrected value keeps its id."""


def figure_id(row: Mapping[str, Any]) -> str:
    """DATASET/METRIC/ARCHITECTURE/ and 8 hex digits over the identifying columns."""
    return f"{row.get('dataset')}/{row.get('metric')}/{row.get('architecture')}/{_short_digest(row, IDENTITY)}"


COST_IDENTITY = (
    "architecture",
    "config",
    "dataset",
    "resolution",
    "batch_size_total",
    "gpus",
    "gpu_type",
    "precision",
    "source",
    "locator",
)


def cost_id(row: Mapping[str, Any]) -> str:
    """cost/ARCHITECTURE/ and 8 hex digits over where the row was read and its configuration."""
    return f"cost/{row.get('architecture')}/{_short_digest(row, COST_IDENTITY)}"


def _short_digest(row: Mapping[str, Any], names: tuple[str, ...]) -> str:
    key = "\0".join(str(row.get(name) or "") for name in names)
    return hashlib.sha256(key.encode()).hexdigest()[:8]


def short(path: Path) -> str:
    """`benchmarks/cifar10.csv`: the path as reports show it."""
    return f"{path.parent.name}/{path.name}" if path.parent.name in ("architectures", "benchmarks", "rules") else path.name
