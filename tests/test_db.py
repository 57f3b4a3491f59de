"""The database comes up by migration alone, and holds what it was told."""

from __future__ import annotations

import subprocess
import sys

import pytest
import sqlalchemy as sa

from app import db
from app.tables import Table, WorkerRow


def _worker(name: str) -> WorkerRow:
    return WorkerRow(executor_id=name, host="h", pid=1, device="cpu", started_at=0.0, seen=0.0, state="live")


def test_a_transaction_commits_at_its_end(database: str) -> None:
    with db.transaction() as session:
        session.add(_worker("a"))
    with db.reading() as session:
        assert session.get(WorkerRow, "a") is not None


def test_a_transaction_that_raises_leaves_nothing(database: str) -> None:
    with pytest.raises(ZeroDivisionError), db.transaction() as session:
        session.add(_worker("a"))
        session.flush()
        raise ZeroDivisionError
    with db.reading() as session:
        assert session.get(WorkerRow, "a") is None


def test_the_database_clock_is_the_wall_clock(database: str) -> None:
    import time

    with db.reading() as session:
        assert abs(db.now(session) - time.time()) < 5


def test_the_migrations_make_exactly_the_tables_of_this_version(database: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    def ours(name: str | None, kind: str, _parents: object) -> bool:
        return name in Table.metadata.tables if kind == "table" else True

    with db.engine().connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": ours})
        assert compare_metadata(context, Table.metadata) == []


def test_four_starters_may_upgrade_one_empty_database_at_once(tmp_path: object) -> None:
    starters = [subprocess.Popen([sys.executable, "-c", "from app import db; db.upgrade()"]) for _ in range(4)]
    assert [starter.wait(60) for starter in starters] == [0, 0, 0, 0]
    with db.engine().connect() as connection:
        assert "validations" in sa.inspect(connection).get_table_names()
