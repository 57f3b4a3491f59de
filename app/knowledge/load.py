"""Files become a frozen Knowledge: one validation call per kind, errors that name file, line and field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from app.errors import KnowledgeError
from app.knowledge import record
from app.knowledge.files import KINDS, SHIPPED, VERSION, Item, Kind, digest, paths, read, short
from app.vocabulary import Knowledge

NETWORKS = Path(__file__).parents[2] / "models" / "networks"


def load(path: Path = SHIPPED, trainable: frozenset[str] | None = None) -> Knowledge:
    """The knowledge base under `path`; `trainable` defaults to the networks at hand.

    Raises KnowledgeError that names the file, the line and the field at fault.
    """
    if not (path / VERSION).is_file():
        raise KnowledgeError(f"there is no knowledge base at {path}: {VERSION} is missing")
    found: dict[str, Any] = {kind.name: typed(kind, items(path, kind)) for kind in KINDS}
    return Knowledge(
        version=(path / VERSION).read_text().strip(),
        sha256=digest(path),
        architectures=_keyed(found["architectures"], "slug"),
        benchmarks=tuple(found["benchmarks"]),
        rules=tuple(found["rules"]),
        tasks={task.slug: task for task in found["tasks"]},
        metrics=_keyed(found["metrics"], "slug"),
        datasets=_keyed(found["datasets"], "slug"),
        gpus=_keyed(found["gpus"], "name"),
        costs=tuple(found["costs"]),
        profiles=tuple(found["profiles"]),
        trainable=networks() if trainable is None else trainable,
        backtest=record.read(path),
    )


def networks(folder: Path = NETWORKS) -> frozenset[str]:
    """The slugs of the network files: `wgan_gp.py` -> `wgan-gp`. Nothing is imported, so no torch."""
    return frozenset(p.stem.replace("_", "-") for p in folder.glob("*.py") if not p.stem.startswith("_"))


def items(root: Path, kind: Kind) -> list[Item]:
    """Every entry of one kind, in the order of files and lines."""
    return [item for path in paths(root, kind) for item in read(path, kind)]


_ADAPTERS: dict[str, TypeAdapter[list[Any]]] = {kind.name: TypeAdapter(list[kind.type]) for kind in KINDS}  # type: ignore[name-defined]


def typed(kind: Kind, entries: list[Item]) -> list[BaseModel]:
    """The entries as their type. Raises KnowledgeError on the first that does not fit."""
    try:
        return _ADAPTERS[kind.name].validate_python([entry.body for entry in entries])
    except ValidationError as error:
        raise KnowledgeError(str(misfit(entries, error)[0])) from None


def misfit(entries: list[Item], error: ValidationError) -> list[str]:
    """One sentence for each field that does not fit: place, field, what would be right."""
    found = []
    for problem in error.errors(include_url=False):
        index, *field = problem["loc"]
        entry = entries[int(index)]
        given = problem["input"]
        shown = "" if isinstance(given, dict) else f", not {given!r}"
        found.append(f"{short(entry.path)}:{line(entry, field)} {'.'.join(map(str, field))}: {problem['msg']}{shown}")
    return found


def line(entry: Item, field: list[Any] | tuple[Any, ...] = ()) -> int:
    """The line of an entry, or of one field of it in a YAML file."""
    if entry.path.suffix == ".csv":
        return entry.line or 1
    import yaml

    node: Any = yaml.compose(entry.path.read_text(), yaml.SafeLoader)
    at: int = node.start_mark.line
    steps = field if entry.line is None else (entry.line, *field)
    for step in steps:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
        elif isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == step]
            if not found:
                break
            at, node = found[0][0].start_mark.line, found[0][1]
            continue
        else:
            break
        at = node.start_mark.line
    return at + 1


def _keyed(entries: list[Any], name: str) -> dict[str, Any]:
    return {getattr(entry, name): entry for entry in entries}
