"""The one canonical form of every knowledge file: fields in the order of their type, nothing absent written, rows sorted, LF."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.knowledge.files import KINDS, SHIPPED, Kind, paths, read
from app.knowledge.load import typed

SCHEMA = "schema.json"
_WIDTH = 130
_FLOW = 90
"""Short lists of words and numbers stay on one line up to this length, and so do short conditions of rules."""
_WORD = re.compile(r"[\w./-]+")


class _Inline(dict[str, Any]):
    """A mapping written on one line."""


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)


def _sequence(dumper: yaml.SafeDumper, data: list[Any] | tuple[Any, ...]) -> yaml.Node:
    plain = all(isinstance(v, int | float) or (isinstance(v, str) and _WORD.fullmatch(v)) for v in data)
    inline = plain and sum(len(str(v)) + 2 for v in data) < _FLOW
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=inline)


def _inline(dumper: yaml.SafeDumper, data: _Inline) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True)


_Dumper.add_representer(_Inline, _inline)
_Dumper.add_representer(list, _sequence)
_Dumper.add_representer(tuple, _sequence)


def fmt(root: Path = SHIPPED, check: bool = False) -> list[Path]:
    """Rewrites what is not canonical; the paths that changed, or with `check` would change."""
    changed = []
    for kind in KINDS:
        for path in paths(root, kind):
            text = canonical(path, kind)
            if text.encode() != path.read_bytes():
                changed.append(path)
                if not check:
                    path.write_bytes(text.encode())
    path = root / SCHEMA
    if not path.is_file() or path.read_text() != schema():
        changed.append(path)
        if not check:
            path.write_text(schema())
    return changed


def schema() -> str:
    """JSON Schema of the YAML files, for editors."""
    written = [kind for kind in KINDS if kind.pattern.endswith(".yaml")]
    refs, body = models_json_schema([(kind.type, "validation") for kind in written], title="Knowledge files of GAN Advisor")
    one, *lists = (refs[kind.type, "validation"] for kind in written)
    body["anyOf"] = [one, *({"type": "array", "items": ref} for ref in lists)]
    return json.dumps(body, indent=2, sort_keys=True) + "\n"


def canonical(path: Path, kind: Kind) -> str:
    """The text this file should have. Raises KnowledgeError where it does not fit its type."""
    entries = typed(kind, list(read(path, kind)))
    if path.suffix == ".csv":
        return table(kind, entries)
    return heading(path) + document(kind, entries)


def heading(path: Path) -> str:
    """The comment lines that open a YAML file; fmt keeps them."""
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if not line.startswith("#") and line.strip():
            break
        kept.append(line)
    return "".join(kept)


def document(kind: Kind, entries: list[BaseModel]) -> str:
    """YAML: one mapping for an architecture, a list with a blank line between entries for the rest."""
    if kind.name == "architectures":
        return _yaml(sparse(entries[0]))
    ordered = sorted(entries, key=lambda e: [_sortable(getattr(e, n)) for n in kind.sort]) if kind.sort else entries
    plain = [sparse(entry) for entry in ordered]
    if kind.name == "rules":
        plain = [_terse(rule) for rule in plain]
    gap = "\n" if kind.name in ("rules", "tasks") else ""
    return gap.join(_yaml([entry]) for entry in plain) or "[]\n"


def _terse(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule with its conditions, its effect and its golden tasks on one line each, where they fit."""

    def short(body: dict[str, Any]) -> dict[str, Any]:
        return _Inline(body) if len(str(body)) < _FLOW + 20 else body

    golden = [case | {"task": short(case["task"])} for case in rule["golden"]]
    return rule | {"when": short(rule["when"]), "then": short(rule["then"]), "golden": golden}


def table(kind: Kind, entries: list[BaseModel]) -> str:
    """CSV with the columns of the type, sorted."""
    rows = [[_cell(getattr(entry, name)) for name in kind.columns] for entry in entries]
    if kind.sort:
        order = {id(row): [_sortable(getattr(entry, n)) for n in kind.sort] for row, entry in zip(rows, entries, strict=True)}
        rows.sort(key=lambda row: (order[id(row)], row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(kind.columns)
    writer.writerows(rows)
    return text.getvalue()


def sparse(value: Any) -> Any:
    """A type as plain data without what is absent: null, empty, or equal to the default of its field."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        kept = {n: sparse(getattr(value, n)) for n, f in fields.items() if f.is_required() or getattr(value, n) != f.default}
        return {n: v for n, v in kept.items() if v not in (None, (), [], {}) or fields[n].is_required()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {k: sparse(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [sparse(v) for v in value]
    return value


def _yaml(body: Any) -> str:
    text: str = yaml.dump(body, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH, default_flow_style=False)
    return text


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, tuple):
        return ";".join(map(str, value))
    return " ".join(str(value).split())


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value.value if isinstance(value, Enum) else value)
