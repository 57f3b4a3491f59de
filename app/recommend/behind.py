"""The rows that stand behind what is said of cost and of stability: hours as published, last snapshots, others' replications."""

from __future__ import annotations

from collections.abc import Callable

from app.recommend.stability import LAST
from app.vocabulary import Architecture, Benchmark, Cost, Knowledge, Reason, ReportedBy

_NAMED = 3


def hours_behind(it: Architecture, knowledge: Knowledge) -> tuple[Reason, ...]:
    """Published GPU-hours of a design, or of its family where it has none itself."""
    return _of(it, knowledge, lambda slugs: _hours(slugs, knowledge))


def stability_behind(it: Architecture, knowledge: Knowledge) -> tuple[Reason, ...]:
    """Figures that say how steadily a design, or its family, trains: its last snapshot, and others' figures beside its authors'."""
    return _of(it, knowledge, lambda slugs: _steadiness(slugs, knowledge))


def _of(it: Architecture, knowledge: Knowledge, said: Callable[[frozenset[str]], list[Reason]]) -> tuple[Reason, ...]:
    """The first few sentences about a design; about its family where there are none."""
    kin = frozenset(a.slug for a in knowledge.architectures.values() if a.family == it.family)
    found = said(frozenset({it.slug})) or said(kin)
    return tuple({reason.text: reason for reason in reversed(found)}.values())[::-1][:_NAMED]


def _hours(slugs: frozenset[str], knowledge: Knowledge) -> list[Reason]:
    out = []
    for row in knowledge.costs:
        total = row.gpu_hours_total or (row.wall_hours_total and row.wall_hours_total * (row.gpus or 1))
        if row.architecture in slugs and total:
            out.append(_took(row, total))
    return out + [_took(row, row.gpu_hours) for row in knowledge.benchmarks if row.architecture in slugs and row.gpu_hours]


def _took(row: Cost | Benchmark, hours: float) -> Reason:
    at = f" at {row.resolution} px" if row.resolution else ""
    on = f" on {row.gpu_type}" if row.gpu_type else ""
    return Reason(benchmark_id=row.id, text=f"{row.architecture} took {hours:,.4g} GPU-hours{at}{on}.", source=row.source)


def _steadiness(slugs: frozenset[str], knowledge: Knowledge) -> list[Reason]:
    own = [row for row in knowledge.benchmarks if row.architecture in slugs]
    claimed = {_yard(row): row for row in own if row.reported_by is ReportedBy.AUTHORS}
    out = []
    for row in own:
        if row.metric.endswith(LAST):
            said = f"{row.metric} {row.value:g} at the end of training on {row.dataset}"
        elif row.reported_by is ReportedBy.THIRD_PARTY and _yard(row) in claimed:
            said = f"{row.metric} {row.value:g} by others on {row.dataset}, {claimed[_yard(row)].value:g} by its authors"
        else:
            continue
        out.append(Reason(benchmark_id=row.id, text=f"{row.architecture}: {said}.", source=row.source))
    return out


def _yard(row: Benchmark) -> tuple[object, ...]:
    return row.architecture, row.task, row.dataset, row.resolution, row.train_samples, row.metric
