"""What validations measured here, as figures beside the published ones, and the advisors that have learned from a team's own.

Each validation is a publication of its own: its runs shared data, seed and budget, and nothing outside of it did.
"""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from app import db, figures
from app.access import FRESH_SECONDS, MOST_HELD
from app.errors import NotFound
from app.recommend import Advisor, fit
from app.recommend.sentences import MEASURED
from app.tables import FiguresState, Measurement, ValidationRow
from app.validations.named import name_of
from app.vocabulary import Benchmark, Direction, Knowledge, Metric, ReportedBy, TaskSlug

log = logging.getLogger("gan_advisor")
PREFIX = "measured/"
"""Of the id of a figure measured here; validation and run follow."""
OURS = (PREFIX, figures.OWN)
"""What the ids of a team's own figures begin with."""
_GRIDS = ("image", "video", "voxel")


class Advisors:
    """The advisors in force, one for each team: as fitted on the knowledge, and anew once a team has figures of its own.

    What this process commits counts at once, what another does within FRESH_SECONDS.
    """

    def __init__(self, shipped: Advisor, most: int = 16) -> None:
        self._shipped, self._most = shipped, most
        self._held: OrderedDict[str | None, tuple[Seen, Advisor]] = OrderedDict()
        self._looked: OrderedDict[str | None, tuple[float, int, Seen]] = OrderedDict()
        self._fitting: dict[str | None, threading.Lock] = defaultdict(threading.Lock)

    def seen(self, team: str | None) -> Seen | None:
        """What a team has in the database, where that was looked up just now."""
        until, commits, there = self._looked.get(team, (0.0, 0, NOTHING))
        return there if commits == db.committed() and time.monotonic() < until else None

    def look(self, team: str | None) -> Seen:
        """As `seen`, by the database."""
        commits, until = db.committed(), time.monotonic() + FRESH_SECONDS
        there = _seen(team)
        self._looked[team] = until, commits, there
        while len(self._looked) > MOST_HELD:
            self._looked.popitem(last=False)
        return there

    def fitted(self, team: str | None) -> Advisor | None:
        """The advisor that knows all of that; None where it must be looked up, or fitted."""
        if (there := self.seen(team)) is None:
            return None
        seen, held = self._held.get(team, (NOTHING, self._shipped))
        return self._shipped if there == NOTHING else held if there == seen else None

    def now(self, team: str | None = None) -> Advisor:
        """As `fitted`, by the database; while another thread fits it, the one before."""
        there = self.seen(team) or self.look(team)
        if there == NOTHING:
            self._held.pop(team, None)
            return self._shipped
        seen, held = self._held.get(team, (NOTHING, self._shipped))
        if there == seen or not (lock := self._fitting[team]).acquire(blocking=False):
            return held
        try:
            made = self._anew(held, team)
            self._held[team] = there, made
            self._held.move_to_end(team)
            while len(self._held) > self._most:
                self._held.popitem(last=False)
            return made
        finally:
            lock.release()

    def _anew(self, held: Advisor, team: str | None) -> Advisor:
        """Fitted on what is there now; as before where that cannot be fitted, since no figure may take the service down."""
        knowledge = self._shipped.knowledge
        measured = figures_of(knowledge, team)
        try:
            known = knowledge.architectures
            own = [f for f in figures.evidence(team) if f.architecture in known and f.task in knowledge.tasks]
            return fit(_naming(knowledge, measured), [*own, *(f for f, _ in measured)]) if own or measured else self._shipped
        except Exception:
            log.exception("the advisor of %s could not be fitted with what is new; it answers without", team or "all")
            return held


Seen = tuple[int, float, str]
NOTHING: Seen = (0, 0.0, "")


def _seen(team: str | None) -> Seen:
    """Changes whenever a measurement or a figure of a team comes or goes; one look at the store."""
    measured = sa.select(sa.func.count(), sa.func.max(Measurement.created_at)).join(ValidationRow).where(_of(team))
    version = sa.select(FiguresState.version).where(FiguresState.team == (team or ""), FiguresState.figures > 0)
    with db.reading() as session:
        number, last, own = session.execute(measured.add_columns(version.scalar_subquery())).one()
    return number, last or 0.0, own or ""


def _of(team: str | None) -> sa.ColumnElement[bool]:
    return ValidationRow.team.is_(None) if team is None else ValidationRow.team == team


def figures_of(knowledge: Knowledge, team: str | None = None) -> list[tuple[Benchmark, Direction]]:
    """The figures of a team's finished validations, each with the direction its plan states."""
    query = (
        sa.select(Measurement, ValidationRow.plan)
        .join(ValidationRow, ValidationRow.id == Measurement.validation_id)
        .where(_of(team))
        .order_by(Measurement.id)
    )
    with db.reading() as session:
        rows = session.execute(query).all()
    found = [(_figure(row, plan), Direction(plan.get("direction", "min"))) for row, plan in rows if _usable(row, knowledge)]
    return [(figure, direction) for figure, direction in found if figure.task in knowledge.tasks]


def figure_of(benchmark_id: str, team: str | None = None) -> Benchmark:
    """One figure that a team measured here, or one that it has sent, by its id. Raises NotFound."""
    if benchmark_id.startswith(figures.OWN):
        return figures.get(benchmark_id, team)
    with db.reading() as session:
        row = session.get(Measurement, benchmark_id.removeprefix(PREFIX))
        validation = session.get(ValidationRow, row.validation_id) if row is not None else None
    if row is None or validation is None or validation.team != team or "task" not in row.body.get("recipe", {}):
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
        dataset=_slug(name_of(data)),
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


def _naming(knowledge: Knowledge, measured: Iterable[tuple[Benchmark, Direction]]) -> Knowledge:
    """The knowledge with the metrics that only our own runs use, in the direction their plans state."""
    own = {
        f.metric: Metric(slug=f.metric, name=f.metric.replace("-", " "), direction=direction, measures="quality")
        for f, direction in measured
        if f.metric not in knowledge.metrics
    }
    return replace(knowledge, metrics={**knowledge.metrics, **own}) if own else knowledge


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:64].strip("-") or "unnamed"
