"""Brings the knowledge into the SQL tables: one transaction, and none when the database holds it already."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.orm import Session

from app import db
from app.errors import KnowledgeOutOfDate
from app.tables import ArchitectureRow, BenchmarkRow, CostRow, DatasetRow, GpuRow, KnowledgeState, RuleRow, Table
from app.vocabulary import Knowledge

MEND = "run `gan-advisor db upgrade` and `gan-advisor knowledge sync`"


@dataclass(frozen=True)
class SyncReport:
    """What a sync did: rows in the tables afterwards, and the seconds it took."""

    changed: bool
    rows: int
    seconds: float


def sync(knowledge: Knowledge) -> SyncReport:
    """Replaces the shipped rows by those of `knowledge`; a team's own figures stay. An equal digest writes nothing."""
    began = time.perf_counter()
    tables = list(_rows(knowledge))
    count = sum(len(rows) for _, rows in tables)
    with db.transaction() as session:
        changed = _stamp(session) != knowledge.sha256
        if changed:
            for table, rows in tables:
                shipped = sa.delete(table)
                session.execute(shipped.where(BenchmarkRow.team.is_(None)) if table is BenchmarkRow else shipped)
                session.execute(sa.insert(table), rows) if rows else None
            session.execute(sa.delete(KnowledgeState))
            state = KnowledgeState(id=1, version=knowledge.version, sha256=knowledge.sha256, synced_at=db.now(session))
            session.add(state)
    return SyncReport(changed, count, time.perf_counter() - began)


def stamp() -> str | None:
    """The digest of the knowledge in the database; None while it holds none."""
    with db.reading() as session:
        return _stamp(session)


def require(knowledge: Knowledge) -> None:
    """Raises KnowledgeOutOfDate, which names the command, unless the database holds exactly this knowledge."""
    held = stamp() if sa.inspect(db.engine()).has_table(KnowledgeState.__tablename__) else None
    if held is None:
        raise KnowledgeOutOfDate(f"the database holds no knowledge base; {MEND}")
    if held != knowledge.sha256:
        raise KnowledgeOutOfDate(f"the database holds knowledge {held[:12]}, this version ships {knowledge.sha256[:12]}; {MEND}")


def _stamp(session: Session) -> str | None:
    return session.execute(sa.select(KnowledgeState.sha256)).scalar_one_or_none()


def _rows(knowledge: Knowledge) -> Iterable[tuple[type[Table], list[dict[str, Any]]]]:
    """Each table with its rows: the columns that are asked for, and the whole entry as `body`."""
    yield ArchitectureRow, _bodies(knowledge.architectures.values(), "slug", "name", "kind", "family", "year", "licence")
    figure = ("id", "architecture", "task", "dataset", "metric", "resolution", "value", "reported_by")
    yield BenchmarkRow, _bodies(knowledge.benchmarks, *figure)
    yield RuleRow, _bodies(knowledge.rules, "id", "topic")
    yield DatasetRow, _bodies(knowledge.datasets.values(), "slug", "data_type")
    yield GpuRow, _bodies(knowledge.gpus.values(), "name", "memory_gb")
    yield CostRow, _bodies(knowledge.costs, "id", "architecture", "gpu_type")


def _bodies(entries: Iterable[BaseModel], *columns: str) -> list[dict[str, Any]]:
    found = []
    for entry in entries:
        body = entry.model_dump(mode="json")
        found.append({**{column: body[column] for column in columns}, "body": body})
    return found
