"""The page of the advisor's own record: how often it named the best, beside four simple rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise

from fastapi import APIRouter, Request, Response

from app.dashboard.charts import AXIS, opening
from app.dashboard.render import Page, page
from app.dashboard.text import words
from app.recommend.record import ENOUGH
from app.vocabulary import Backtest, Knowledge, Tested

router = APIRouter(route_class=Page, include_in_schema=False)

NAMES = {
    "advisor": "Advisor",
    "newest": "Newest",
    "most_reported": "Most reported",
    "additive": "Additive model",
    "random": "At random",
}
SHAPES = ("●", "▲", "■", "◆", "×")
ROW = 46


@router.get("/record")
def record_page(request: Request) -> Response:
    """Table and chart of the backtest."""
    knowledge: Knowledge = request.app.state.knowledge
    found = knowledge.backtest
    if found is None:
        return page(request, "record.html", it=None)
    parts = parts_of(found)
    return page(
        request,
        "record.html",
        it=found,
        names=NAMES,
        rule=max((n for n in NAMES if n not in ("advisor", "random")), key=lambda n: found.right[n]),
        parts=parts,
        few=[name for name, part in parts if part.groups < ENOUGH],
        chart=chart(parts),
        share=lambda value: "" if value is None else f"{100 * value:.0f} %",
    )


def parts_of(found: Backtest) -> list[tuple[str, Tested]]:
    """All tasks together, then each, the most cases first."""
    tasks = sorted(found.by_task.items(), key=lambda item: (-item[1].groups, item[0]))
    return [("All tasks", found), *((words(task).capitalize(), part) for task, part in tasks)]


def chart(parts: Sequence[tuple[str, Tested]]) -> str:
    """A row for each task: the share of cases in which each method named the best, told apart by shape and colour."""
    height = ROW * len(parts) + AXIS
    said = "; ".join(f"{name}: {_shares(part.right, part.groups)}" for name, part in parts)
    out = [opening("dots", height, "Share of cases in which the best was named", said)]
    for tick in (0, 25, 50, 75, 100):
        x = f"{_x(tick / 100):.2f}%"
        out.append(f'<line class="g" x1="{x}" x2="{x}" y1="0" y2="{height - AXIS + 4}"/>')
        out.append(f'<text class="m" x="{x}" y="{height - 8}" text-anchor="middle">{tick} %</text>')
    for place, (name, part) in enumerate(parts):
        top = ROW * place
        right = f"{part.right['advisor']:.0f} of {part.groups}"
        out.append(f'<text class="t" x="0" y="{top + 16}">{escape(name)}</text>')
        out.append(f'<text class="m" x="100%" y="{top + 16}" text-anchor="end">{right}</text>')
        out.append(f'<line class="g" x1="{_x(0):.2f}%" x2="{_x(1):.2f}%" y1="{top + 32}" y2="{top + 32}"/>')
        shares = [part.methods[method].top1 or 0.0 for method in NAMES]
        for number, (share, aside) in enumerate(zip(shares, _asides(shares), strict=True)):
            middle = 'text-anchor="middle" dominant-baseline="central"'
            out.append(
                f'<text class="d{number}" x="{_x(share):.2f}%" dx="{aside}" y="{top + 32}" {middle}>{SHAPES[number]}</text>'
            )
    return "".join(out) + "</svg>"


def _asides(shares: Sequence[float]) -> list[int]:
    """Pixels to the side for those that would lie on another: to the right, but to the left where the picture ends."""
    asides = [0] * len(shares)
    for before, here in pairwise(sorted(range(len(shares)), key=lambda i: (shares[i], i))):
        if shares[here] - shares[before] < 0.015:
            asides[here] = asides[before] + (13 if shares[here] < 0.8 else -13)
    return asides


def _x(share: float) -> float:
    return 3 + 94 * share


def _shares(right: Mapping[str, float], groups: int) -> str:
    return ", ".join(f"{NAMES[method].lower()} {right[method]:.0f} of {groups}" for method in NAMES)
