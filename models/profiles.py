"""app/knowledge/profiles.csv: what a training step of each of our networks takes at a few sizes.

`python -m models.profiles` traces the networks whose code has changed and writes the table; with `--all` every one.

A row carries the digest of the code it was traced from, so that a changed network or a changed layer shows; comments, and how the
code is laid out, count nothing. A size that a network refuses has no row.
"""

from __future__ import annotations

import argparse
import ast
import csv
import hashlib
import importlib
import io
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from models.contract import Precision, Recipe
from models.data import known, load
from models.data.dataset import BadData, Dataset
from models.networks import FOLDERS
from models.profile import Profile, profile

TABLE = Path(__file__).parents[1] / "app" / "knowledge" / "profiles.csv"
MODELS = Path(__file__).parent
NETWORKS = FOLDERS["models.networks"]
WITHOUT_STEPS = ("models.data", "models.contract", "models.metrics", "models.ranks")
"""Modules whose changes leave a step as it is."""
Setting = tuple[int, int, Precision]
"""Resolution, batch, precision."""
IMAGES: tuple[Setting, ...] = ((32, 4, "fp32"), (32, 8, "fp32"), (128, 8, "fp32"))
"""Enough for the powers of batch and resolution."""
PLAYED = 32
"""Up to this resolution the steps are played on real tensors, which gives the same figures sooner."""
IMAGES_ON_CPU: tuple[Setting, ...] = ((32, 16, "fp32"),)
"""What app/validations/plan.py makes of images; other networks say in ON_CPU what they change."""
CPU_WIDTH_DIVISOR = 4
SAMPLES = 64
"""Kept of a data set: shapes count here, not values."""
IDENTITY = ("architecture", "task", "resolution", "length", "channels", "width", "batch_size", "precision", "recipe")
COLUMNS = (
    *IDENTITY,
    *("parameters_g", "parameters_d", "flops_per_step", "bytes_per_step", "kernels_per_step", "static_bytes", "peak_bytes"),
    "network_sha256",
)
Row = dict[str, Any]


def digest(architecture: str) -> str:
    """SHA-256 of what a network's step is made of: its own file, the game, and all pieces of models/ that these import."""
    found: dict[str, str] = {}
    waiting = [f"models.networks.{architecture.replace('-', '_')}", "models.game"]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name], parts = _parsed(name)
            waiting += parts
    return hashlib.sha256("\n".join(f"{name} {found[name]}" for name in sorted(found)).encode()).hexdigest()


@cache
def _parsed(name: str) -> tuple[str, tuple[str, ...]]:
    """The syntax of a module of models/ and the modules of models/ that it imports, but for those that shape no step."""
    tree = ast.parse((_file(name) or MODELS.joinpath(*name.split(".")[1:], "__init__.py")).read_text())
    origins = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("models")]
    pairs = [(str(node.module), f"{node.module}.{alias.name}") for node in origins for alias in node.names]
    named = {below if _file(below) else module for module, below in pairs}
    return repr(_syntax(tree)), tuple(name for name in named if not name.startswith(WITHOUT_STEPS))


def _file(name: str) -> Path | None:
    """The file of a module of models/; None for a package, and for what is none."""
    path = MODELS.joinpath(*name.split(".")[1:]).with_suffix(".py")
    return path if path.exists() else None


def _syntax(node: Any) -> Any:
    """A tree as plain values, the same for each version of Python: what is empty and what only speaks is left out."""
    if isinstance(node, list):
        return [_syntax(part) for part in node if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))]
    if not isinstance(node, ast.AST):
        return node
    return type(node).__name__, *((name, _syntax(value)) for name, value in ast.iter_fields(node) if value not in (None, []))


def networks() -> list[str]:
    """Slugs of the networks that can be profiled: those with a data set for their first task."""
    slugs = sorted(path.stem.replace("_", "-") for path in NETWORKS.glob("[a-z]*.py"))
    return [slug for slug in slugs if _dataset(_module(slug).TASKS[0]) is not None]


def read(table: Path = TABLE) -> list[Row]:
    """The rows as written, numbers as text."""
    with table.open(newline="") as text:
        return list(csv.DictReader(text))


def stale(table: Path = TABLE) -> list[str]:
    """Networks without a row of their present file."""
    fresh = {(row["architecture"], row["network_sha256"]) for row in read(table)}
    return [slug for slug in networks() if (slug, digest(slug)) not in fresh]


def write(table: Path = TABLE, *, everything: bool = False) -> bool:
    """Traces what is stale and writes the table; False when a network could not be traced, which then keeps the rows it had."""
    wanted, sound = networks() if everything else stale(table), True
    rows: dict[str, list[Row]] = {slug: [] for slug in networks()}
    for kept in read(table):
        if kept["architecture"] in rows:
            rows[kept["architecture"]].append(kept)
    for slug in wanted:
        begun = time.perf_counter()
        try:
            rows[slug] = list(_rows(slug))
            sys.stdout.write(f"{slug}: {len(rows[slug])} rows in {time.perf_counter() - begun:.0f} s\n")
        except Exception as error:  # noqa: BLE001 - a network under work must not keep the others from their rows
            sound = False
            sys.stderr.write(f"{slug}: {type(error).__name__}: {error}\n")
        table.write_text(_csv([row for found in rows.values() for row in found]))
    return sound


