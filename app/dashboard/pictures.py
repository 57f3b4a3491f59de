"""What can be drawn of an answer: each picture as SVG text and as a Vega-Lite document, from the same rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.dashboard.charts import Bar, intervals
from app.dashboard.scatter import Point, frontier
from app.dashboard.text import gigabytes, hours, number
from app.vocabulary import Candidate, Direction, Knowledge, Recommendation

Drawing = Callable[[Recommendation, Knowledge], str | None]
Document = Callable[[Recommendation, Knowledge], dict[str, Any] | None]
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"


@dataclass(frozen=True)
class Embed:
    """One picture: as SVG text, and as a Vega-Lite document; None where the answer has nothing to draw."""

    svg: Drawing
    vega: Document


def lower_is_better(candidate: Candidate, knowledge: Knowledge) -> bool:
    known = knowledge.metrics.get(candidate.quality.metric)
    return known is None or known.direction is Direction.MIN


def alike(answer: Recommendation) -> list[Candidate]:
    """The candidates whose figure is expected on the yardstick of the first."""
    first = answer.candidates[:1]
    return [c for c in answer.candidates if c.quality.expected is not None and c.quality.yardstick == first[0].quality.yardstick]


def answer_chart(answer: Recommendation, knowledge: Knowledge) -> str | None:
    """The candidates of the first one's yardstick as intervals; None where no candidate has a figure to expect."""
    shown = alike(answer)
    bars = [
        Bar(f"{c.rank}  {c.name}", c.quality.expected, c.quality.low, c.quality.high)
        for c in shown
        if c.quality.expected is not None and c.quality.low is not None and c.quality.high is not None
    ]
    if not bars:
        return None
    said = "; ".join(f"{b.label} {number(b.expected)}, {number(b.low)} to {number(b.high)}" for b in bars)
    return intervals(
        bars, title="Expected figure of each candidate with its 80 % interval", desc=f"{axis_of(shown[0], knowledge)}. {said}."
    )


def metric_name(first: Candidate, knowledge: Knowledge) -> str:
    known = knowledge.metrics.get(first.quality.metric)
    return known.name if known else first.quality.metric


def axis_of(first: Candidate, knowledge: Knowledge) -> str:
    """Metric, the yardstick and the metric's direction."""
    known = knowledge.metrics.get(first.quality.metric)
    way = "" if known is None else ", lower is better" if known.direction is Direction.MIN else ", higher is better"
    return f"{metric_name(first, knowledge)} on {first.quality.yardstick}{way}"


# ------------------------------------------------------------------ quality against GPU-hours


def points_of(answer: Recommendation) -> list[Point]:
    """GPU-hours and expected figure of each candidate that has both."""
    return [
        Point(c.rank, c.name, c.cost.gpu_hours.expected, c.quality.expected, c.quality.low, c.quality.high)
        for c in alike(answer)
        if c.cost.gpu_hours.expected is not None and c.quality.expected is not None
    ]


def frontier_chart(answer: Recommendation, knowledge: Knowledge) -> str | None:
    """What more GPU-hours buy; None where fewer than two candidates have both figures."""
    points = points_of(answer)
    if len(points) < 2:
        return None
    first = answer.candidates[0]
    said = "; ".join(f"{p.name} {number(p.y)} in {hours(p.x)}" for p in points)
    return frontier(
        points,
        lower=lower_is_better(first, knowledge),
        limit=answer.task.budget.gpu_hours,
        title="Expected figure against GPU-hours",
        desc=f"{axis_of(first, knowledge)}. {said}.",
    )


