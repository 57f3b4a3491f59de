"""Tables: columns with their type, cardinality and gaps; or one long series, where time runs down the first column."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.fingerprint.facts import Progress, Refused, fault, file_digest
from app.vocabulary import ColumnFacts, Data, DataType, Fault, Fingerprint, Labels, Task

MOST_COLUMNS = 2_000
MOST_DISTINCT = 10_000
"""Distinct values are counted up to here."""
FEW = 20
"""A column of whole numbers with at most so many values holds categories."""
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
WINDOW = 24
_DELIMITERS = (",", "\t", ";", "|")
_DATE = re.compile(r"\d{4}-\d{2}(-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?)?$")
_FORMULA = re.compile(r"[=@]|[+-](?![\d.]|inf|nan)", re.IGNORECASE)


@dataclass
class Column:
    name: str
    values: Counter[str] = field(default_factory=Counter)
    missing: int = 0
    numbers: int = 0
    whole: int = 0
    dates: int = 0
    low: float = math.inf
    high: float = -math.inf
    formulas: int = 0

    def add(self, cell: str) -> None:
        text = cell.strip()
        if text.lower() in MISSING:
            self.missing += 1
            return
        if len(self.values) < MOST_DISTINCT or text in self.values:
            self.values[text] += 1
        try:
            number = float(text)
        except ValueError:
            self.dates += bool(_DATE.match(text))
            self.formulas += bool(_FORMULA.match(text))
            return
        if math.isfinite(number):
            self.numbers += 1
            self.whole += number == int(number)
            self.low, self.high = min(self.low, number), max(self.high, number)

    def facts(self, rows: int) -> ColumnFacts:
        known, distinct = rows - self.missing, len(self.values)
        if known and self.dates == known:
            kind = "time"
        elif known and self.numbers == known and (self.whole < known or distinct > FEW):
            kind = "numeric"
        elif known > FEW and distinct >= min(0.9 * known, MOST_DISTINCT) and not self.numbers:
            kind = "text"
        else:
            kind = "categorical"
        numeric = kind == "numeric"
        return ColumnFacts(
            name=self.name,
            kind=kind,
            distinct=distinct,
            missing=self.missing,
            low=self.low if numeric else None,
            high=self.high if numeric else None,
            commonest=round(self.values.most_common(1)[0][1] / known, 4) if known and kind == "categorical" else None,
        )


def read(path: Path, progress: Progress) -> Fingerprint:
    """Raises Refused, with the line, for a ragged row, a byte that is no UTF-8, NUL, no header, too many columns, or no row."""
    size = path.stat().st_size
    columns: list[Column] = []
    seen, doubled, rows = set[bytes](), 0, 0
    try:
        for number, cells, at in _rows(path):
            if not columns:
                columns = [Column(name) for name in _header(path, cells)]
                continue
            if len(cells) != len(columns):
                raise Refused(f"{path.name}:{number} has {len(cells)} cells, the header has {len(columns)}", "ragged")
            rows += 1
            for column, cell in zip(columns, cells, strict=True):
                column.add(cell)
            digest = hashlib.blake2b("\0".join(cells).encode(), digest_size=8).digest()
            doubled += digest in seen
            seen.add(digest)
            if rows % 10_000 == 0:
                progress(at, size)
    except UnicodeDecodeError as error:
        raise Refused(
            f"{path.name} is not UTF-8: byte {error.start} of a line is {error.object[error.start]:#04x}", "encoding"
        ) from error
    except csv.Error as error:
        raise Refused(f"{path.name} is no table: {error}", "malformed") from error
    if not rows:
        raise Refused(f"{path.name} holds no row below its header", "empty")
    facts = tuple(column.facts(rows) for column in columns)
    return Fingerprint(
        type=(task := Task(data=_data(facts, rows))).data.type,
        samples=rows,
        bytes=size,
        sha256=file_digest(path).hex(),
        columns=facts,
        faults=tuple(_faults(facts, columns, rows, doubled)),
        task=task,
    )


def _rows(path: Path) -> Iterator[tuple[int, list[str], int]]:
    """Line number, cells, and bytes read so far, header first; empty lines are left out."""
    csv.field_size_limit(1_000_000)
    with path.open("rb") as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
        head = file.read(65_536)
        if "\0" in head:
            raise Refused(f"{path.name} holds NUL bytes; it is no text", "binary")
        first = head.partition("\n")[0]
        delimiter = max(_DELIMITERS, key=first.count)
        file.seek(0)
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        for cells in reader:
            if cells:
                yield reader.line_num, cells, raw.tell()


def _header(path: Path, cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    if len(names) > MOST_COLUMNS:
        raise Refused(f"{path.name} has {len(names):,} columns; {MOST_COLUMNS:,} are allowed", "too_many")
    if all(_is_number(name) for name in names):
        raise Refused(f"{path.name}:1 holds numbers alone; the first line must name the columns", "no_header")
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise Refused(f"{path.name}:1 names {twice[0]!r} twice", "duplicate_column")
    return names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _data(facts: tuple[ColumnFacts, ...], rows: int) -> Data:
    """A table, or a series of windows where the first column is time, at every row another, and the others are numbers."""
    series = len(facts) > 1 and facts[0].kind == "time" and facts[0].distinct >= min(rows, MOST_DISTINCT)
    if series and all(column.kind == "numeric" for column in facts[1:]) and rows >= 2 * WINDOW:
        return Data(
            type=DataType.TIME_SERIES, samples=rows - WINDOW + 1, length=WINDOW, columns=len(facts) - 1, labels=Labels.NONE
        )
    return Data(type=DataType.TABULAR, samples=rows, columns=len(facts), labels=Labels.NONE)


def _faults(facts: tuple[ColumnFacts, ...], columns: list[Column], rows: int, doubled: int) -> Iterator[Fault]:
    def named(text: str, code: str, names: list[str]) -> Iterator[Fault]:
        if names:
            yield fault(code, len(names), text, names)

    if doubled:
        yield fault("duplicate", doubled, "a row repeats an earlier one")
    yield from named("a column has gaps", "missing", [f.name for f in facts if f.missing])
    yield from named("a column never changes", "constant", [f.name for f in facts if f.distinct <= 1])
    yield from named(
        "a column is another value in every row: an identifier, or free text, and nothing to learn",
        "identifier",
        [f.name for f in facts if f.kind == "text" or (f.kind == "numeric" and _counts(f, rows))],
    )
    yield from named(
        "a column has more than 100 categories; rare ones are hard to learn",
        "many_categories",
        [f.name for f in facts if f.kind == "categorical" and f.distinct > 100],
    )
    yield from named(
        "a cell begins like a formula; spreadsheets would run it", "formula", [c.name for c in columns if c.formulas]
    )


def _counts(column: ColumnFacts, rows: int) -> bool:
    """Whether a numeric column counts its rows: all different, without gaps, as many as its range."""
    span = (column.high or 0) - (column.low or 0)
    return rows > FEW and column.distinct == rows and span == rows - 1
