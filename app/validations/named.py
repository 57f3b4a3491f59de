"""What others read of a data set that lies on this machine: its name, never the place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from app.db import PROJECT
from app.settings import settings

T = TypeVar("T")
TEXTS = (".json", ".yaml", ".txt", ".svg")
"""Endings of the files of a run that may hold a path."""


def name_of(data: Mapping[str, Any]) -> str:
    """The slug, the id of an own one, or the last part of a path."""
    return str(data.get("id") or data["slug"].rstrip("/").rpartition("/")[2])


def told(body: T, data: Mapping[str, Any]) -> T:
    """A copy of JSON in which a plan's data set goes by its name. One that ships with a package has no place to hide."""
    place = str(data.get("slug", ""))
    return _replaced(body, place, name_of(data)) if place.startswith("/") else body


def text(content: str, data: Mapping[str, Any]) -> str:
    """What a process wrote, or says of its end: neither the data set's place in it nor that of runs and of the program."""
    content = told(content, data)
    for place in (settings().runs, settings().data_dir.absolute() / "datasets", PROJECT):
        content = content.replace(f"{place}/", "")
    return content


def _replaced(body: Any, place: str, name: str) -> Any:
    if isinstance(body, str):
        return body.replace(place, name)
    if isinstance(body, Mapping):
        return {key: _replaced(value, place, name) for key, value in body.items()}
    if isinstance(body, list | tuple):
        return [_replaced(value, place, name) for value in body]
    return body
