"""The knowledge base in the database: one transaction, and none at all when the digest is there already."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
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
    """What a sync did: whether it wrote, the rows that the database holds now, and the seconds it took."""

    changed: bool
    rows: int
    seconds: float


def sync(knowledge: Knowledge) -> SyncReport:
    """Replaces the shipped rows of the database by these; a team's own figures stay."""
    begun = time.perf_counter()
    with db.transaction() as session:
        _one_at_a_time(session)
        changed = session.scalar(sa.select(KnowledgeState.sha256)) != knowledge.sha256
        if changed:
            for table, entries, columns in _tables(knowledge):
                _replace(session, table, _rows(entries, columns))
            session.execute(sa.delete(KnowledgeState))
            stamped = {"version": knowledge.version, "sha256": knowledge.sha256, "synced_at": db.now(session)}
            session.execute(sa.insert(KnowledgeState).values(id=1, **stamped))
    held = sum(len(entries) for _, entries, _ in _tables(knowledge))
    return SyncReport(changed, held, time.perf_counter() - begun)


def stamp() -> str | None:
    """The digest of the knowledge in the database; None before the first sync, and while the tables are missing."""
    try:
        with db.reading() as session:
            return session.scalar(sa.select(KnowledgeState.sha256))
    except (sa.exc.OperationalError, sa.exc.ProgrammingError):
        if sa.inspect(db.engine()).has_table(KnowledgeState.__tablename__):
            raise
        return None


def require(knowledge: Knowledge) -> None:
    """Raises KnowledgeOutOfDate, which names the command that mends it, unless the database holds exactly this knowledge."""
    held = stamp()
    if held != knowledge.sha256:
        found = f"knowledge {held[:12]}" if held else "no knowledge"
        raise KnowledgeOutOfDate(f"the database holds {found}, this version ships {knowledge.sha256[:12]}; {MEND}")


def _one_at_a_time(session: Session) -> None:
    """Locks before the digest is read: two first syncs would else both find none, and collide on their inserts."""
    lock = {"sqlite": "BEGIN IMMEDIATE", "postgresql": f"LOCK TABLE {KnowledgeState.__tablename__} IN SHARE ROW EXCLUSIVE MODE"}
    session.execute(sa.text(lock[session.get_bind().dialect.name]))


def _replace(session: Session, table: type[Table], rows: list[dict[str, Any]]) -> None:
    shipped = sa.delete(table)
    session.execute(shipped.where(BenchmarkRow.team.is_(None)) if table is BenchmarkRow else shipped)
    if rows:
        session.execute(sa.insert(table), rows)


def _tables(knowledge: Knowledge) -> list[tuple[type[Table], Collection[BaseModel], tuple[str, ...]]]:
    """Each table with its entries and the columns beside `body`."""
    figure = ("id", "architecture", "task", "dataset", "metric", "resolution", "value", "reported_by")
    design = ("slug", "name", "kind", "family", "year", "licence")
    return [
        (ArchitectureRow, knowledge.architectures.values(), design),
        (BenchmarkRow, knowledge.benchmarks, figure),
        (RuleRow, knowledge.rules, ("id", "topic")),
        (DatasetRow, knowledge.datasets.values(), ("slug", "data_type")),
        (GpuRow, knowledge.gpus.values(), ("name", "memory_gb")),
        (CostRow, knowledge.costs, ("id", "architecture", "gpu_type")),
    ]


def _rows(entries: Iterable[BaseModel], columns: tuple[str, ...]) -> list[dict[str, Any]]:
    bodies = [entry.model_dump(mode="json", exclude_none=True) for entry in entries]
    return [{name: body.get(name) for name in columns} | {"body": body} for body in bodies]
