"""The ledger: every finished run beside what was predicted for it. Estimates for the same hardware are corrected by it."""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import sqlalchemy as sa

from app import db
from app.knowledge.files import KINDS, SHIPPED
from app.knowledge.load import items, typed
from app.recommend.cost.cases import Case, lexicon_of
from app.recommend.cost.ledger import Pair, correction, without_each
from app.recommend.cost.predict import CPU
from app.recommend.cost.roofline import Traced, traced
from app.tables import LedgerRow
from app.validations.record import rfc3339
from app.vocabulary import Gpu, Knowledge, LedgerPair, LedgerSummary, Profile

log = logging.getLogger("gan_advisor")
Z90 = 1.6449
UNITS = {"time": "seconds per thousand samples", "memory": "bytes"}
CPU_THREADS = 2
"""Of the CPU that estimates speak of; a run with fewer or more is predicted for its own number."""
LEAST_STEPS = 20
"""Of a run whose speed counts: the first steps are slower."""
MOST = 500
"""Pairs that corrections and summaries look at, newest first."""
SETTING = ("task", "resolution", "length", "width", "batch_size", "precision")


def rows(validation_id: str, plan: Mapping[str, Any], reports: Mapping[str, Mapping[str, Any] | None]) -> list[LedgerRow]:
    """The pairs of the finished runs of a validation; none of a run whose network has no profile, such as a baseline.

    An error is logged and leaves no pair: the verdict does not wait for the book-keeping.
    """
    found: list[LedgerRow] = []
    for run in plan["runs"]:
        report = reports.get(run["name"])
        try:
            if report is not None:
                found += _rows(f"{validation_id}/{run['name']}", run["recipe"], report)
        except Exception:
            log.exception("%s %s: no pair for the ledger", validation_id, run["name"])
    return found


@cache
def known() -> tuple[tuple[Profile, ...], Mapping[str, Gpu]]:
    """The traced steps and the GPUs of the shipped knowledge."""
    kinds = {kind.name: kind for kind in KINDS}
    profiles, gpus = (typed(kinds[name], items(SHIPPED, kinds[name])) for name in ("profiles", "gpus"))
    return tuple(p for p in profiles if isinstance(p, Profile)), {g.name: g for g in gpus if isinstance(g, Gpu)}


def _rows(prefix: str, recipe: Mapping[str, Any], report: Mapping[str, Any]) -> list[LedgerRow]:
    profiles, gpus = known()
    own = [p for p in profiles if p.architecture == recipe["architecture"] and p.width == recipe["width"]]
    if not own or report.get("budget", {}).get("devices", 1) > 1:  # estimates are of one device
        return []
    gpu, device = _hardware(report["hardware"], gpus)
    if gpu is None:
        return []
    expected = predicted(recipe, gpu, own)
    speed = report["images_per_second"] if report["steps"] >= LEAST_STEPS else 0
    measured = {"time": speed and 1000 / speed, "memory": report["peak_memory_bytes"]}
    laws = {"time": (expected.time, 1.0), "memory": (expected.memory, 1e9)}
    body = {**{name: recipe[name] for name in SETTING}, "device": device, "basis": expected.basis}
    return [
        LedgerRow(
            id=f"{prefix}/{quantity}",
            hardware=gpu.name,
            quantity=quantity,
            architecture=recipe["architecture"],
            predicted=unit * math.exp(mean),
            low=unit * math.exp(mean - Z90 * sd),
            high=unit * math.exp(mean + Z90 * sd),
            measured=float(measured[quantity]),
            body=body,
        )
        for quantity, ((mean, sd), unit) in laws.items()
        if measured[quantity]
    ]


def predicted(recipe: Mapping[str, Any], gpu: Gpu, profiles: Sequence[Profile]) -> Traced:
    """What a step of a recipe takes, from the traced steps of its network at its width."""
    own = [p for p in profiles if p.recipe == "cpu"] or profiles
    case = Case(
        architecture=recipe["architecture"],
        family="",
        line="",
        variant="",
        unit="image" if own[0].resolution else "sample",
        resolution=recipe["resolution"],
        images=recipe["batch_size"],
        precision="fp32" if recipe["precision"] == "fp32" else "mixed",
        gpu=gpu,
        gpu_name=gpu.name,
    )
    return traced(case, recipe["batch_size"], recipe["length"] or own[0].length, gpu, own)


