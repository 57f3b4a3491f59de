"""curves.svg: the metric with its interval, and the losses, over thousands of training samples. Plain SVG, light and dark."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

WIDTH, HEIGHT, LEFT, BOTTOM = 640, 220, 70, 40
STYLE = """
text{font:12px system-ui,sans-serif;fill:#555}.a{stroke:#1b6ac9}.b{stroke:#c2491d}.c{stroke:#3a8f3a}.band{fill:#1b6ac9;opacity:.18}
.line{fill:none;stroke-width:2}.axis{stroke:#999}.ka{fill:#1b6ac9}.kb{fill:#c2491d}.kc{fill:#3a8f3a}
@media(prefers-color-scheme:dark){text{fill:#bbb}.a{stroke:#7ab3ff}.b{stroke:#ff9a6c}.c{stroke:#8fd98f}.band{fill:#7ab3ff}
.ka{fill:#7ab3ff}.kb{fill:#ff9a6c}.kc{fill:#8fd98f}}
"""

Point = tuple[float, float]


def curves(title: str, metric: str, history: Sequence[dict[str, Any]], losses: Sequence[dict[str, Any]]) -> str:
    """An SVG of two panels. `history` rows have kimg, value, low, high; `losses` rows have kimg and one value per player."""
    history = [row for row in history if "value" in row]
    names = sorted({name for row in losses for name in row} - {"kimg"})
    band = [(row["kimg"], row["low"]) for row in history] + [(row["kimg"], row["high"]) for row in reversed(history)]
    measured = {metric: [(row["kimg"], row["value"]) for row in history]}
    played = {name: [(row["kimg"], row[name]) for row in losses if name in row] for name in names}
    last = f"{metric} ends at {history[-1]['value']:.4g} after {history[-1]['kimg']:.1f} kimg." if history else "No figure yet."
    panels = _panel(measured, 0, band) + _panel(played, HEIGHT)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {2 * HEIGHT}" role="img" aria-labelledby="t d">'
        f'<title id="t">{html.escape(title)}</title><desc id="d">{html.escape(last)}</desc><style>{STYLE}</style>{panels}</svg>\n'
    )


def _panel(series: dict[str, list[Point]], top: int, band: Sequence[Point] = ()) -> str:
    """One chart, 220 high, its upper edge at `top`."""
    points = [p for line in series.values() for p in line if math.isfinite(p[1])] + list(band)
    if not points:
        return ""
    right, low, high = max(p[0] for p in points) or 1.0, min(p[1] for p in points), max(p[1] for p in points)
    low, high = min(low, 0.0), high if high > low else low + 1.0

    def place(p: Point) -> str:
        x = LEFT + p[0] / right * (WIDTH - LEFT - 20)
        y = top + HEIGHT - BOTTOM - (p[1] - low) / (high - low) * (HEIGHT - BOTTOM - 30)
        return f"{x:.1f},{y:.1f}"

    floor = top + HEIGHT - BOTTOM
    out = f'<path class="axis" fill="none" d="M{LEFT} {top + 20}V{floor}H{WIDTH - 20}"/>'
    for value in (low, (low + high) / 2, high):
        y = place((0.0, value)).split(",")[1]
        out += f'<text x="{LEFT - 6}" y="{float(y) + 4:.1f}" text-anchor="end">{value:.3g}</text>'
    for kimg in (0.0, right / 2, right):
        x = place((kimg, low)).split(",")[0]
        out += f'<text x="{x}" y="{floor + 16}" text-anchor="middle">{kimg:.3g}</text>'
    out += f'<text x="{(WIDTH + LEFT) / 2}" y="{floor + 32}" text-anchor="middle">kimg</text>'
    if len(band) > 2:
        out += f'<polygon class="band" points="{" ".join(map(place, band))}"/>'
    for i, (name, line) in enumerate(series.items()):
        key = "abc"[i % 3]
        path = " ".join(place(p) for p in line if math.isfinite(p[1]))
        out += f'<polyline class="line {key}" points="{path}"/>'
        out += f'<text class="k{key}" x="{LEFT + 10 + 220 * i}" y="{top + 14}">{html.escape(name)}</text>'
    return out
