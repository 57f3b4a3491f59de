"""Rows a second of CTGAN through our loop, as a ratio to the package `ctgan`, where that is installed; it is no dependency of ours.

Both at the published setting (two networks of 256 x 256, batch 500, packs of 10) on the same table, one thread, in turns. The package's
time is that of a fit with more epochs less that of a fit with one: the fitting of its columns is not counted, nor is ours.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from typing import Any

from benchmarks.learning import RACES
from benchmarks.plain import CPU, timed
from models.contract import Recipe
from models.data import load
from models.data.table import Table, written
from models.game import Game
from models.hardware import settle
from models.networks import build, ctgan

TURNS, EPOCHS = 3, 4


def main() -> None:
    """Prints rows a second of both, and their ratio."""
    if importlib.util.find_spec("ctgan") is None:
        print("the package ctgan is not installed: nothing to compare with")
        return
    settle(0, 1)
    task, dataset = RACES["ctgan"]
    one = Recipe(architecture="ctgan", task=task, dataset=dataset, **ctgan.DEFAULTS)
    data = load(one)
    assert isinstance(data, Table)
    game = Game(build(one, data), one, data, CPU)
    game.begin()
    rows = len(data.fields["row"])
    steps = EPOCHS * max(1, rows // one.batch_size)
    timed(game.play, 5)
    table, words = frame(data)
    ours, theirs = [], []
    for _ in range(TURNS):
        ours.append(timed(game.play, steps) / (steps * one.batch_size))
        theirs.append(epochs(table, words, EPOCHS) / (EPOCHS * rows))
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    print(f"CTGAN on {rows:,} rows of {len(data.columns)} columns: {1 / statistics.median(ours):,.0f} rows/s,", end=" ")
    print(f"the package {1 / statistics.median(theirs):,.0f}, ratio {ratio:.2f}")


def frame(data: Table) -> tuple[Any, list[str]]:
    """The table as the package takes it, and its columns of words."""
    import pandas

    rows = data.fields["row"].tolist()
    words = [column.name for column in data.columns if column.categories]
    cells = {c.name: [written(row[i], c) if c.categories else row[i] for row in rows] for i, c in enumerate(data.columns)}
    return pandas.DataFrame(cells), words


def epochs(table: Any, words: list[str], more: int) -> float:
    """Seconds that so many epochs of the package take."""
    from ctgan import CTGAN

    taken = []
    for count in (1, 1 + more):
        began = time.perf_counter()
        CTGAN(epochs=count, enable_gpu=False).fit(table, words)
        taken.append(time.perf_counter() - began)
    return taken[1] - taken[0]


if __name__ == "__main__":
    main()
