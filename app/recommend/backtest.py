"""How often the advice is right: every group of figures is predicted by a model that saw neither its data set nor its source.

A group is (task, data set, resolution, metric, protocol, source) with at least three architectures that have figures
elsewhere. Each method orders the architectures; an architecture counts with its best figure. Scores: `top1`, the first named
is the best of the group; `spearman`, rank correlation; `within20`, the figure of the first named is within 20 % of the best;
`coverage80`, share of figures inside the 80 % interval predicted from the other figures of the group. Ties count in shares.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from app.recommend.designs import designs_of
from app.recommend.figures import Figures, Scale, figures_of, labels, quality_rows, scale_of
from app.recommend.hierarchy import Layout, Posterior
from app.recommend.linear import Array
from app.recommend.yardstick import cautious, yardstick_of
from app.vocabulary import Benchmark, Direction, Knowledge, Metric, ReportedBy, TaskSlug

METHODS = ("advisor", "newest", "most_reported", "additive", "random")
LEAST = 3
"""Known architectures that make a group."""


@dataclass(frozen=True)
class Group:
    """One group: the architectures known elsewhere, the row of the best figure of each, and that figure, raw and on its scale."""

    task: str
    rows: tuple[Benchmark, ...]
    raw: Array
    x: Array
    usual: float
    direction: Direction


def backtest(
    knowledge: Knowledge,
    extra: Sequence[Benchmark] | None = None,
    directions: Mapping[str, Direction] | None = None,
) -> dict[str, Any]:
    """The report `{"own": R, "extra": R or None}`; takes some ten seconds.

    `extra` are foreign figures: they are only tested on, by a model of the shipped figures less those of the same source.
    `directions` says of metrics the knowledge lacks which way is better.
    """
    rows = quality_rows(knowledge.benchmarks, knowledge)
    layout = Layout(rows, designs_of(knowledge.architectures, rows), knowledge.architectures, knowledge.datasets)
    own = _report(rows, rows, layout, knowledge, {}, whole=True)
    if extra is None:
        return {"own": own, "extra": None}
    foreign = quality_rows(extra, knowledge)
    return {"own": own, "extra": _report(foreign, rows, layout, knowledge, directions or {}, whole=False)}


def _report(
    tested: Sequence[Benchmark],
    rows: Sequence[Benchmark],
    layout: Layout,
    knowledge: Knowledge,
    directions: Mapping[str, Direction],
    whole: bool,
) -> dict[str, Any]:
    """Scores of all groups of `tested`; `whole` leaves out the data set beside the source."""
    grouped: dict[tuple[Any, ...], list[Benchmark]] = defaultdict(list)
    for row in tested:
        grouped[row.task, row.dataset, row.resolution, row.metric, row.protocol, row.source].append(row)
    folds: dict[tuple[str | None, str], list[list[Benchmark]]] = defaultdict(list)
    for members in grouped.values():
        if len({r.architecture for r in members}) >= LEAST:
            folds[members[0].dataset if whole else None, members[0].source].append(members)
    scores: list[tuple[str, dict[str, dict[str, float]]]] = []
    unknown: set[str] = set()
    for (dataset, source), candidates in folds.items():
        kept = np.array([r.dataset != dataset and r.source != source for r in rows], bool)
        count = Counter(r.architecture for r, keep in zip(rows, kept, strict=True) if keep)
        unknown |= {r.architecture for members in candidates for r in members if r.architecture not in count}
        groups: list[Group] = []
        figures, posterior = None, None
        for members in candidates:
            known = [r for r in members if r.architecture in count]
            if len({r.architecture for r in known}) < LEAST:
                continue
            if figures is None:
                figures, posterior = _fit(rows, kept, layout, knowledge)
            groups.append(_group(known, figures, knowledge.metrics, directions))
        if figures is None or posterior is None:
            continue
        additive = _additive(figures)
        scores += [(g.task, _scores(g, posterior, count, additive)) for g in groups]
    by_task = {task: _mean([s for t, s in scores if t == task]) for task in sorted({t for t, _ in scores})}
    return {**_mean([s for _, s in scores]), "by_task": by_task, "unknown_architectures": len(unknown)}


def _fit(rows: Sequence[Benchmark], kept: Array, layout: Layout, knowledge: Knowledge) -> tuple[Figures, Posterior]:
    index = np.flatnonzero(kept)
    figures = figures_of([rows[i] for i in index.tolist()], knowledge.metrics)
    figures = Figures(**{**figures.__dict__, "index": index[figures.index]})
    return figures, layout.fit(figures)


def _group(
    members: list[Benchmark], figures: Figures, metrics: Mapping[str, Metric], directions: Mapping[str, Direction]
) -> Group:
    metric = members[0].metric
    known = metrics.get(metric)
    direction = known.direction if known else directions.get(metric, Direction.MIN)
    values = np.array([r.value for r in members])
    scale: Scale = figures.scales.get(metric) or scale_of(known, direction, values)
    x = scale.forward(values)
    best: dict[str, int] = {}
    for i, row in enumerate(members):
        if row.architecture not in best or x[i] > x[best[row.architecture]]:
            best[row.architecture] = i
    chosen = list(best.values())
    usual = figures.usual.get(metric) or float(np.median(list(figures.usual.values())))
    return Group(str(members[0].task), tuple(members[i] for i in chosen), values[chosen], x[chosen], usual, direction)


def _scores(
    group: Group, posterior: Posterior, count: Mapping[str, int], additive: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    slugs = [row.architecture for row in group.rows]
    standing, variance = posterior.predict([posterior.layout.pair(row) for row in group.rows])
    orders = {
        "advisor": cautious(standing, variance),
        "newest": np.array([float(posterior.layout.designs[s].calendar_year) for s in slugs]),
        "most_reported": np.array([float(count[s]) for s in slugs]),
        "additive": np.array([additive.get(s, 0.0) for s in slugs]),
        "random": np.zeros(len(slugs)),
    }
    out = {name: _score(order, group) for name, order in orders.items()}
    inside = []
    for i in range(len(slugs)):
        others = np.arange(len(slugs)) != i
        low, _, high = yardstick_of(group.x[others], standing[others], group.usual).interval(standing[i], variance[i])
        inside.append(low <= group.x[i] <= high)
    out["advisor"]["coverage80"] = float(np.mean(inside))
    return out


def _score(order: Array, group: Group) -> dict[str, float]:
    first = order >= order.max() - 1e-12
    best = group.raw[np.argmax(group.x)]
    slack = 0.2 * abs(best)
    near = group.raw >= best - slack if group.direction is Direction.MAX else group.raw <= best + slack
    scores = {"top1": float((group.x[first] == group.x.max()).mean()), "within20": float(near[first].mean())}
    if np.ptp(group.x) > 0:
        scores["spearman"] = float(np.corrcoef(rankdata(order), rankdata(group.x))[0, 1]) if np.ptp(order) > 0 else 0.0
    return scores


def _additive(figures: Figures) -> dict[str, float]:
    """The plain model: mean of the cell plus effect of the architecture, by alternating least squares."""
    names, code = labels(r.architecture for r in figures.rows)
    effect = np.zeros(len(names))
    size, cells = np.bincount(code), np.bincount(figures.cell)
    for _ in range(50):
        level = np.bincount(figures.cell, figures.y - effect[code]) / cells
        effect = np.bincount(code, figures.y - level[figures.cell]) / size
    return {str(name): float(e) for name, e in zip(names, effect, strict=True)}


def _mean(scores: list[dict[str, dict[str, float]]]) -> dict[str, Any]:
    def over(method: str, score: str) -> float | None:
        values = [s[method][score] for s in scores if score in s[method]]
        return round(float(np.mean(values)), 4) if values else None

    names = ("top1", "spearman", "within20", "coverage80")
    return {"groups": len(scores), "methods": {m: {name: over(m, name) for name in names} for m in METHODS}}


_WORD = re.compile(r"[^a-z0-9]+")


def foreign(lines: Iterable[Mapping[str, str | None]], knowledge: Knowledge) -> tuple[list[Benchmark], dict[str, Direction], int]:
    """Figures of a foreign table, the directions it states, and how many lines could not be read.

    Columns are those of a benchmark file plus `dataset` and `direction`; others are ignored. An architecture is known by its
    slug, an alias or its name.
    """
    cards = knowledge.architectures.values()
    by_name = (
        {_slug(a.name): a.slug for a in cards}
        | {alias: a.slug for a in cards for alias in a.aliases}
        | {a.slug: a.slug for a in cards}
    )
    rows: list[Benchmark] = []
    directions: dict[str, Direction] = {}
    unread = 0
    for number, line in enumerate(lines):
        field = {str(k): v.strip() for k, v in line.items() if isinstance(v, str) and v.strip()}
        try:
            slug, metric = _slug(field["architecture"]), _slug(field["metric"])
            row = Benchmark.model_construct(
                id=f"foreign/{number}", architecture=by_name.get(slug, slug), variant=field.get("variant"),
                task=TaskSlug(field["task"]), dataset=_slug(field["dataset"]), metric=metric, value=float(field["value"]),
                train_samples=_whole(field.get("train_samples")), resolution=_whole(field.get("resolution")),
                protocol=field.get("protocol", ""), source=field.get("source", ""), locator=field.get("locator", ""),
                year=_whole(field.get("year")), reported_by=ReportedBy(field.get("reported_by", "third-party")),
            )  # fmt: skip
            directions[metric] = Direction(field.get("direction", "min"))
        except (KeyError, ValueError):
            unread += 1
            continue
        if np.isfinite(row.value):
            rows.append(row)
        else:
            unread += 1
    return rows, directions, unread


def _slug(text: str) -> str:
    return _WORD.sub("-", text.lower()).strip("-")


def _whole(text: str | None) -> int | None:
    return int(float(text)) if text else None
