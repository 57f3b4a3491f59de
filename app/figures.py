"""A team's own figures: held to the laws of the shipped ones, private, and evidence in that team's answers alone.

A team may hold a million. They are checked and inserted in batches, and enter a fit as means: one for each design, yardstick
and source, and of these no more than a fit takes, the yardsticks that compare the most designs first.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.orm import Session

from app import db
from app.errors import Conflict, FieldProblem, NotFound, Unprocessable, field_problem
from app.knowledge import laws
from app.knowledge.files import IDENTITY
from app.recommend.evidence import PRIVATE
from app.recommend.figures import publication
from app.recommend.sentences import PRIVATE as PRIVATE_SOURCE
from app.settings import settings
from app.tables import BenchmarkRow, FiguresState
from app.vocabulary import Benchmark, Knowledge, NewFigure, TakenFigures

OWN, MEAN = "own/", "own/mean/"
"""Of the ids; those of shipped figures have more parts, so the two never meet."""
BEHIND = "own0"
"""Greater than the id of every own figure, and less than whatever comes behind them."""
SOURCE = re.compile(rf"{PRIVATE_SOURCE}[\w./-]{{1,100}}")
"""The source of a figure that was never published."""
DATASET = "own-"
"""What the name of a data set begins with that the knowledge base does not have."""
BATCH = 2000
SHOWN = 100
"""Mistakes told at once."""
_READ: TypeAdapter[list[NewFigure]] = TypeAdapter(list[NewFigure])
_COLUMNS = ("id", "architecture", "task", "dataset", "metric", "resolution", "value", "reported_by")
_COUNTED = sa.func.count(BenchmarkRow.id)

Row = Mapping[str, Any]


# ------------------------------------------------------------------ checking


class Checked:
    """Goes over the rows of one request, in batches: every mistake with its place, and which figures are there already."""

    def __init__(self, knowledge: Knowledge, team: str | None) -> None:
        self._knowledge, self._team = knowledge, team
        self._values: dict[int, float] = {}
        self.rows, self.there = 0, 0
        self.problems: list[FieldProblem] = []
        self.conflicts: list[FieldProblem] = []

    def add(self, batch: Sequence[Row]) -> None:
        """Holds a batch against the types, the laws, the rows before it and what the team has."""
        figures = self._typed(batch)
        held = _held([figure.id for figure in figures.values()], self._team)
        for place, figure in figures.items():
            for fault in self._faults(figure):
                self._tell(self.problems, place, fault.field, fault.law, f"{fault.text}. Tip: {fault.tip}")
            if self.full:  # looking for what was meant takes milliseconds a name
                break
            before = self._values.setdefault(int(figure.id[-16:], 16), figure.value)
            if before != figure.value:
                self._tell(
                    self.problems, place, "value", "unique", f"an earlier row gives {before:g} for the same; tell them apart"
                )
            if figure.id in held:
                self.there += 1
                if held[figure.id] != figure.value:
                    detail = f"{figure.id} is {held[figure.id]:g} so far; delete it first, or tell the two apart by locator"
                    self._tell(self.conflicts, place, "value", "conflict", detail)
        self.rows += len(batch)

    @property
    def full(self) -> bool:
        """Whether so much is wrong already that no more will be told."""
        return len(self.problems) == SHOWN

    def finish(self) -> None:
        """Raises Unprocessable for mistakes, and Conflict where the team has another value."""
        if self.problems:
            raise Unprocessable(f"{_some(self.problems)} in {self.rows} figures; none was taken", self.problems)
        if self.conflicts:
            raise Conflict(f"{_some(self.conflicts)} with figures that are there; none was taken", self.conflicts)

    def _faults(self, figure: Benchmark) -> Iterator[laws.Fault]:
        """The laws on published figures; own data and an own source need not be known."""
        known = self._knowledge
        datasets = (figure.dataset,) if figure.dataset.startswith(DATASET) else known.datasets
        for fault in laws.of_figure(figure, known.architectures, datasets, known.metrics):
            if not (fault.field == "source" and SOURCE.fullmatch(figure.source)):
                yield fault

    def _typed(self, batch: Sequence[Row]) -> dict[int, Benchmark]:
        try:
            return dict(enumerate(typed(batch, self._team), self.rows))
        except ValidationError as error:
            for problem in error.errors(include_url=False)[:SHOWN]:
                index, *field = problem["loc"]
                found = field_problem({**problem, "loc": ("body", self.rows + int(index), *field)})
                if len(self.problems) < SHOWN:
                    self.problems.append(found)
            return {}

    def _tell(self, found: list[FieldProblem], place: int, field: str, code: str, detail: str) -> None:
        if len(found) < SHOWN:
            found.append(FieldProblem(pointer=f"#/{place}/{field}", code=code, detail=detail))


def typed(batch: Sequence[Row], team: str | None) -> list[Benchmark]:
    """Rows as figures under their ids. Raises ValidationError."""
    return [_identified(figure, team) for figure in _READ.validate_python(batch)]


def _identified(figure: NewFigure, team: str | None) -> Benchmark:
    body = figure.model_dump()
    key = "\0".join([team or "", *(str(body.get(name) or "") for name in IDENTITY)])
    return Benchmark.model_construct(id=OWN + _hash(key, 24), **body)


def _held(ids: Sequence[str], team: str | None) -> dict[str, float]:
    query = sa.select(BenchmarkRow.id, BenchmarkRow.value)
    with db.reading() as session:
        return {
            row.id: row.value
            for start in range(0, len(ids), 500)
            for row in session.execute(query.where(BenchmarkRow.id.in_(ids[start : start + 500])))
        }


def _some(problems: Sequence[FieldProblem]) -> str:
    return f"{len(problems)}{' or more' * (len(problems) == SHOWN)} mistake{'s' * (len(problems) > 1)}"


# ------------------------------------------------------------------ keeping


def take(checked: Checked, rows: Iterable[Row], team: str | None) -> TakenFigures:
    """Keeps rows that were checked. One that was there stays; so a request that broke is simply sent again.

    Raises Unprocessable above the setting max_figures. Batches are transactions of their own: a worker that renews its lease
    must not wait for a million rows.
    """
    new = checked.rows - checked.there
    most, before = settings().max_figures, count(team)
    if before + new > most:
        detail = f"{before:,} figures are held and {new:,} are new; a team may hold {most:,}"
        raise Unprocessable(detail, [FieldProblem(pointer="#", code="too_many", detail=detail, allowed=most)])
    source = iter(rows)
    while batch := list(islice(source, BATCH)):
        with db.transaction() as session:
            db.insert_absent(session, BenchmarkRow, [_stored(figure, team) for figure in typed(batch, team)])
    with db.transaction() as session:
        held = _touch(session, team)
    return TakenFigures(created=held - before, unchanged=checked.rows - (held - before), figures=held)


def _stored(figure: Benchmark, team: str | None) -> dict[str, Any]:
    body = figure.model_dump(mode="json", exclude_none=True)
    return {name: body.get(name) for name in _COLUMNS} | {"team": team or "", "alike": alike(figure), "body": body}


def alike(figure: Benchmark) -> str:
    """10 hex digits of what figures must share to compare, and 6 of the design."""
    f = figure
    cell = (f.task, f.dataset, f.resolution, f.metric, f.protocol, publication(f.source), f.train_samples)
    return _hash(repr(cell), 10) + _hash(repr((f.architecture, f.variant)), 6)


def _hash(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def delete(team: str | None, *, figure_id: str | None = None, source: str | None = None) -> int:
    """Deletes one figure, or all of one source; how many that were. Raises NotFound for one that is not the team's own."""
    mine = BenchmarkRow.team == (team or "")
    which = BenchmarkRow.id == figure_id if source is None else BenchmarkRow.body["source"].as_string() == source
    with db.transaction() as session:
        gone = session.execute(sa.delete(BenchmarkRow).where(mine, which)).rowcount  # type: ignore[attr-defined]
        if not gone and source is None:
            raise _missing(figure_id or "")
        _touch(session, team)
    return int(gone)


