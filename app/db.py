"""The one place that commits. Our tables and the queue engine's share one engine, so a row and its enqueue share a transaction."""

from __future__ import annotations

import fcntl
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import Conflict, Unprocessable
from app.settings import settings
from app.tables import Table

IDLE_SECONDS = 20
PROJECT = Path(__file__).resolve().parents[1]


def make_engine(url: str) -> sa.Engine:
    """SQLite in WAL mode with every commit on disk, or PostgreSQL."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        # A process frozen inside a transaction must not keep its row locks for ever.
        options = {"options": f"-c idle_in_transaction_session_timeout={IDLE_SECONDS * 1000}"}
        return sa.create_engine(parsed, pool_pre_ping=True, pool_size=10, max_overflow=20, connect_args=options)
    if parsed.database:
        _make_private(Path(parsed.database))
    engine = sa.create_engine(parsed, connect_args={"timeout": 30, "check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def _settle(connection: Any, _record: object) -> None:
        # A first write takes the lock at its BEGIN: a deferred one fails with SQLITE_BUSY in mid transaction, timeout or not.
        connection.isolation_level = "IMMEDIATE"
        for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        if sqlite3.sqlite_version_info < (3, 42):
            # From Python 3.12 on the queue engine asks for unixepoch('subsec'), which an older SQLite answers with NULL.
            connection.create_function("unixepoch", 1, lambda _: round(time.time(), 3))

    return engine


@cache
def engine() -> sa.Engine:
    """The engine of this process, for the database of the settings."""
    return make_engine(settings().url)


_COMMITS = count(1)
_committed = 0


@contextmanager
def transaction(*, unseen: bool = False) -> Iterator[Session]:
    """A session that commits at the end, or rolls back when the block raises. `unseen` is what no figure can follow from."""
    global _committed
    with Session(engine(), expire_on_commit=False) as session, session.begin():
        yield session
    if not unseen:
        _committed = next(_COMMITS)


def committed() -> int:
    """Another number after every commit of this process that is not `unseen`: what was read before may have changed since."""
    return _committed


@contextmanager
def reading() -> Iterator[Session]:
    """A session for reads alone; nothing it holds is written."""
    with Session(engine(), expire_on_commit=False) as session:
        yield session  # closing it detaches what was read, still filled; a rollback would empty it


def insert_if_absent(session: Session, table: type[Table], row: dict[str, Any]) -> bool:
    """Inserts a row unless its primary key is there; True when it was inserted. Races between processes are settled by the store."""
    from sqlalchemy.dialects import postgresql, sqlite

    insert = sqlite.insert if _is_sqlite(session) else postgresql.insert
    done = session.execute(insert(table).values(**row).on_conflict_do_nothing().returning(sa.literal(1)))
    return done.first() is not None


def insert_absent(session: Session, table: type[Table], rows: Sequence[dict[str, Any]]) -> None:
    """Inserts the rows whose primary keys are not there."""
    from sqlalchemy.dialects import postgresql, sqlite

    insert = sqlite.insert if _is_sqlite(session) else postgresql.insert
    session.execute(insert(table).on_conflict_do_nothing(), list(rows))


def now(session: Session) -> float:
    """Epoch seconds by the database clock, which all hosts share."""
    text = (
        "SELECT (julianday('now') - 2440587.5) * 86400.0"
        if _is_sqlite(session)
        else "SELECT extract(epoch from clock_timestamp())"
    )
    return float(session.execute(sa.text(text)).scalar_one())


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def upgrade() -> None:
    """Brings the database to this version: the queue engine's tables, then ours. Safe to call from several processes at once."""
    from alembic import command
    from alembic.config import Config
    from dbos import DBOS

    url = settings().url
    settings().data_dir.mkdir(parents=True, exist_ok=True)
    with (settings().data_dir / "upgrade.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        engine().connect().close()  # creates an embedded file with its settings
        DBOS.migrate(url)
        config = Config()
        config.set_main_option("script_location", str(PROJECT / "alembic"))
        config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
        command.upgrade(config, "head")


def revision() -> str | None:
    """The revision that the database is at; None before the first migration."""
    with engine().connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


@cache
def head() -> str:
    """The revision that this version needs."""
    from alembic.script import ScriptDirectory

    return str(ScriptDirectory(str(PROJECT / "alembic")).get_current_head())


def backup(path: Path) -> None:
    """A copy of the embedded database as it is now; services and workers go on. Raises Unprocessable for another store."""
    if path.exists():
        raise Conflict(f"{path} exists; a backup overwrites nothing")
    source = sqlite3.connect(f"file:{_embedded()}?mode=ro", uri=True)
    partial = path.with_name(path.name + ".part")
    partial.unlink(missing_ok=True)
    _make_private(partial)
    with closing(source), closing(sqlite3.connect(partial)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
    partial.rename(path)


def restore(path: Path) -> None:
    """Puts a backup in the place of the embedded database, and brings it to this version. Stop services and workers before.

    Raises Unprocessable for a file that is none of our databases, or is broken.
    """
    target = _embedded()
    try:
        with closing(sqlite3.connect(f"file:{path.absolute()}?mode=ro", uri=True)) as source:
            whole = source.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            source.execute("SELECT version_num FROM alembic_version").fetchone()
            if not whole:
                raise Unprocessable(f"{path} is damaged")
            _make_private(target)
            with closing(sqlite3.connect(target, timeout=30)) as copy:
                source.backup(copy)
    except sqlite3.Error as error:
        raise Unprocessable(f"{path} cannot be restored: {error}") from None
    engine().dispose()
    upgrade()


def _make_private(path: Path) -> None:
    """A file for its owner alone, since it holds the secrets that webhooks are signed with; the files beside it follow its mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if str(path) != ":memory:":
        path.touch(mode=0o600)


def _embedded() -> Path:
    parsed = sa.make_url(settings().url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise Unprocessable("this is for the embedded database; for PostgreSQL take pg_dump and pg_restore")
    return Path(parsed.database)
