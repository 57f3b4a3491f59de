"""The map of winners as SVG: one colour and one letter for each architecture, so that neither is needed alone."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from html import escape

from app.dashboard.charts import opening
from app.vocabulary import MapAxis, WinnerMap

ROW = 17
LEFT = 12.0
"""Per cent of the width that the labels of the y axis take."""
FOOT, HEAD, LEGEND = 40, 22, 22
COLOURS = 7
"""Fills in style.css, safe for the colour-blind; more architectures repeat them under letters of their own."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TOUCHING = 3
"""Cells of a region that get a letter."""
_UNITS = {"samples": "samples", "resolution": "resolution, px", "memory_gb": "memory of one GPU, GB", "gpu_hours": "GPU hours"}
STYLE = """<style>svg{font:13px system-ui,sans-serif;color:#1b1f23;background:#fff}.t,.k{fill:#1b1f23}.m{fill:#5b6570}.b{stroke:#1b1f23}
.w0{fill:#9cc9e6}.w1{fill:#f3c774}.w2{fill:#8ed3ba}.w3{fill:#e7bdd4}.w4{fill:#f6b48c}.w5{fill:#f5ee9e}.w6{fill:#c3c8ce}.none{fill:none}
.here{fill:#fff;stroke:#1b1f23;stroke-width:3}
@media(prefers-color-scheme:dark){svg{color:#e6e8ea;background:#14171a}.t,.k{fill:#f2f4f5}.m{fill:#9aa4ae}.b{stroke:#e6e8ea}
.w0{fill:#12577f}.w1{fill:#855a00}.w2{fill:#0a5f48}.w3{fill:#7a3f60}.w4{fill:#8a3c0c}.w5{fill:#66601a}.w6{fill:#474f57}.here{fill:#14171a;stroke:#fff}}
</style>"""


def drawn(found: WinnerMap, *, legend: bool) -> str:
    """The map; `legend` adds the names below, for a picture that stands alone."""
    order = {winner.architecture: place for place, winner in enumerate(found.winners)}
    rows, columns = len(found.cells), len(found.cells[0])
    inner = ROW * rows
    width = (100 - LEFT) / columns
    shown = [[-1 if cell is None else order[cell] for cell in row] for row in reversed(found.cells)]
    height = HEAD + inner + FOOT + (LEGEND * (len(found.winners) + 1) if legend else 0)
    out = [opening("map", height, "Who is first", _said(found))]
    out.append(f'<text class="m" x="0" y="14">{_UNITS[_field(found.y)]}</text>')
    for top, row in enumerate(shown):
        for start, end, winner in _runs(row):
            kind = "none" if winner < 0 else f"w{winner % COLOURS}"
            out.append(
                f'<rect class="{kind}" x="{LEFT + start * width:.2f}%" y="{HEAD + ROW * top}" '
                f'width="{(end - start) * width:.2f}%" height="{ROW}" shape-rendering="crispEdges"/>'
            )
    out += _borders(shown, width)
    for row_of, column, winner in _centres(shown):
        x, y = LEFT + (column + 0.5) * width, HEAD + ROW * (row_of + 0.5)
        out.append(f'<text class="k" x="{x:.2f}%" y="{y + 4.5:.1f}" text-anchor="middle">{_letter(winner)}</text>')
    out += _labels(found, width, inner)
    if found.x.at is not None and found.y.at is not None:
        x, y = LEFT + (_place(found.x, found.x.at) + 0.5) * width, HEAD + inner - ROW * (_place(found.y, found.y.at) + 0.5)
        out.append(f'<circle class="here" cx="{x:.2f}%" cy="{y:.1f}" r="6"><title>your task</title></circle>')
    if legend:
        out += _legend(found, HEAD + inner + FOOT)
    return "".join(out) + "</svg>"


def _labels(found: WinnerMap, width: float, inner: int) -> Iterator[str]:
    last = -math.inf
    for value in _ticks(found.x):
        x = LEFT + (_place(found.x, value) + 0.5) * width
        if x - last >= 11:
            last = x
            at, anchor = (f"{x:.2f}%", "middle") if x < 97 else ("100%", "end")
            yield f'<text class="m" x="{at}" y="{HEAD + inner + 16}" text-anchor="{anchor}">{_short(value)}</text>'
    for value in _ticks(found.y):
        y = HEAD + inner - ROW * (_place(found.y, value) + 0.5)
        yield f'<text class="m" x="{LEFT - 1}%" y="{y + 4:.1f}" text-anchor="end">{_short(value)}</text>'
    yield f'<text class="m" x="100%" y="{HEAD + inner + 33}" text-anchor="end">{_UNITS[_field(found.x)]}</text>'