def _frontier_vega(answer: Recommendation, knowledge: Knowledge) -> dict[str, Any] | None:
    points = points_of(answer)
    if len(points) < 2:
        return None
    values = [{"architecture": p.name, "gpu_hours": p.x, "expected": p.y, "low": p.low, "high": p.high} for p in points]
    x = {"field": "gpu_hours", "type": "quantitative", "title": "GPU-hours", "scale": {"type": "log"}}
    y = {"field": "expected", "type": "quantitative", "title": axis_of(answer.candidates[0], knowledge), "scale": {"zero": False}}
    rule = {"mark": "rule", "encoding": {"x": x, "y": {"field": "low", "type": "quantitative"}, "y2": {"field": "high"}}}
    text = {"mark": {"type": "text", "dx": 8, "align": "left"}, "encoding": {"x": x, "y": y, "text": {"field": "architecture"}}}
    return _document("Expected figure against GPU-hours", values, [rule, {"mark": "point", "encoding": {"x": x, "y": y}}, text])


# ------------------------------------------------------------------ the ranking, memory, and what the score is made of


def _ranking_vega(answer: Recommendation, knowledge: Knowledge) -> dict[str, Any] | None:
    shown = alike(answer) if answer.candidates else []
    if not shown:
        return None
    values = [
        {"rank": c.rank, "architecture": c.name, "expected": c.quality.expected, "low": c.quality.low, "high": c.quality.high}
        for c in shown
    ]
    return _intervals("Expected figure of each candidate, 80 % interval", values, axis_of(shown[0], knowledge))


def memory_chart(answer: Recommendation, knowledge: Knowledge) -> str | None:
    """Peak memory of each candidate in GB, and the memory there is."""
    rows = _memory(answer)
    bars = [Bar(f"{r['rank']}  {r['architecture']}", r["expected"], r["low"], r["high"]) for r in rows]
    if not bars:
        return None
    room = room_gb(answer, knowledge)
    said = "; ".join(f"{bar.label} {gigabytes(bar.expected * 1e9)}" for bar in bars)
    limit = f" The GPU has {room:g} GB." if room else ""
    return intervals(bars, title="Peak memory of training, GB", desc=f"{said}.{limit}", marks=(room,) if room else ())


def _memory_vega(answer: Recommendation, knowledge: Knowledge) -> dict[str, Any] | None:
    values = _memory(answer)
    if not values:
        return None
    made = _intervals("Peak memory of training", values, "GB")
    if room := room_gb(answer, knowledge):
        made["layer"].append({"mark": {"type": "rule", "strokeDash": [4, 4]}, "encoding": {"x": {"datum": room}}})
    return made


def _memory(answer: Recommendation) -> list[dict[str, Any]]:
    found = []
    for c in answer.candidates:
        low, expected, high = c.cost.peak_memory_bytes.low, c.cost.peak_memory_bytes.expected, c.cost.peak_memory_bytes.high
        if low is not None and expected is not None and high is not None:
            row = {"rank": c.rank, "architecture": c.name, "low": low / 1e9, "expected": expected / 1e9, "high": high / 1e9}
            found.append(row)
    return found


def room_gb(answer: Recommendation, knowledge: Knowledge) -> float | None:
    """The memory of one GPU of the task's budget."""
    gpu = knowledge.gpus.get(answer.task.budget.gpu or "")
    return answer.task.budget.memory_gb or (gpu.memory_gb if gpu else None)


def _intervals(title: str, values: list[dict[str, Any]], axis: str) -> dict[str, Any]:
    y = {"field": "architecture", "type": "nominal", "sort": {"field": "rank"}, "title": None}
    x = {"field": "expected", "type": "quantitative", "title": axis, "scale": {"zero": False}}
    rule = {"mark": "rule", "encoding": {"y": y, "x": {"field": "low", "type": "quantitative"}, "x2": {"field": "high"}}}
    return _document(title, values, [rule, {"mark": {"type": "point", "filled": True}, "encoding": {"y": y, "x": x}}])


def _document(title: str, values: list[dict[str, Any]], layer: list[dict[str, Any]]) -> dict[str, Any]:
    return {"$schema": SCHEMA, "title": title, "width": "container", "data": {"values": values}, "layer": layer}


EMBEDS = {
    "chart": Embed(answer_chart, _ranking_vega),
    "frontier": Embed(frontier_chart, _frontier_vega),
    "memory": Embed(memory_chart, _memory_vega),
}
