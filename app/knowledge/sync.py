"""The knowledge base in the database: one transaction, and none at all when the digest is there already."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.orm import Session

from app import db
from app.errors import KnowledgeOutOfDate, NotReady
from app.tables import ArchitectureRow, BenchmarkRow, CostRow, DatasetRow, GpuRow, KnowledgeState, RuleRow, Table
from app.vocabulary import Knowledge


@dataclass(frozen=True)
class SyncReport:
    """What a sync did: rows written, none when the database already held this knowledge."""

    changed: bool
    rows: int
    seconds: float


def sync(knowledge: Knowledge) -> SyncReport:
    """Replaces the shipped rows of the database by these; a team's own figures stay."""
    begun = time.perf_counter()
    with db.transaction() as session:
        _one_at_a_time(session)
        if session.scalar(sa.select(KnowledgeState.sha256)) == knowledge.sha256:
            return SyncReport(False, 0, time.perf_counter() - begun)
        written = sum(_replace(session, table, rows) for table, rows in _tables(knowledge))
        session.execute(sa.delete(KnowledgeState))
        stamped = {"version": knowledge.version, "sha256": knowledge.sha256, "synced_at": db.now(session)}
        session.execute(sa.insert(KnowledgeState).values(id=1, **stamped))
    return SyncReport(True, written, time.perf_counter() - begun)


def stamp() -> str | None:
    """The digest of the knowledge in the database; None before the first sync. Raises NotReady where the tables are missing."""
    try:
        with db.reading() as session:
            return session.scalar(sa.select(KnowledgeState.sha256))
    except (sa.exc.OperationalError, sa.exc.ProgrammingError):
        if sa.inspect(db.engine()).has_table(KnowledgeState.__tablename__):
            raise
        raise NotReady("the database has no tables yet: run `gan-advisor db upgrade`") from None


def require(knowledge: Knowledge) -> None:
    """Raises KnowledgeOutOfDate, which names the command that mends it, unless the database holds exactly this knowledge."""
    held = stamp()
    if held != knowledge.sha256:
        found = f"holds {held[:12]}" if held else "holds none"
        raise KnowledgeOutOfDate(
            f"the database {found}, this program ships {knowledge.sha256[:12]}: run `gan-advisor knowledge sync`"
        )


def _one_at_a_time(session: Session) -> None:
    """SQLite holds the write lock from BEGIN on; PostgreSQL needs to be told, or two first syncs collide on their inserts."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text(f"LOCK TABLE {KnowledgeState.__tablename__} IN SHARE ROW EXCLUSIVE MODE"))


def _replace(session: Session, table: type[Table], rows: Sequence[dict[str, Any]]) -> int:
    shipped = sa.delete(table)
    session.execute(shipped.where(table.team.is_(None)) if table is BenchmarkRow else shipped)
    if rows:
        session.execute(sa.insert(table), rows)
    return len(rows)


def _tables(knowledge: Knowledge) -> list[tuple[type[Table], list[dict[str, Any]]]]:
    figures = ("id", "architecture", "task", "dataset", "metric", "resolution", "value", "reported_by")
    designs = ("slug", "name", "kind", "family", "year", "licence")
    return [
        (ArchitectureRow, _rows(knowledge.architectures.values(), designs)),
        (BenchmarkRow, _rows(knowledge.benchmarks, figures)),
        (RuleRow, _rows(knowledge.rules, ("id", "topic"))),
        (DatasetRow, _rows(knowledge.datasets.values(), ("slug", "data_type"))),
        (GpuRow, _rows(knowledge.gpus.values(), ("name", "memory_gb"))),
        (CostRow, _rows(knowledge.costs, ("id", "architecture", "gpu_type"))),
    ]


def _rows(entries: Any, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    rows = []
    for entry in entries:
        body = _plain(entry)
        rows.append({name: body.get(name) for name in columns} | {"body": body})
    return rows


def _plain(entry: BaseModel) -> dict[str, Any]:
    return entry.model_dump(mode="json", exclude_none=True)