def _touch(session: Session, team: str | None) -> int:
    """Says that a team's figures have changed, and how many there are."""
    held = session.scalar(sa.select(_COUNTED).where(BenchmarkRow.team == (team or ""))) or 0
    session.merge(FiguresState(team=team or "", figures=held, version=secrets.token_hex(8)))
    return held


# ------------------------------------------------------------------ reading


def count(team: str | None) -> int:
    """How many figures a team has."""
    with db.reading() as session:
        state = session.get(FiguresState, team or "")
        return state.figures if state else 0


def get(figure_id: str, team: str | None) -> Benchmark:
    """One figure, or the mean of some. Raises NotFound, also for one of another team."""
    mine = BenchmarkRow.team == (team or "")
    with db.reading() as session:
        if figure_id.startswith(MEAN):
            group = _groups(session, team, figure_id.removeprefix(MEAN))
            found = _means(session, group)
        else:
            rows = session.scalars(sa.select(BenchmarkRow).where(mine, BenchmarkRow.id == figure_id))
            found = [Benchmark.model_validate(row.body) for row in rows]
    if not found:
        raise _missing(figure_id)
    return found[0]


def page(team: str | None, limit: int, where: Mapping[str, Any], source: str | None = None, after: str = "") -> list[Benchmark]:
    """At most `limit` own figures behind an id, in the order of ids. `where` are columns and the value they must have."""
    query = sa.select(BenchmarkRow.body).where(BenchmarkRow.team == (team or ""), BenchmarkRow.id > after)
    query = query.filter_by(**{name: value for name, value in where.items() if value is not None})
    if source is not None:
        query = query.where(BenchmarkRow.body["source"].as_string().startswith(source, autoescape=True))
    with db.reading() as session:
        return [Benchmark.model_validate(body) for body in session.scalars(query.order_by(BenchmarkRow.id).limit(limit))]


