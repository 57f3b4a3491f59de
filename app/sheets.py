"""Rows as CSV, a header line first. A cell that a spreadsheet would run as a formula is prefixed with an apostrophe."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson
from pydantic import BaseModel


def lines_of(rows: Iterable[BaseModel], columns: Sequence[str]) -> Iterator[str]:
    """One line at a time, so that a table may be too long to hold."""
    yield _line(columns)
    for row in rows:
        body = row.model_dump(mode="json")
        yield _line([_cell(body[column]) for column in columns])


def _line(cells: Sequence[Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        return orjson.dumps(value).decode()
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r", "\n"):
        return "'" + value
    return value