def recipes(architecture: str, kind: str = "published") -> Iterator[Recipe]:
    """The sizes a network is traced at: `published`, as its paper would train it, or `cpu`, as a validation on a CPU does."""
    module = _module(architecture)
    task = module.TASKS[0]
    slug = _dataset(task)
    if slug is None:
        return
    data, own = known()[slug], dict(module.DEFAULTS)
    image, on_cpu = data["type"] == "image", kind == "cpu"
    if on_cpu:
        own |= getattr(module, "ON_CPU", {})
    if on_cpu and image and "width" not in getattr(module, "ON_CPU", {}):
        own["width"] = max(8, own.get("width", Recipe.width) // CPU_WIDTH_DIVISOR)
    own |= {
        "task": task,
        "dataset": slug,
        "channels": 3 if image else data.get("channels") or 1,
        "classes": data.get("classes") or 0 if task == "class-conditional-image" else 0,
    }
    size, usual = data.get("resolution") or Recipe.resolution, own.get("batch_size", Recipe.batch_size)
    others: tuple[Setting, ...] = ((size, usual, "fp32"),) if on_cpu else ((size, 4, "fp32"), (size, 8, "fp32"))
    for resolution, batch, precision in (IMAGES_ON_CPU if on_cpu else IMAGES) if image else others:
        at = {"resolution": resolution, "batch_size": batch, "precision": precision}
        yield Recipe(architecture=architecture, metric="none", **{**own, **at})


def _rows(architecture: str) -> Iterator[Row]:
    sha256, refused = digest(architecture), ""
    for kind in ("published", "cpu"):
        made = 0
        for recipe in recipes(architecture, kind):
            try:
                traced = profile(recipe, few(recipe), fake=recipe.resolution > PLAYED)
            except (ValueError, BadData) as error:
                refused = str(error)
                continue
            made += 1
            yield row(traced) | {"recipe": kind, "network_sha256": sha256}
        if not made:
            raise ValueError(f"refuses every {kind} size: {refused}")


def row(traced: Profile) -> Row:
    recipe, size = traced.recipe, known()[traced.recipe.dataset]
    return {
        "architecture": recipe.architecture,
        "task": recipe.task,
        "resolution": recipe.resolution if size.get("resolution") else "",
        "length": recipe.length or size.get("length") or "",
        "channels": recipe.channels,
        "width": recipe.width,
        "batch_size": recipe.batch_size,
        "precision": recipe.precision,
        "parameters_g": traced.parameters_g,
        "parameters_d": sum(traced.parameters.values()) - traced.parameters_g,
        "flops_per_step": round(traced.mean(lambda operator: operator.flops)),
        "bytes_per_step": round(traced.mean(lambda operator: operator.moved)),
        "kernels_per_step": round(traced.mean(lambda operator: 1)),
        "static_bytes": traced.static.total,
        "peak_bytes": traced.peak.peak.total,
    }


def few(recipe: Recipe) -> Dataset:
    """A recipe's data set, cut to a few samples."""
    return _few(*(getattr(recipe, name) for name in _DATA))


_DATA = ("task", "dataset", "resolution", "length", "channels", "classes")


@lru_cache(maxsize=4)
def _few(*fields: Any) -> Dataset:
    whole = load(Recipe(architecture="", **dict(zip(_DATA, fields, strict=True))))
    return replace(whole, fields=_cut(whole.fields), reference=_cut(whole.reference))


def _cut(fields: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: values[:SAMPLES].clone() for name, values in fields.items()}


def _module(architecture: str) -> ModuleType:
    return importlib.import_module(f"models.networks.{architecture.replace('-', '_')}")


def _dataset(task: str) -> str | None:
    """The smallest data set of a task."""
    fitting = [slug for slug, body in known().items() if task in body["tasks"]]
    return min(fitting, key=lambda slug: (known()[slug].get("samples") or 0, slug), default=None)


def _csv(rows: list[Row]) -> str:
    """Sorted by identity, numbers by size, as `gan-advisor knowledge fmt` would write it."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(rows, key=lambda row: [_order(row[name]) for name in IDENTITY]))
    return text.getvalue()


def _order(cell: Any) -> tuple[bool, Any]:
    if cell == "":
        return False, ""
    return True, int(cell) if str(cell).isdigit() else cell


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m models.profiles", description="Brings app/knowledge/profiles.csv up to date."
    )
    parser.add_argument("--all", action="store_true", help="trace every network anew")
    torch.set_num_threads(1)
    sys.exit(0 if write(everything=parser.parse_args().all) else 1)
