"""Charts as SVG text. Widths are per cent and heights pixels, so one drawing serves a phone and a wide screen at one text size.

Colours come from the classes of style.css inside a page; `alone()` adds what a file of its own needs, in light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from app.dashboard.text import number

ROW = 44
AXIS = 26
PALETTE = 8
"""Series colours in style.css; more series repeat them with a dash."""

_ALONE = """<style>svg{font:13px system-ui,sans-serif;color:#1b1f23;background:#fff}.t{fill:currentColor}.m{fill:#5b6570}
.g{stroke:#dde1e5}.i{stroke:#0a6b8a;stroke-width:3;stroke-linecap:round}.p{fill:#0a6b8a}.r1 .t{font-weight:600}
.thin{stroke-width:1.5;opacity:.5}.on{fill:#fff;font-weight:600}.mark-line,.edge{stroke:#5b6570;stroke-dasharray:3 3}
@media(prefers-color-scheme:dark){svg{color:#e6e8ea;background:#14171a}.m{fill:#9aa4ae}.g{stroke:#333a41}.i{stroke:#6cc3e0}.p{fill:#6cc3e0}.on{fill:#14171a}.mark-line,.edge{stroke:#9aa4ae}}
</style>"""


@dataclass(frozen=True)
class Bar:
    """One row of an interval plot."""

    label: str
    expected: float
    low: float
    high: float


@dataclass(frozen=True)
class Series:
    """One line of a curve; points are (x, y), with NaN left out."""

    name: str
    points: Sequence[tuple[float, float]]


class Scale:
    """Maps values to per cent of the width; logarithmic where all are positive and they span more than a factor of 20."""

    def __init__(self, low: float, high: float, *, from_zero: bool = False) -> None:
        self.log = low > 0 and high / low > 20
        if from_zero and not self.log:
            low = min(low, 0.0)
        if high <= low:
            low, high = low - (abs(low) * 0.1 or 1.0), high + (abs(high) * 0.1 or 1.0)
        self.low, self.high = low, high

    def __call__(self, value: float) -> float:
        """0 to 1."""
        if self.log:
            return math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self, count: int = 4) -> list[float]:
        """Round values inside the range."""
        if self.log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            steps = (1, 2, 5) if len(powers) < 4 else (1,)
            return [s * 10.0**p for p in powers for s in steps if self.low <= s * 10.0**p <= self.high]
        rough = (self.high - self.low) / count
        magnitude = 10.0 ** math.floor(math.log10(rough))
        step = next(s * magnitude for s in (1, 2, 2.5, 5, 10) if s * magnitude >= rough)
        first = math.ceil(self.low / step - 1e-9)
        return [round(i * step, 12) for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


def intervals(bars: Sequence[Bar], *, title: str, desc: str, marks: Sequence[float] = ()) -> str:
    """Rows of one shared axis: a line from low to high, a dot at the expected value. `marks` are dashed lines down all rows."""
    scale = Scale(min([b.low for b in bars] + list(marks)), max([b.high for b in bars] + list(marks)))

    def x(value: float) -> str:
        return f"{2 + 96 * scale(value):.2f}%"

    height = ROW * len(bars) + AXIS
    out = [opening("intervals", height, title, desc)]
    for tick in apart(scale):
        out.append(f'<line class="g" x1="{x(tick)}" x2="{x(tick)}" y1="0" y2="{height - AXIS + 4}"/>')
        out.append(f'<text class="m" x="{x(tick)}" y="{height - 8}" text-anchor="middle">{number(tick)}</text>')
    out += [f'<line class="mark-line" x1="{x(m)}" x2="{x(m)}" y1="22" y2="{height - AXIS + 4}"/>' for m in marks]
    for place, bar in enumerate(bars):
        top = ROW * place
        said = f"{number(bar.expected)} ({number(bar.low)} to {number(bar.high)})"
        out.append(f'<g class="r{place + 1}"><text class="t" x="0" y="{top + 17}">{escape(_cut(bar.label))}</text>')
        out.append(f'<text class="m" x="100%" y="{top + 17}" text-anchor="end">{escape(said)}</text>')
        out.append(f'<line class="i" x1="{x(bar.low)}" x2="{x(bar.high)}" y1="{top + 30}" y2="{top + 30}"/>')
        out.append(f'<circle class="p" cx="{x(bar.expected)}" cy="{top + 30}" r="5"/></g>')
    return "".join(out) + "</svg>"


def _cut(label: str, most: int = 27) -> str:
    """Short enough to leave the figure its place on a phone; what stands in brackets goes first."""
    label = label if len(label) <= most else label.partition(" (")[0]
    return label if len(label) <= most else label[: most - 1].rstrip() + "…"


def apart(scale: Scale, least: float = 0.12) -> list[float]:
    """Ticks whose labels do not touch, nor leave the picture."""
    kept: list[float] = []
    for tick in scale.ticks():
        if 0.02 <= scale(tick) <= 0.98 and (not kept or scale(tick) - scale(kept[-1]) >= least):
            kept.append(tick)
    return kept


def against(low: float | None, expected: float, high: float | None, limit: float | None, *, label: str) -> str:
    """A bar from 0 to the expected value with its interval, and the limit as a tick; class `over` beyond the limit."""
    top = max(value for value in (expected, high, limit and limit * 1.15) if value is not None) or 1.0

    def x(value: float) -> str:
        return f"{100 * min(max(value / top, 0), 1):.2f}%"

    over = " over" if limit is not None and expected > limit else ""
    out = [f'<svg class="against{over}" role="img" aria-label="{escape(label)}" width="100%" height="14">']
    out.append(
        f'<rect class="track" width="100%" height="6" y="4" rx="3"/><rect class="fill" width="{x(expected)}" height="6" y="4" rx="3"/>'
    )
    if low is not None and high is not None:
        out.append(f'<line class="i" x1="{x(low)}" x2="{x(high)}" y1="7" y2="7"/>')
    if limit is not None:
        out.append(f'<line class="limit" x1="{x(limit)}" x2="{x(limit)}" y1="0" y2="14"/>')
    return "".join(out) + "</svg>"


def curves(series: Sequence[Series], *, title: str, desc: str, height: int = 200) -> str:
    """Lines over a shared axis; a series of one point is a level, dashed. The lines stretch, the text does not."""
    points = [p for s in series for p in s.points]
    across = Scale(0.0, max((x for x, _ in points), default=1.0) or 1.0)
    up = Scale(min((y for _, y in points), default=0.0), max((y for _, y in points), default=1.0), from_zero=True)
    inner = height - AXIS - 6
    out = [opening("curves", height, title, desc)]
    for tick in up.ticks(3):
        y = 8 + inner * (1 - up(tick))
        out.append(f'<line class="g" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>')
        out.append(f'<text class="m" x="0" y="{y - 3:.1f}">{number(tick)}</text>')
    out += [
        f'<text class="m" x="{100 * across(tick):.2f}%" y="{height - 6}" text-anchor="middle">{number(tick)}</text>'
        for tick in apart(across)
    ]
    out.append(f'<svg x="0" y="8" width="100%" height="{inner}" viewBox="0 0 1000 {inner}" preserveAspectRatio="none">')
    for place, line in enumerate(series):
        level = len(line.points) == 1
        drawn = [(0.0, line.points[0][1]), (across.high, line.points[0][1])] if level else line.points
        at = " ".join(f"{1000 * across(x):.1f},{inner * (1 - up(y)):.1f}" for x, y in drawn)
        out.append(f'<polyline class="s{place % PALETTE}{" level" if level else ""}" points="{at}"/>')
    return "".join(out) + "</svg></svg>"


def opening(kind: str, height: int, title: str, desc: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{kind}" role="img" width="100%" height="{height}">'
        f"<title>{escape(title)}</title><desc>{escape(desc)}</desc>"
    )


def alone(svg: str) -> str:
    """The same drawing as a file of its own, with its colours."""
    return svg.replace("<title>", _ALONE + "<title>", 1)
