"""Successive halving among those that race (Karnin et al. 2013, Algorithm 3; Jamieson and Talwalkar 2016). Pure.

At each rung everyone still in the race has spent the same part of its budget; the better half goes on. The candidate always does, for
the verdict is about it, so halving chooses which runner-up may still beat it. Two are never halved.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

Figures = Mapping[str, Mapping[str, Any] | None]
"""Name of a run -> its report at a rung; None where it diverged."""


def rungs(racing: int) -> list[dict[str, Any]]:
    """Share of the budget and number that goes on, for each rung before the end; each doubles the share of the one before."""
    kept = []
    while racing > 2:
        racing = max(2, math.ceil(racing / 2))
        kept.append(racing)
    return [{"share": 2.0 ** (place - len(kept)), "keep": keep} for place, keep in enumerate(kept)]


def whole_runs(racing: int) -> float:
    """How many whole budgets the race takes: 3 for 4 that race, 4 for 8."""
    total, before = 0.0, 0.0
    for rung in [*rungs(racing), {"share": 1.0, "keep": 0}]:
        total += racing * (rung["share"] - before)
        racing, before = rung["keep"], rung["share"]
    return total


def cut(plan: Mapping[str, Any], rung: Mapping[str, Any], at: Figures) -> dict[str, Any]:
    """Who stops at a rung and why, for the report; `kept` names those who go on, in the plan's order."""
    better = -1.0 if plan["direction"] == "min" else 1.0
    architectures = {run["name"]: run["architecture"] for run in plan["runs"]}
    values = {name: report["metric"]["last"]["value"] for name, report in at.items() if report is not None}
    others = sorted((name for name in values if name != "candidate"), key=lambda name: -better * values[name])
    going_on = {"candidate", *others[: rung["keep"] - 1]}
    stopped = []
    for name in at:
        if name not in values:
            because = "it diverged"
        elif name in going_on:
            continue
        else:
            better_ones = others[: rung["keep"] - 1]
            because = f"{_joined(architectures[n] for n in better_ones)} {'was' if len(better_ones) == 1 else 'were'} better"
        stopped.append({"run": name, "architecture": architectures[name], "value": values.get(name), "because": because})
    return {
        "share": rung["share"],
        "figures": {name: values.get(name) for name in at},
        "kept": [name for name in at if name in values and name in going_on],
        "stopped": stopped,
    }


def legs(plan: Mapping[str, Any]) -> Sequence[tuple[float, float, int]]:
    """(from, to, runs) in shares of the budget: the stretches that the race is planned in, without the baseline."""
    found, before, racing = [], 0.0, len(plan["runs"]) - 1
    for rung in [*plan.get("rungs", ()), {"share": 1.0, "keep": 0}]:
        found.append((before, rung["share"], racing))
        before, racing = rung["share"], rung["keep"]
    return found


def _joined(words: Any) -> str:
    return " and ".join(words)
