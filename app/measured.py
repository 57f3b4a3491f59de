"""What validations measured here, as figures beside the published ones, and the advisor that has learned from them.

Each validation is a publication of its own: its runs shared data, seed and budget, and nothing outside of it did.
"""

from __future__ import annotations

import logging
import math
import re
import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from app import db
from app.errors import NotFound
from app.recommend import Advisor, fit
from app.recommend.sentences import MEASURED
from app.tables import Measurement, ValidationRow
from app.vocabulary import Benchmark, Direction, Knowledge, Metric, ReportedBy, TaskSlug

log = logging.getLogger("gan_advisor")
PREFIX = "measured/"
"""Of the id of a figure measured here; validation and run follow."""
_GRIDS = ("image", "video", "voxel")


class Advisors:
    """The advisor in force: as fitted on the knowledge at first, fitted anew once a validation has added figures."""

    def __init__(self, shipped: Advisor) -> None:
        self._shipped = shipped
        self._held: tuple[tuple[int, float], Advisor] = ((0, 0.0), shipped)
        self._fitting = threading.Lock()

    def now(self) -> Advisor:
        """The advisor that knows what is in the database; while another thread fits it, the one before."""
        seen, held = self._held
        there = _seen()
        if there == seen or not self._fitting.acquire(blocking=False):
            return held
        try:
            self._held = (there, self._anew(held))
            return self._held[1]
        finally:
            self._fitting.release()

    def _anew(self, held: Advisor) -> Advisor:
        """Fitted on what is there now; as before where that cannot be fitted, since no measurement may take the service down."""
        figures = figures_of(self._shipped.knowledge)
        try:
            return fit(_naming(self._shipped.knowledge, figures), [f for f, _ in figures]) if figures else self._shipped
        except Exception:
            log.exception("the advisor could not be fitted with %d measurements; it answers without the new ones", len(figures))
            return held


def _seen() -> tuple[int, float]:
    """Changes whenever a measurement comes or goes; one look at the table."""
    with db.reading() as session:
        count, last = session.execute(sa.select(sa.func.count(), sa.func.max(Measurement.created_at))).one()
    return count, last or 0.0


def figures_of(knowledge: Knowledge) -> list[tuple[Benchmark, Direction]]:
    """The figures of all finished validations that no team keeps to itself, each with the direction its plan states."""
    query = (
        sa.select(Measurement, ValidationRow.plan)
        .join(ValidationRow, ValidationRow.id == Measurement.validation_id)
        .where(ValidationRow.team.is_(None))
        .order_by(Measurement.id)
    )
    with db.reading() as session:
        rows = session.execute(query).all()
    found = [(_figure(row, plan), Direction(plan.get("direction", "min"))) for row, plan in rows if _usable(row, knowledge)]
    return [(figure, direction) for figure, direction in found if figure.task in knowledge.tasks]


def figure_of(benchmark_id: str) -> Benchmark:
    """One figure measured here, by its id. Raises NotFound."""
    with db.reading() as session:
        row = session.get(Measurement, benchmark_id.removeprefix(PREFIX))
        validation = session.get(ValidationRow, row.validation_id) if row is not None else None
    if row is None or validation is None or validation.team is not None or "task" not in row.body.get("recipe", {}):
        raise NotFound(f"no figure has the id {benchmark_id!r}")
    return _figure(row, validation.plan)


def _usable(row: Measurement, knowledge: Knowledge) -> bool:
    """A finite figure of a design that is known; a baseline has no card and says nothing of one."""
    return row.architecture in knowledge.architectures and math.isfinite(row.value) and "task" in row.body.get("recipe", {})


def _figure(row: Measurement, plan: dict[str, Any]) -> Benchmark:
    recipe, data = row.body["recipe"], plan["dataset"]
    seconds = row.body.get("budget", {}).get("seconds")
    return Benchmark(
        id=PREFIX + row.id,
        architecture=row.architecture,
        task=TaskSlug(recipe["task"]),
        dataset=_slug(row.dataset.rsplit("/", 1)[-1]),
        train_samples=data.get("samples"),
        resolution=recipe.get("resolution") if data.get("type") in _GRIDS else None,
        channels=recipe.get("channels"),
        metric=_slug(row.metric),
        value=row.value,
        protocol=f"measured here: {recipe.get('metric_samples')} samples, {seconds or 0:.0f} s of training",
        batch_size=recipe.get("batch_size"),
        year=datetime.fromtimestamp(row.created_at, UTC).year,
        reported_by=ReportedBy.THIRD_PARTY,
        source=MEASURED + row.validation_id,
        locator=row.id.rsplit("/", 1)[-1],
    )


def _naming(knowledge: Knowledge, figures: Iterable[tuple[Benchmark, Direction]]) -> Knowledge:
    """The knowledge with the metrics that only our own runs use, in the direction their plans state."""
    own = {
        f.metric: Metric(slug=f.metric, name=f.metric.replace("-", " "), direction=direction, measures="quality")
        for f, direction in figures
        if f.metric not in knowledge.metrics
    }
    return replace(knowledge, metrics={**knowledge.metrics, **own}) if own else knowledge


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:64].strip("-") or "unnamed"
