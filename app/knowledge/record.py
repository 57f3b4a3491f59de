"""backtest.json: the advisor's own record, written by `gan-advisor backtest --write` and reviewed like any other file.

It is no part of the knowledge digest, since it is made from what that digest covers; it carries a digest of the figures instead.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.errors import KnowledgeError
from app.knowledge.files import KINDS, SHIPPED, VERSION, paths
from app.vocabulary import Backtest, Scores, Tested

FILE = "backtest.json"
COMMAND = "gan-advisor backtest --write"


def read(root: Path = SHIPPED) -> Backtest | None:
    """The record of a knowledge base; None where none was written. Raises KnowledgeError."""
    path = root / FILE
    if not path.is_file():
        return None
    try:
        return Backtest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise KnowledgeError(f"{FILE}:1 {place}: {first['msg']}; write it anew by `{COMMAND}`") from None


def figures_digest(root: Path = SHIPPED) -> str:
    """SHA-256 over names and bytes of the files of figures."""
    total = hashlib.sha256()
    for path in paths(root, next(kind for kind in KINDS if kind.name == "benchmarks")):
        content = path.read_bytes()
        total.update(f"{path.name}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


def tested(report: Mapping[str, Any]) -> Tested:
    """One part of the report of `backtest`, with the cases that each method got right."""
    groups = int(report["groups"])
    methods = {name: Scores(**scores) for name, scores in report["methods"].items()}
    return Tested(groups=groups, right={n: round((s.top1 or 0.0) * groups, 1) for n, s in methods.items()}, methods=methods)


def write(report: Mapping[str, Any], root: Path = SHIPPED) -> bool:
    """Writes the report of a backtest over the shipped figures; False, and nothing is touched, when it says what is there."""
    scores = {
        **tested(report).model_dump(),
        "by_task": {task: tested(part).model_dump() for task, part in sorted(report["by_task"].items())},
    }
    digest = hashlib.sha256(json.dumps(scores, sort_keys=True).encode()).hexdigest()
    known = {
        "id": f"backtest/{digest[:8]}",
        "version": (root / VERSION).read_text().strip(),
        "figures_sha256": figures_digest(root),
    }
    held = read(root)
    if held is not None and {name: getattr(held, name) for name in known} == known:
        return False
    body = {**known, "when": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"), **scores}
    (root / FILE).write_text(json.dumps(body, indent=2) + "\n")
    return True
