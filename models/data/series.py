"""Time series as windows of equal length: of the user's CSV or npz file, or of the records that a package ships."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from models.contract import Recipe
from models.data import known, path_of
from models.data.dataset import BadData, Dataset
from models.data.grid import keep
from models.data.own import array, files
from models.data.table import MISSING, cells, number

LENGTH = 24
"""Steps of a window where the recipe does not say: that of arXiv:1706.02633's successors from TimeGAN on."""
LEAST_LENGTH, MOST_LENGTH = 4, 4096
MOST_CHANNELS = 100
MOST_WINDOWS = 20_000
MOST_VALUES = 200_000_000
MOST_BYTES = 200_000_000
HELD_OUT = 4
"""Every fourth series is held out whole; fewer than eight are cut into blocks of three windows first."""
BLOCK = 3
IDS = ("id", "series", "series_id", "entity", "unit")
TIMES = ("date", "time", "timestamp", "datetime", "year", "month", "day", "step", "index")
COLUMNS, ROWS, SIDE = 4, 4, 110
COLOURS = ((31, 90, 160), (200, 80, 30), (40, 130, 70), (140, 60, 140), (120, 100, 20), (90, 90, 90))


@dataclass(frozen=True, kw_only=True)
class Series(Dataset):
    """`series`: float32 N x T x C, each channel 0 at the least training value and 1 at the greatest; the held-out ones in order."""

    kind: ClassVar[str] = "time-series"
    output: ClassVar[str] = "series"
    names: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def picture(self, samples: Tensor, path: Path) -> None:
        """Generated series on the left, real ones on the right; a colour for each of the first six channels."""
        real = self.reference["series"]
        chosen = real[np.linspace(0, len(real) - 1, COLUMNS * ROWS).round().astype(int)]
        width = COLUMNS * SIDE
        page = Image.new("RGB", (2 * width + 12, ROWS * SIDE + 20), "white")
        draw = ImageDraw.Draw(page)
        for side, (title, shown) in enumerate((("generated", samples), ("real", chosen))):
            draw.text((side * (width + 12) + 4, 4), f"{title}: {', '.join(self.names[: len(COLOURS)])}"[:70], fill="black")
            for i, one in enumerate(shown[: COLUMNS * ROWS].float().cpu()):
                left, top = side * (width + 12) + i % COLUMNS * SIDE, 20 + i // COLUMNS * SIDE
                draw.rectangle((left + 2, top + 2, left + SIDE - 3, top + SIDE - 3), outline=(210, 210, 210))
                across = np.linspace(left + 4, left + SIDE - 5, len(one))
                for channel, colour in zip(one.T.clamp(-0.1, 1.1), COLOURS, strict=False):
                    down = top + 4 + (SIDE - 9) * (1.1 - channel.numpy()) / 1.2
                    draw.line(list(zip(across.tolist(), down.tolist(), strict=True)), fill=colour, width=2)
        keep(page, path)


def load(recipe: Recipe) -> Series:
    """Raises BadData for an unknown slug, a file that holds no series, or series too short for one window."""
    length, path, skipped = recipe.length or LENGTH, path_of(recipe.dataset), list[str]()
    if not LEAST_LENGTH <= length <= MOST_LENGTH:
        raise BadData(f"a window has {LEAST_LENGTH} to {MOST_LENGTH} steps here, the recipe wants {length}")
    if path is not None and path.suffix == ".npz":
        found = array(path, "series", (2, 3)).astype(np.float64)
        whole = list(found if found.ndim == 3 else found[:, :, None])
        names = tuple(f"channel {i + 1}" for i in range(whole[0].shape[1]))
    elif path is not None:
        names, whole = read(_one(path), skipped)
    elif recipe.dataset in PACKAGED:
        names, whole = PACKAGED[recipe.dataset]()
    else:
        raise BadData(f"data set {recipe.dataset!r} is not known; known are {', '.join(known())}, csv:PATH and npz:PATH")
    if not 1 <= len(names) <= MOST_CHANNELS or sum(one.size for one in whole) > MOST_VALUES:
        raise BadData(
            f"{len(names)} channels, {sum(one.size for one in whole)} values; at most {MOST_CHANNELS} and {MOST_VALUES}"
        )
    if max((float(np.abs(one).max()) for one in whole if one.size), default=0.0) > 1e30:
        raise BadData(f"{recipe.dataset} holds numbers above 1e30")
    if short := sum(len(one) < length for one in whole):
        skipped.append(f"{short} of {len(whole)} stretches are shorter than {length} steps: they are left out")
    pieces = [one for one in whole if len(one) >= length]
    if len(pieces) < 2 * HELD_OUT:
        pieces = [one[at : at + BLOCK * length] for one in pieces for at in range(0, len(one), BLOCK * length)]
        pieces = [one for one in pieces if len(one) >= length]
    held = len(pieces) >= 2 * HELD_OUT
    parts = [[one for i, one in enumerate(pieces) if (held and i % HELD_OUT == 0) is part] for part in (False, True)]
    train = windows(parts[0], length)
    if len(train) < 2:
        raise BadData(
            f"{recipe.dataset} yields {len(train)} windows of {length} steps; two are the least. {' '.join(skipped[:3])}"
        )
    low, high = train.min((0, 1)), train.max((0, 1))
    if (still := low == high).any():
        raise BadData(f"{', '.join(n for n, s in zip(names, still, strict=True) if s)} never changes: leave it out")
    order = np.random.default_rng(0).permutation(len(train))[: recipe.samples]
    fields, reference = (
        {"series": torch.from_numpy(((x - low) / (high - low)).astype(np.float32))}
        for x in (train[order], windows(parts[1], length) if held else train)
    )
    return Series(
        slug=recipe.dataset,
        sha256=hashlib.sha256(b"".join(one.tobytes() for one in whole)).hexdigest(),
        fields=fields,
        streams=(("series",),),
        reference=reference,
        reference_held_out=held,
        skipped=tuple(skipped),
        names=names,
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
    )


