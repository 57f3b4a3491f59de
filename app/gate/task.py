"""gan-task.yaml: the body of POST /v1/recommendations, a `policy:` beside it, and the line of every field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson
import yaml
from pydantic import ValidationError

from app.errors import Unprocessable, field_problem
from app.gate.words import Limit
from app.vocabulary import Task

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class TaskFile:
    """A task file as read. `lines` maps a JSON pointer to its line, counted from 1."""

    path: Path
    task: Task
    limit: Limit
    lines: Mapping[str, int]

    def line(self, pointer: str) -> int:
        """The line of a field, or of the nearest field above it that stands in the file."""
        while pointer and pointer not in self.lines:
            pointer = pointer.rpartition("/")[0]
        return self.lines.get(pointer, 1)


def read(path: Path) -> TaskFile:
    """Raises Unprocessable that names each wrong field."""
    if not path.is_file():
        raise Unprocessable(f"there is no task file at {path}")
    try:
        text = path.read_text(encoding="utf-8")
        body, node = yaml.load(text, _Loader), yaml.compose(text, _Loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Unprocessable(f"{path} is neither YAML nor JSON: {error}") from None
    if not isinstance(body, dict):
        raise Unprocessable(f"{path} must hold a mapping with at least data.type")
    limit = body.pop("policy", None) or {}
    try:
        task = Task.model_validate_json(orjson.dumps(body, default=str))
    except ValidationError as error:
        raise _refused(path, error, ()) from None
    try:
        return TaskFile(path, task, Limit.model_validate_json(orjson.dumps(limit, default=str)), dict(_lines(node, "")))
    except ValidationError as error:
        raise _refused(path, error, ("policy",)) from None


def _refused(path: Path, error: ValidationError, under: tuple[str, ...]) -> Unprocessable:
    problems = [field_problem({**e, "loc": ("body", *under, *e["loc"])}) for e in error.errors()]
    return Unprocessable(f"{path} cannot be used", problems)


def _lines(node: yaml.Node | None, pointer: str) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = f"{pointer}/{key.value}"
            yield here, key.start_mark.line + 1
            yield from _lines(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield f"{pointer}/{index}", value.start_mark.line + 1
            yield from _lines(value, f"{pointer}/{index}")
