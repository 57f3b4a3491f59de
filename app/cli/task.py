"""The task that a file and the options beside it ask for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import yaml
from pydantic import ValidationError

from app.errors import FieldProblem, Unprocessable, field_problem

if TYPE_CHECKING:
    from app.vocabulary import Task


def read_task(file: Path | None, given: dict[str, Any]) -> Task:
    """The task of a file, with the options laid over it. Raises Unprocessable that names each wrong field."""
    from app.vocabulary import Task

    body: Any = {}
    if file is not None:
        if str(file) != "-" and not file.is_file():
            raise Unprocessable(f"there is no task file at {file}")
        try:
            body = yaml.safe_load(sys.stdin.read() if str(file) == "-" else file.read_text())
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise Unprocessable(f"{file} is neither YAML nor JSON: {error}") from None
        if not isinstance(body, dict):
            raise Unprocessable(f"{file} must hold a mapping with at least data.type")
    body.pop("policy", None)  # what `check` holds the choice to; no part of the question
    for key, value in given.items():
        body[key] = {**(body.get(key) or {}), **value} if isinstance(value, dict) else value
    try:
        return Task.model_validate_json(orjson.dumps(body))
    except ValidationError as error:
        problems: list[FieldProblem] = [field_problem({**e, "loc": ("body", *e["loc"])}) for e in error.errors()]
        raise Unprocessable("the task cannot be used", problems) from None


def given(tree: Any) -> Any:
    """A mapping without its empty branches."""
    if not isinstance(tree, dict):
        return tree
    pruned = {key: given(value) for key, value in tree.items()}
    return {key: value for key, value in pruned.items() if value is not None and value != {}}
