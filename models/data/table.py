"""Tables of mixed columns: of the user's CSV file, or of a health insurance experiment that a package ships."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from models.contract import Recipe
from models.data import known, path_of
from models.data.dataset import BadData, Dataset
from models.data.grid import keep
from models.data.own import files, parts

MOST_BYTES = 200_000_000
MOST_ROWS = 500_000
MOST_COLUMNS = 200
FEW = 10
"""Numbers of at most so many values are categories."""
MOST_CATEGORIES = 100
MOSTLY = 0.9
"""A column in which so large a share is numbers is one of numbers, and a word in it a mistake."""
SHOWN = 24
MISSING = ("", "na", "n/a", "nan", "null", "none")


@dataclass(frozen=True)
class Column:
    name: str
    categories: tuple[str, ...] = ()
    """By code; empty for a column of numbers. A missing value is a category of its own, of no letters."""
    whole: bool = False
    """Whether all its numbers are whole."""


@dataclass(frozen=True, kw_only=True)
class Table(Dataset):
    """`row`: float32 N x C, numbers as they are and categories as codes.

    Where numbers are missing they are the column's mean, and a further column says which are.
    """

    kind: ClassVar[str] = "table"
    output: ClassVar[str] = "row"
    columns: tuple[Column, ...]

    def picture(self, samples: Tensor, path: Path) -> None:
        """The first rows as text, below the names of the columns."""
        rows = [[column.name for column in self.columns]]
        rows += [[written(v, c) for v, c in zip(row, self.columns, strict=True)] for row in samples[:SHOWN].tolist()]
        page = Image.new("RGB", (min(92 * len(self.columns), 4000), 18 * len(rows) + 8), "white")
        draw = ImageDraw.Draw(page)
        for y, row in enumerate(rows):
            for x, cell in enumerate(row):
                draw.text((92 * x + 4, 18 * y + 4), cell[:14], fill="navy" if y == 0 else "black")
        keep(page, path)


def written(value: float, column: Column) -> str:
    """A cell as its file would have it."""
    if column.categories:
        return column.categories[min(max(round(value), 0), len(column.categories) - 1)]
    return str(round(value)) if column.whole else f"{value:.5g}"


def load(recipe: Recipe) -> Table:
    """Raises BadData for an unknown slug, or a file that is no table: with line and column, where there is one to blame."""
    path = path_of(recipe.dataset)
    if path is not None:
        found = files(path, (".csv", ".txt"), MOST_BYTES)
        if len(found) > 1:
            raise BadData(f"{path.name} holds {len(found)} CSV files, a table is one")
        path = found[0]
    elif recipe.dataset == "rand-health":
        spec = importlib.util.find_spec("statsmodels")
        if spec is None or spec.origin is None:
            raise BadData("the package statsmodels that holds this data set is not installed")
        path = Path(spec.origin).parent / "datasets" / "randhie" / "randhie.csv"
    else:
        raise BadData(f"data set {recipe.dataset!r} is not known; known are {', '.join(known())}, and csv:PATH")
    names, lines, rows = cells(path)
    columns, values, skipped = list[Column](), list[list[float]](), list[str]()
    for name, own in zip(names, zip(*rows, strict=True), strict=True):
        if (read := column(name, own, lines)) is None:
            skipped.append(f"column {name!r} has one value, or more than {MOST_CATEGORIES} words: it is left out")
            continue
        columns += [one for one, _ in read]
        values += [numbers for _, numbers in read]
    if len(columns) < 2:
        raise BadData(f"{path.name} has {len(columns)} usable columns; two are the least. {' '.join(skipped[:3])}")
    whole = torch.tensor(values, dtype=torch.float32).T.contiguous()
    digest = hashlib.sha256(repr(columns).encode() + whole.numpy().tobytes()).hexdigest()
    return Table(
        slug=recipe.dataset, sha256=digest, **parts({"row": whole}, recipe), columns=tuple(columns), skipped=tuple(skipped)
    )


def cells(path: Path) -> tuple[list[str], list[int], list[list[str]]]:
    """Names of the columns, line of each row, and the rows. The first row names them when none of its cells is a number."""
    lines, rows = list[int](), list[list[str]]()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for row in reader:
                if not any(cell.strip() for cell in row):
                    continue
                if rows and len(row) != len(rows[0]):
                    raise BadData(f"{path.name}, line {reader.line_num}: {len(row)} cells, the first line has {len(rows[0])}")
                if len(row) > MOST_COLUMNS or len(rows) > MOST_ROWS:
                    raise BadData(f"{path.name} is larger than {MOST_COLUMNS} columns or {MOST_ROWS} rows")
                lines.append(reader.line_num)
                rows.append([cell.strip() for cell in row])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadData(f"{path.name} cannot be read as a CSV file in UTF-8: {error}") from error
    if len(rows) < 3:
        raise BadData(f"{path.name} has {len(rows)} rows; two and a header are the least")
    if any(number(cell) is not None for cell in rows[0]):
        return [f"column-{i + 1}" for i in range(len(rows[0]))], lines, rows
    for i, name in enumerate(rows[0]):
        if not name or name in rows[0][:i]:
            raise BadData(f"{path.name}, line {lines[0]}, column {i + 1}: the name {name!r} is empty or there twice")
    return rows[0], lines[1:], rows[1:]


def column(name: str, own: tuple[str, ...], lines: list[int]) -> list[tuple[Column, list[float]]] | None:
    """The column with its values, and one more that says which are missing. None for one of which nothing can be learnt."""
    there = [cell for cell in own if cell.lower() not in MISSING]
    read = [number(cell) for cell in own]
    found = [value for value in read if value is not None]
    if there and len(found) >= MOSTLY * len(there):
        for line, cell, value in zip(lines, own, read, strict=True):
            if (value is None and cell.lower() not in MISSING) or (value is not None and abs(value) > 1e30):
                raise BadData(f"line {line}, column {name!r}: {cell[:40]!r} is not a number that can be used, as the others are")
        distinct, whole = len(set(found)), all(value == round(value) for value in found)
        if distinct > FEW:
            mean = math.fsum(found) / len(found)
            columns = [(Column(name, whole=whole), [mean if value is None else value for value in read])]
            if len(found) < len(own):
                columns.append((Column(f"{name} missing", ("no", "yes")), [float(value is None) for value in read]))
            return columns
        words = ["" if value is None else f"{value:.12g}" for value in read]
    else:
        words = ["" if cell.lower() in MISSING else cell for cell in own]
    kinds = sorted(set(words))
    if not 2 <= len(kinds) <= MOST_CATEGORIES:
        return None
    code = {word: float(i) for i, word in enumerate(kinds)}
    return [(Column(name, tuple(kinds)), [code[word] for word in words])]


def number(cell: str) -> float | None:
    """None for what is no number; nan is none."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return None if math.isnan(value) else value
