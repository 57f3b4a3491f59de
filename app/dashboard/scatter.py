"""Quality against GPU-hours as SVG: the rank of each candidate with its interval, and a line through those that none beats on both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from app.dashboard.charts import Scale, apart, opening
from app.dashboard.text import hours, number

HEIGHT, FOOT = 260, 40
LEFT, RIGHT = 9.0, 4.0
"""Per cent of the width beside the field."""
_DOT = 9
_NEAR = 5.0
"""Per cent of the width within which the dots of two points may touch on a phone."""


@dataclass(frozen=True)
class Point:
    """A candidate: GPU-hours, the expected figure and its interval."""

    rank: int
    name: str
    x: float
    y: float
    low: float | None
    high: float | None


def undominated(points: Sequence[Point], *, lower: bool) -> list[Point]:
    """The Pareto frontier, cheapest first: no other is both cheaper and better."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda p: (p.x, p.y if lower else -p.y)):
        if not kept or (point.y < kept[-1].y if lower else point.y > kept[-1].y):
            kept.append(point)
    return kept


def frontier(points: Sequence[Point], *, lower: bool, limit: float | None, title: str, desc: str) -> str:
    """Better is up whatever the metric's direction; `limit` are the GPU-hours of the budget."""
    across = Scale(*_wider([p.x for p in points] + ([limit] if limit else []), 1.5))
    values = [v for p in points for v in (p.y, p.low, p.high) if v is not None]
    up, inner = Scale(min(values), max(values)), HEIGHT - FOOT

    def x(value: float) -> str:
        return f"{LEFT + (100 - LEFT - RIGHT) * across(value):.2f}%"

    def y(value: float) -> str:
        share = up(value)
        return f"{10 + (inner - 14) * (share if lower else 1 - share):.1f}"

    out = [opening("frontier", HEIGHT, title, desc)]
    for tick in up.ticks(4):
        out.append(f'<line class="g" x1="{LEFT}%" x2="100%" y1="{y(tick)}" y2="{y(tick)}"/>')
        out.append(f'<text class="m" x="{LEFT - 1}%" y="{float(y(tick)) + 4:.1f}" text-anchor="end">{number(tick)}</text>')
    out += [f'<text class="m" x="{x(tick)}" y="{inner + 14}" text-anchor="middle">{hours(tick)}</text>' for tick in apart(across)]
    out.append(f'<text class="m" x="100%" y="{HEIGHT - 6}" text-anchor="end">GPU-hours of a whole training</text>')
    if limit:
        out.append(f'<line class="mark-line" x1="{x(limit)}" x2="{x(limit)}" y1="0" y2="{inner}"/>')
        side, anchor = (-0.6, "end") if across(limit) > 0.5 else (0.6, "start")
        at = float(x(limit)[:-1]) + side
        out.append(f'<text class="m" x="{at:.2f}%" y="{inner - 4}" text-anchor="{anchor}">budget</text>')
    best = undominated(points, lower=lower)
    out += [f'<line class="edge" x1="{x(a.x)}" y1="{y(a.y)}" x2="{x(b.x)}" y2="{y(b.y)}"/>' for a, b in pairwise(best)]
    taken: list[tuple[float, float]] = []
    for p in sorted(points, key=lambda p: p.rank):
        if p.low is not None and p.high is not None:
            out.append(f'<line class="i thin" x1="{x(p.x)}" x2="{x(p.x)}" y1="{y(p.low)}" y2="{y(p.high)}"/>')
        left, top = float(x(p.x)[:-1]), float(y(p.y))
        aside = 2 * _DOT * sum(abs(left - x0) < _NEAR and abs(top - y0) < 2 * _DOT for x0, y0 in taken)
        taken.append((left, top))
        out.append(f'<svg x="{x(p.x)}" y="{y(p.y)}"><title>{escape(p.name)}</title><circle class="p" cx="{-aside}" r="{_DOT}"/>')
        out.append(f'<text class="on" x="{-aside}" y="4.5" text-anchor="middle">{p.rank}</text></svg>')
    return "".join(out) + "</svg>"


def _wider(values: Sequence[float], factor: float) -> tuple[float, float]:
    return min(values) / factor, max(values) * factor