def windows(pieces: list[np.ndarray], length: int) -> np.ndarray:
    """N x length x C, one from every step on, in order; every n-th where they would be more than MOST_WINDOWS."""
    starts = [(i, at) for i, one in enumerate(pieces) for at in range(len(one) - length + 1)]
    chosen = starts[:: -(-len(starts) // MOST_WINDOWS) or 1]
    return np.stack([pieces[i][at : at + length] for i, at in chosen]) if chosen else np.empty((0, length, 1))


def read(path: Path, skipped: list[str]) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """Channels and series of a CSV file whose rows are in time order.

    A column named as in IDS, or of words that repeat, says which series a row belongs to; one named as in TIMES, or of words that do
    not repeat, is the time. A row with a missing number ends a series. Raises BadData with line and column.
    """
    names, lines, rows = cells(path)
    columns, of, time = list[int](), list[int](), list[int]()
    for i, own in enumerate(zip(*rows, strict=True)):
        numbers = sum(number(cell) is not None for cell in own) >= 0.9 * sum(cell.lower() not in MISSING for cell in own)
        if names[i].lower() in IDS or (not numbers and names[i].lower() not in TIMES and len(set(own)) < len(own)):
            of.append(i)
        else:
            (time if names[i].lower() in TIMES or not numbers else columns).append(i)
    if len(of) > 1 or not columns:
        raise BadData(
            f"{path.name} has {len(columns)} columns of numbers and {len(of)} that name a series "
            f"({', '.join(names[i] for i in of)}); wanted are one or more, and one at most"
        )
    skipped += [f"column {names[i]!r} is the time: it is not generated" for i in time]
    grown, before = dict[str, list[list[list[float]]]](), dict[str, str]()
    for line, row in zip(lines, rows, strict=True):
        name = row[of[0]] if of else ""
        if len(time) == 1 and name in before and _earlier(row[time[0]], before[name]):
            raise BadData(f"{path.name}, line {line}: {row[time[0]]!r} comes after {before[name]!r}; rows must be in time order")
        before[name] = row[time[0]] if len(time) == 1 else ""
        stretches = grown.setdefault(name, [[]])
        values = [number(row[i]) for i in columns]
        for i, value in zip(columns, values, strict=True):
            if (value is None and row[i].lower() not in MISSING) or value in (float("inf"), float("-inf")):
                raise BadData(f"{path.name}, line {line}, column {names[i]!r}: {row[i][:40]!r} is not a number that can be used")
        if None in values:
            stretches.append([])
        else:
            stretches[-1].append([value for value in values if value is not None])
    whole = [np.array(stretch) for stretches in grown.values() for stretch in stretches if stretch]
    if not whole:
        raise BadData(f"{path.name} has no row without a missing number")
    return tuple(names[i] for i in columns), whole


def _earlier(cell: str, last: str) -> bool:
    """Of two numbers by size, of dates as 2026-11-23 by letters; other spellings are not judged."""
    values = number(cell), number(last)
    if values[0] is not None and values[1] is not None:
        return values[0] < values[1]
    return cell[:4].isdigit() and last[:4].isdigit() and "-" in cell[4:5] and "-" in last[4:5] and cell < last


def _one(path: Path) -> Path:
    found = files(path, (".csv", ".txt"), MOST_BYTES)
    if len(found) > 1:
        raise BadData(f"{path.name} holds {len(found)} CSV files; put them into one, with a column that names the series")
    return found[0]


def _statsmodels(inside: str) -> list[list[str]]:
    spec = importlib.util.find_spec("statsmodels")
    if spec is None or spec.origin is None:
        raise BadData("the package statsmodels that holds this data set is not installed")
    with (Path(spec.origin).parent / "datasets" / inside).open(newline="") as file:
        return list(csv.reader(file))


def _el_nino() -> tuple[tuple[str, ...], list[np.ndarray]]:
    """One series, a value a month."""
    months = [float(cell) for row in _statsmodels("elnino/elnino.csv")[1:] for cell in row[1:]]
    return ("sea surface, C",), [np.array(months)[:, None]]


def _fertility() -> tuple[tuple[str, ...], list[np.ndarray]]:
    """A series of each country, a value a year; a missing year ends it."""
    whole = list[np.ndarray]()
    for row in _statsmodels("fertility/fertility.csv")[1:]:
        ends = [-1, *(i for i, cell in enumerate(row[4:]) if not cell), len(row) - 4]
        whole += [np.array(row[5 + a : 4 + b], float)[:, None] for a, b in pairwise(ends) if b - a > 1]
    return ("births per woman",), whole


PACKAGED = {"el-nino": _el_nino, "fertility": _fertility}