def every(team: str | None, where: Mapping[str, Any], source: str | None = None) -> Iterator[Benchmark]:
    """All own figures, read in pages."""
    after = ""
    while found := page(team, BATCH, where, source, after):
        yield from found
        after = found[-1].id


def evidence(team: str | None, limit: int = PRIVATE) -> list[Benchmark]:
    """What a fit takes of a team's figures: means of those alike, at most about `limit`, whole yardsticks, the widest first."""
    with db.reading() as session:
        return _means(session, _chosen(_groups(session, team), limit))


Group = tuple[str, float, int, str]
"""`alike`, mean, how many, the first id."""


def _groups(session: Session, team: str | None, one: str | None = None) -> list[Group]:
    key = BenchmarkRow.alike
    query = sa.select(key, sa.func.avg(BenchmarkRow.value), _COUNTED, sa.func.min(BenchmarkRow.id))
    query = query.where(BenchmarkRow.team == (team or ""))
    query = query.where(key == one) if one is not None else query
    return [(str(a), float(v), n, i) for a, v, n, i in session.execute(query.group_by(key).order_by(key))]


def _chosen(groups: list[Group], limit: int) -> list[Group]:
    """Whole yardsticks while there is room, those that compare the most designs first; one design alone compares nothing."""
    if len(groups) <= limit:
        return groups
    cells: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        cells[group[0][:10]].append(group)
    chosen: list[Group] = []
    for cell in sorted(cells, key=lambda c: (-len(cells[c]), c)):
        if len(cells[cell]) > 1 and len(chosen) + len(cells[cell]) <= limit:
            chosen += cells[cell]
    return chosen


def _means(session: Session, groups: Sequence[Group]) -> list[Benchmark]:
    found = []
    for start in range(0, len(groups), 500):
        part = groups[start : start + 500]
        query = sa.select(BenchmarkRow.id, BenchmarkRow.body).where(BenchmarkRow.id.in_([first for *_, first in part]))
        bodies = {row.id: row.body for row in session.execute(query)}
        for key, mean, number, first in part:
            one = Benchmark.model_validate(bodies[first])
            if number > 1:  # rounded, since a store adds in any order, and an answer's id follows from the value
                told = {"id": MEAN + key, "value": float(f"{mean:.10g}"), "locator": f"mean of {number} figures", "notes": None}
                one = one.model_copy(update=told)
            found.append(one)
    return found


def _missing(figure_id: str) -> NotFound:
    return NotFound(f"you have no figure with the id {figure_id[:200]!r}")
