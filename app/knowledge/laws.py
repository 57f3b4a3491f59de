"""The laws that one entry can break by itself; shipped files and a team's own figures are held to the same."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from app.knowledge.sources import TIP, fault
from app.vocabulary import (
    Architecture,
    Benchmark,
    Constraints,
    Cost,
    Data,
    Effect,
    Gpu,
    Limits,
    Metric,
    Params,
    Priorities,
    PublishedRecipe,
    Range,
    Rule,
    Task,
    TaskMetric,
    Word,
)

_PARTS: dict[str, type[Word]] = {"data": Data, "budget": Limits, "constraints": Constraints, "priorities": Priorities}
_NESTED: dict[str, type[Word]] = {"resolution": Range, "recipe": PublishedRecipe, "params_m": Params}
POINTERS = {f"/{name}" for name in Task.model_fields} | {f"/{p}/{n}" for p, kind in _PARTS.items() for n in kind.model_fields}
"""Every field of a task that a rule may assume."""
PATHS = (
    {"task.task", "task.top_k", "architecture.trainable"}
    | {"cost.gpu_hours", "cost.budget_share", "cost.least_gpu_hours", "cost.memory_gb"}
    | {f"{p}.{n}" for p, kind in _PARTS.items() for n in kind.model_fields}
    | {f"architecture.{n}" for n in Architecture.model_fields}
    | {f"architecture.{p}.{n}" for p, kind in _NESTED.items() for n in kind.model_fields}
)
"""Every path that a rule may look at."""


@dataclass(frozen=True)
class Fault:
    """One broken law: the field at fault, what is wrong, and what to do about it."""

    law: str
    field: str
    text: str
    tip: str


def known(law: str, field: str, slug: str, slugs: Collection[str]) -> Iterator[Fault]:
    """A slug must name something that is there."""
    if slug not in slugs:
        near = difflib.get_close_matches(slug, slugs, n=1, cutoff=0.5)
        tip = f"did you mean {near[0]}?" if near else "add it, or correct the name"
        yield Fault(law, field, f"{field} {slug!r} is not known", tip)


def of_figure(
    figure: Benchmark, architectures: Mapping[str, Architecture], datasets: Collection[str], metrics: Mapping[str, Metric]
) -> Iterator[Fault]:
    """Known slugs, a plausible value, an exact source, a locator."""
    yield from known("slugs", "architecture", figure.architecture, architectures)
    yield from known("slugs", "dataset", figure.dataset, datasets)
    yield from known("slugs", "metric", figure.metric, metrics)
    card = architectures.get(figure.architecture)
    if card and figure.task not in card.tasks:
        text = f"{figure.architecture} has no task {figure.task} on its card"
        yield Fault("slugs", "task", text, "add the task to the card, or correct the figure")
    metric = metrics.get(figure.metric)
    low, high = (-math.inf, math.inf) if metric is None else (_or(metric.low, -math.inf), _or(metric.high, math.inf))
    if not (low <= figure.value <= high and math.isfinite(figure.value)):
        tip = "was the decimal point lost?" if figure.value > high else "is the unit the one of metrics.yaml?"
        yield Fault("range", "value", f"{figure.metric} {figure.value:g} is outside {low:g}-{high:g}", tip)
    yield from exact_source(figure.source, figure.locator)


def exact_source(source: str, locator: str) -> Iterator[Fault]:
    """A figure stands in one place that anyone can open."""
    if wrong := fault(source):
        yield Fault("source", "source", wrong, TIP)
    if not locator.strip():
        yield Fault("source", "locator", "locator is empty", "name the table, row or section")


def of_cost(cost: Cost, architectures: Collection[str]) -> Iterator[Fault]:
    yield from known("slugs", "architecture", cost.architecture, architectures)
    yield from exact_source(cost.source, cost.locator)
    for column in cost.derived:
        yield from known("slugs", "derived", column, type(cost).model_fields)


def of_gpu(gpu: Gpu) -> Iterator[Fault]:
    if wrong := fault(gpu.source, exact=False):
        yield Fault("source", "source", wrong, TIP)


def of_architecture(card: Architecture, slugs: Collection[str]) -> Iterator[Fault]:
    for source in card.sources:
        if wrong := fault(source, exact=False):
            yield Fault("source", "sources", wrong, TIP)
    for slug in card.succeeded_by:
        yield from known("slugs", "succeeded_by", slug, slugs)


def of_metric(metric: Metric) -> Iterator[Fault]:
    if metric.low is None or metric.high is None or not metric.low < metric.high:
        yield Fault("range", "low", f"{metric.slug} has no plausible range", "give low and high, with low below high")


def of_task(task: TaskMetric, metrics: Collection[str]) -> Iterator[Fault]:
    if not task.metrics:
        yield Fault("slugs", "metrics", f"{task.slug} has no metric to rank by", "name one, most telling first")
    for slug in task.metrics:
        yield from known("slugs", "metrics", slug, metrics)


POLICY = "policy/"
"""Begins the ids of a team's own rules, once they are read."""


