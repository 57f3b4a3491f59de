"""Backups of the embedded database, and upgrades from every released revision with rows in every table."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from app import db
from app.errors import AdvisorError, Conflict, Unprocessable
from app.settings import settings
from app.tables import Table, WorkerRow
from tests.conftest import STORES, _admin, _with_database, forget_settings

RELEASED = [r.revision for r in reversed(list(ScriptDirectory(str(db.PROJECT / "alembic")).walk_revisions()))][:-1]


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(db.PROJECT / "alembic"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def _fill(connection: sa.Connection) -> dict[str, int]:
    """One row in every table of ours; how many rows each has then."""
    known = sa.MetaData()
    known.reflect(connection, only=lambda name, _: name in Table.metadata.tables)
    for table in known.sorted_tables:
        if connection.scalar(sa.select(sa.func.count()).select_from(table)) == 0:
            row = {column.name: _value(column) for column in table.columns if not column.nullable or column.foreign_keys}
            connection.execute(table.insert().values(**row))
    return {t.name: connection.scalar(sa.select(sa.func.count()).select_from(t)) or 0 for t in known.sorted_tables}


def _value(column: sa.Column[Any]) -> Any:
    kind = Table.metadata.tables[column.table.name].columns[column.name].type if _has(column) else column.type
    if isinstance(kind, sa.JSON):
        return {}
    if isinstance(kind, sa.LargeBinary):
        return b"x"
    if isinstance(kind, sa.Boolean):
        return False
    return 1 if isinstance(kind, sa.Integer | sa.Float | sa.Numeric) else "x"


def _has(column: sa.Column[Any]) -> bool:
    return column.name in Table.metadata.tables[column.table.name].columns


@pytest.fixture(params=STORES)
def empty(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The URL of a database that holds nothing."""
    if request.param == "sqlite":
        (tmp_path / "var").mkdir()
        url = f"sqlite:///{tmp_path}/var/gan-advisor.sqlite3"
    else:
        server = request.getfixturevalue("postgresql_url")
        with _admin(server) as connection:
            connection.execute(sa.text("CREATE DATABASE upgraded"))
        url = _with_database(server, "upgraded")
    monkeypatch.setenv("GAN_ADVISOR_DATABASE_URL", url)
    forget_settings()
    yield url
    forget_settings()
    if request.param == "postgresql":
        with _admin(request.getfixturevalue("postgresql_url")) as connection:
            connection.execute(sa.text("DROP DATABASE upgraded WITH (FORCE)"))


def test_rows_of_every_released_revision_are_there_after_the_upgrade_and_can_be_read(empty: str) -> None:
    held: dict[str, int] = {}
    for revision in RELEASED:  # each adds rows to the tables that it brought
        command.upgrade(_config(empty), revision)
        with db.engine().begin() as connection:
            held |= _fill(connection)
        command.upgrade(_config(empty), "head")
        with db.engine().connect() as connection:
            for name, table in Table.metadata.tables.items():
                rows = connection.execute(sa.select(table)).all()  # by the columns and types of this version
                assert len(rows) >= held.get(name, 0), f"{name} lost rows on the way from {revision}"
        command.downgrade(_config(empty), revision)
    command.upgrade(_config(empty), "head")
    assert db.revision() == db.head()
    assert {"validations", "validation_events", "measurements", "recommendations", "uploads", "ledger"} <= set(held)


def _worker(name: str) -> WorkerRow:
    return WorkerRow(executor_id=name, host="h", pid=1, device="cpu", started_at=0.0, seen=0.0, state="live")


def _names() -> set[str]:
    with db.reading() as session:
        return set(session.scalars(sa.select(WorkerRow.executor_id)))


def test_a_backup_taken_while_others_write_is_whole_and_can_be_restored(sqlite_database: str, tmp_path: Path) -> None:
    with db.transaction() as session:
        session.add(_worker("before"))
    ending = threading.Event()

    def write() -> None:
        number = 0
        while not ending.is_set():
            with db.transaction() as session:
                session.add(_worker(f"during-{number}"))
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        db.backup(tmp_path / "copy.sqlite3")
    finally:
        ending.set()
        writer.join()
    with sqlite3.connect(tmp_path / "copy.sqlite3") as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert (tmp_path / "copy.sqlite3").stat().st_mode & 0o077 == 0
    with db.transaction() as session:
        session.add(_worker("after"))
    db.restore(tmp_path / "copy.sqlite3")
    assert "before" in _names()
    assert "after" not in _names()
    with pytest.raises(Conflict):
        db.backup(tmp_path / "copy.sqlite3")


def test_a_backup_comes_back_where_there_is_no_database(
    sqlite_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.transaction() as session:
        session.add(_worker("kept"))
    db.backup(tmp_path / "copy.sqlite3")
    monkeypatch.setenv("GAN_ADVISOR_DATA_DIR", str(tmp_path / "elsewhere"))
    forget_settings()
    db.restore(tmp_path / "copy.sqlite3")
    assert _names() == {"kept"}
    files = list(settings().data_dir.glob("gan-advisor.sqlite3*"))
    assert len(files) > 1, "the database and its journal"
    assert all(file.stat().st_mode & 0o077 == 0 for file in files), "for its owner alone, as the backup is"


@pytest.mark.parametrize("content", [b"", b"no database", None])
def test_what_is_no_backup_is_refused_and_nothing_is_lost(sqlite_database: str, tmp_path: Path, content: bytes | None) -> None:
    with db.transaction() as session:
        session.add(_worker("kept"))
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    with pytest.raises(Unprocessable):
        db.restore(tmp_path / "file")
    assert _names() == {"kept"}


def test_for_postgresql_its_own_tools_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GAN_ADVISOR_DATABASE_URL", "postgresql+psycopg://nobody@localhost/none")
    forget_settings()
    with pytest.raises(AdvisorError, match="pg_dump"):
        db.backup(tmp_path / "copy")
