"""A race in its rungs: what each run had reached when the worse half stopped, who stopped there and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.dashboard.text import number
from app.vocabulary import Validation


@dataclass(frozen=True)
class Lane:
    """One run: its figure at each rung and at the end, None where it has none, and how far it came."""

    name: str
    architecture: str
    figures: tuple[float | None, ...]
    fate: str
    stopped: bool


def columns(it: Validation) -> list[str]:
    """The share of the budget at each rung, then the end."""
    return [f"At {number(100 * r['share'])} %" for r in it.plan.get("rungs", ())] + ["At the end"]


def lanes(it: Validation, newest: Mapping[str, float]) -> list[Lane]:
    """The runs that race, best first once that is known. `newest` is the last figure of each run; it stands in the last column
    until the report says more. Empty where nobody is halved."""
    if not it.plan.get("rungs"):
        return []
    found = [_lane(it, run, newest.get(run["name"])) for run in it.plan["runs"] if run["name"] != "baseline"]
    better = 1.0 if it.plan["direction"] == "min" else -1.0

    def place(lane: Lane) -> tuple[float, float]:
        reached = [figure for figure in lane.figures if figure is not None]
        return -len(reached) if it.report else 0.0, better * reached[-1] if reached else float("inf")

    return sorted(found, key=place)


def _lane(it: Validation, run: Mapping[str, Any], newest: float | None) -> Lane:
    name, stages = run["name"], (it.report or {}).get("rungs", ())
    figures = [stage["figures"].get(name) for stage in stages]
    fate, stopped = _fate(name, stages)
    if stages:
        final = None if stopped else newest
    else:
        figures, final = [None] * len(it.plan["rungs"]), newest
        fate = "has not begun" if newest is None else "races" if not it.done else ""
    return Lane(name, run["architecture"], (*figures, final), fate, stopped)


def _fate(name: str, stages: Iterable[Mapping[str, Any]]) -> tuple[str, bool]:
    for stage in stages:
        for one in stage["stopped"]:
            if one["run"] == name:
                return f"stopped at {number(100 * stage['share'])} %: {one['because']}", True
    return ("always goes on: the verdict is about it" if name == "candidate" else "went on to the end"), False