def of_policy(rule: Rule, architectures: Collection[str]) -> Iterator[Fault]:
    """The laws of a rule; it may exclude or score and nothing else, and be its own source."""
    if rule.then.exclude is None and rule.then.score is None:
        yield Fault("rules", "then", "a policy excludes or scores", "set exclude: true, or a score")
    yield from of_rule(rule, architectures, ("task", "policy"))


def of_rule(rule: Rule, architectures: Collection[str], own: Collection[str] = ("task",)) -> Iterator[Fault]:
    """One effect, known paths, a because, a source, and a golden case on which it fires. `own` are sources that need no address."""
    if rule.id.startswith(POLICY):
        yield Fault("rules", "id", f"{POLICY} is kept for policies", "leave it out, it is put there")
    effects = [name for name in Effect.model_fields if getattr(rule.then, name) is not None]
    if len(effects) != 1:
        yield Fault("rules", "then", f"sets {len(effects)} effects", f"set exactly one of {', '.join(Effect.model_fields)}")
    for path in rule.when:
        yield from known("rules", "when", path, PATHS)
    for field in ("text", "because"):
        if not getattr(rule, field).strip():
            yield Fault("rules", field, f"{field} is empty", "say it in one sentence")
    for source in rule.sources:
        if source not in own and (wrong := fault(source, exact=False)):
            yield Fault("rules", "sources", wrong, TIP)
    yield from _golden(rule, architectures)
    for pointer in rule.then.assume or {}:
        yield from known("rules", "then", pointer, POINTERS)


def _golden(rule: Rule, architectures: Collection[str]) -> Iterator[Fault]:
    if not any(case.fires for case in rule.golden):
        yield Fault("rules", "golden", "no golden case fires", "add a task on which the rule must fire")
    for case in rule.golden:
        if case.architecture:
            yield from known("rules", "golden", case.architecture, architectures)
        try:
            Task.model_validate(case.task)
        except ValidationError as error:
            first = error.errors()[0]
            yield Fault("rules", "golden", f"{'.'.join(map(str, first['loc']))}: {first['msg']}", "write it as a task of the API")


def _or(value: float | None, other: float) -> float:
    return other if value is None else value


def disagreements(figures: Iterable[Benchmark], metrics: Mapping[str, Metric]) -> Iterator[tuple[Benchmark, Benchmark]]:
    """Figures of one architecture on one yardstick that two works put apart, each with the one farthest off.

    Apart is 1.1 x under one protocol; of quality, 2 x under several.
    """
    alike: dict[tuple[object, ...], list[Benchmark]] = {}
    for f in figures:
        key = (f.dataset, f.architecture, f.variant, f.task, f.train_samples, f.resolution, f.metric)
        alike.setdefault(key, []).append(f)
    for group in alike.values():
        for f in group:
            loose = 2.0 if metrics[f.metric].measures == "quality" else math.inf
            others = [o for o in group if _work(o) != _work(f) and _apart(f, o, 1.1 if o.protocol == f.protocol else loose)]
            if others:
                yield f, max(others, key=lambda o: abs(o.value - f.value))


def _work(figure: Benchmark) -> str:
    return figure.source.partition("@")[0]


def _apart(a: Benchmark, b: Benchmark, factor: float) -> bool:
    low, high = sorted((a.value, b.value))
    return low > 0 and high / low > factor