def _hardware(told: Mapping[str, Any], gpus: Mapping[str, Gpu]) -> tuple[Gpu | None, str]:
    """The device as estimates name it, None where they do not know it, and as the run named it."""
    if told["gpu"] is None:
        share = min(told["threads"] / CPU_THREADS, 4.0)
        speeds = {
            "fp32_tflops": share * (CPU.fp32_tflops or 0),
            "memory_bandwidth_gb_s": min(1.0, share) * (CPU.memory_bandwidth_gb_s or 0),
        }
        return CPU.model_copy(update=speeds), f"{told['cpu']}, {told['threads']} threads"
    nothing: Any = {}
    few = Knowledge("", "", nothing, (), (), nothing, nothing, nothing, gpus, (), frozenset())
    return lexicon_of(few).gpu(told["gpu"]), told["gpu"]


# ------------------------------------------------------------------ reading


def pairs(team: str | None = None) -> Sequence[Pair]:
    """The newest pairs of a team, as estimates are corrected by them."""
    columns = (LedgerRow.quantity, LedgerRow.hardware, LedgerRow.predicted, LedgerRow.measured)
    with db.reading() as session:
        found: Any = session.execute(sa.select(*columns).where(_of(team)).order_by(LedgerRow.created_at.desc()).limit(MOST)).all()
    return tuple(found)


def at_hand() -> Sequence[Pair]:
    """The pairs of a database that may be away or of another version, which is then said; an estimate goes without."""
    try:
        return pairs()
    except sa.exc.SQLAlchemyError as error:
        log.warning("the ledger was not read: %s", str(error).splitlines()[0])
        return ()


def page(
    limit: int, where: Mapping[str, str | None], after: tuple[float, str] | None = None, team: str | None = None
) -> tuple[list[LedgerPair], tuple[float, str] | None]:
    """A team's own, newest first, and the place to go on from, None on the last page. `where`: columns and their values."""
    newest = sa.select(LedgerRow).order_by(LedgerRow.created_at.desc(), LedgerRow.id.desc())
    newest = newest.where(_of(team)).filter_by(**{name: value for name, value in where.items() if value is not None})
    if after is not None:
        newest = newest.where(sa.tuple_(LedgerRow.created_at, LedgerRow.id) < sa.tuple_(*map(sa.literal, after)))
    with db.reading() as session:
        found = list(session.execute(newest.limit(limit + 1)).scalars())
    more = (found[limit - 1].created_at, found[limit - 1].id) if len(found) > limit else None
    return [_shown(row) for row in found[:limit]], more


def _of(team: str | None) -> sa.ColumnElement[bool]:
    return LedgerRow.team.is_(None) if team is None else LedgerRow.team == team


def _shown(row: LedgerRow) -> LedgerPair:
    figures = {
        name: getattr(row, name)
        for name in ("id", "quantity", "hardware", "architecture", "predicted", "low", "high", "measured")
    }
    setting = {**row.body, "length": row.body["length"] or None}
    return LedgerPair(created_at=rfc3339(row.created_at), unit=UNITS[row.quantity], **figures, **setting)


def summary(ledger: Iterable[LedgerPair]) -> list[LedgerSummary]:
    """One entry for each hardware and quantity, in the order of their names."""
    alike: dict[tuple[str, str], list[LedgerPair]] = defaultdict(list)
    for pair in ledger:
        alike[pair.hardware, pair.quantity].append(pair)
    return [_summary(*key, found) for key, found in sorted(alike.items())]


def _summary(hardware: str, quantity: Any, found: Sequence[LedgerPair]) -> LedgerSummary:
    log_ratios = np.log([pair.measured / pair.predicted for pair in found])
    errors = np.abs(np.exp(-log_ratios) - 1)
    corrected = np.abs(np.exp(without_each(log_ratios) - log_ratios) - 1)
    return LedgerSummary(
        hardware=hardware,
        quantity=quantity,
        pairs=len(found),
        median_relative_error=round(float(np.median(errors)), 4),
        p90_relative_error=round(float(np.quantile(errors, 0.9)), 4),
        coverage=round(float(np.mean([pair.low <= pair.measured <= pair.high for pair in found])), 4),
        factor=round(correction(found, quantity, hardware).factor, 4),
        spread=round(float(np.std(log_ratios)), 4),
        corrected_median_relative_error=round(float(np.median(corrected)), 4) if len(found) > 1 else None,
    )
