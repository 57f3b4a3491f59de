"""The knowledge files as the lint sees them: what fits its type, and findings about what does not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.errors import KnowledgeError
from app.knowledge import laws
from app.knowledge.files import KINDS, Item, paths, read, short
from app.knowledge.load import line, misfit


@dataclass(frozen=True)
class Finding:
    """One broken law. `subject` names the entry whatever its line, so that a waiver can."""

    law: str
    path: str
    line: int
    subject: str
    text: str
    tip: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.text}. Tip: {self.tip}"


@dataclass
class Base:
    """What was read: entries that fit their type, and findings about those that do not."""

    root: Path
    networks: frozenset[str]
    entries: dict[str, list[tuple[Item, Any]]] = field(default_factory=lambda: defaultdict(list))
    misfits: list[Finding] = field(default_factory=list)
    broken: set[Path] = field(default_factory=set)

    @cached_property
    def faults(self) -> list[Finding]:
        """What single entries break, see `laws`."""
        cards, metrics, datasets = self.slugs("architectures"), self.slugs("metrics"), self.slugs("datasets")
        held: dict[str, Callable[[Any], Iterator[laws.Fault]]] = {
            "architectures": lambda e: laws.of_architecture(e, cards),
            "benchmarks": lambda e: laws.of_figure(e, cards, datasets, metrics),
            "metrics": laws.of_metric,
            "tasks": lambda e: laws.of_task(e, metrics),
            "rules": lambda e: laws.of_rule(e, cards),
            "gpus": laws.of_gpu,
            "costs": lambda e: laws.of_cost(e, cards),
            "profiles": lambda e: laws.known("slugs", "architecture", e.architecture, cards),
        }
        return [
            Finding(f.law, short(item.path), line(item, (f.field,)), subject(item), f.text, f.tip)
            for kind, law in held.items()
            for item, entry in self.entries[kind]
            for f in law(entry)
        ]

    def of(self, kind: str) -> list[Any]:
        return [value for _, value in self.entries[kind]]

    def slugs(self, kind: str) -> dict[str, Any]:
        return {value.slug: value for value in self.of(kind)}


def gather(root: Path, trainable: frozenset[str]) -> Base:
    """Reads every file; the law `schema`: each entry fits its type, with no field it does not know."""
    base = Base(root, trainable)
    for kind in KINDS:
        adapter: TypeAdapter[Any] = TypeAdapter(list[kind.type])  # type: ignore[name-defined]
        for path in paths(root, kind):
            try:
                items = list(read(path, kind))
            except KnowledgeError as error:
                place, _, text = error.detail.partition(" ")
                base.misfits.append(
                    Finding("schema", short(path), int(place.rpartition(":")[2]), path.stem, text, "see schema.json")
                )
                base.broken.add(path)
                continue
            for item in items:
                try:
                    base.entries[kind.name].append((item, adapter.validate_python([item.body])[0]))
                except ValidationError as error:
                    base.broken.add(path)
                    for text in misfit([item], error):
                        place, _, rest = text.partition(" ")
                        at = int(place.rpartition(":")[2])
                        base.misfits.append(Finding("schema", short(path), at, subject(item), rest, "see schema.json"))
    return base


def subject(item: Item) -> str:
    """What the entry is called: its id, slug or name."""
    return str(item.body.get("id") or item.body.get("slug") or item.body.get("name") or item.path.stem)