def _legend(found: WinnerMap, top: int) -> Iterator[str]:
    for place, winner in enumerate(found.winners):
        y = top + LEGEND * place
        yield f'<rect class="w{place % COLOURS}" x="0" y="{y}" width="20" height="16"/>'
        yield f'<text class="k" x="10" y="{y + 13}" text-anchor="middle">{_letter(place)}</text>'
        yield f'<text class="t" x="28" y="{y + 13}">{escape(winner.name)}</text>'
    said = "The circle is the task." if found.x.at is not None and found.y.at is not None else ""
    empty = " Empty: no recommendation." if any(cell is None for row in found.cells for cell in row) else ""
    yield f'<text class="m" x="0" y="{top + LEGEND * len(found.winners) + 13}">{said}{empty}</text>'


def legend_of(found: WinnerMap) -> list[tuple[str, str, str, str, int, tuple[str, ...]]]:
    """(class, letter, slug, name, per cent of the cells, figures) of every winner, for a legend in HTML."""
    cells = len(found.cells) * len(found.cells[0])
    return [
        (f"w{place % COLOURS}", _letter(place), w.architecture, w.name, round(100 * w.cells / cells), w.benchmark_ids)
        for place, w in enumerate(found.winners)
    ]


def _said(found: WinnerMap) -> str:
    shares = ", ".join(f"{letter} {name} {share} %" for _, letter, _, name, share, _ in legend_of(found))
    return f"By {_UNITS[_field(found.x)]} across and {_UNITS[_field(found.y)]} upwards. Share of the map: {shares or 'none is first'}."


def _letter(place: int) -> str:
    return LETTERS[place] if place < len(LETTERS) else f"{LETTERS[place % 26]}{place // 26}"


def _field(axis: MapAxis) -> str:
    return axis.pointer.rsplit("/", 1)[1]


def _runs(row: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """(start, end, winner) of neighbours with one winner."""
    start = 0
    for end in range(1, len(row) + 1):
        if end == len(row) or row[end] != row[start]:
            yield start, end, row[start]
            start = end


def _borders(shown: Sequence[Sequence[int]], width: float) -> Iterator[str]:
    """Lines between cells of different winners, joined where they go on."""
    rows, columns = len(shown), len(shown[0])
    for column in range(1, columns):
        for start, end, apart in _runs([int(row[column - 1] != row[column]) for row in shown]):
            if apart:
                x = f"{LEFT + column * width:.2f}%"
                yield f'<line class="b" x1="{x}" x2="{x}" y1="{HEAD + ROW * start}" y2="{HEAD + ROW * end}"/>'
    for row in range(1, rows):
        for start, end, apart in _runs([int(a != b) for a, b in zip(shown[row - 1], shown[row], strict=True)]):
            if apart:
                y = HEAD + ROW * row
                yield f'<line class="b" x1="{LEFT + start * width:.2f}%" x2="{LEFT + end * width:.2f}%" y1="{y}" y2="{y}"/>'


def _centres(shown: Sequence[Sequence[int]]) -> Iterator[tuple[int, int, int]]:
    """(row, column, winner) of the cell nearest to the middle of every region of some size."""
    seen: set[tuple[int, int]] = set()
    for row in range(len(shown)):
        for column in range(len(shown[0])):
            winner, region, ahead = shown[row][column], [], [(row, column)]
            while ahead:
                here = ahead.pop()
                if here in seen or not (0 <= here[0] < len(shown) and 0 <= here[1] < len(shown[0])):
                    continue
                if shown[here[0]][here[1]] == winner:
                    seen.add(here)
                    region.append(here)
                    ahead += [(here[0] + 1, here[1]), (here[0] - 1, here[1]), (here[0], here[1] + 1), (here[0], here[1] - 1)]
            if winner >= 0 and len(region) >= _TOUCHING:
                middle = [sum(axis) / len(region) for axis in zip(*region, strict=True)]
                nearest = min(region, key=lambda cell: (cell[0] - middle[0]) ** 2 + (cell[1] - middle[1]) ** 2)
                yield (*nearest, winner)


def _place(axis: MapAxis, value: float) -> float:
    """Where a value lies among those of the axis, in cells, even on a log scale between two."""
    values = axis.values
    below = min(max(bisect_right(values, value) - 1, 0), len(values) - 2)
    return below + math.log(value / values[below]) / math.log(values[below + 1] / values[below])


def _ticks(axis: MapAxis) -> list[float]:
    """Round values on the axis."""
    if len(axis.values) <= 8:
        return list(axis.values)
    low, high = axis.values[0], axis.values[-1]
    powers = [10.0**p for p in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    steps = (1, 2, 5) if high / low < 50 else (1,)
    return [s * p for p in powers for s in steps if low <= s * p <= high]


def _short(value: float) -> str:
    """`10k`, `1M`: what fits beside an axis."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if value >= size and value % (size / 10) == 0:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
