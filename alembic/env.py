"""Runs the migrations against the database of the settings. The engine's tables stay out of autogenerate."""

import sqlalchemy as sa
from alembic import context

from app.db import make_engine
from app.settings import settings
from app.tables import Table

metadata = Table.metadata


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    if kind == "table":
        return name in metadata.tables
    return name is None if kind == "schema" else True


def migrate() -> None:
    url = context.config.get_main_option("sqlalchemy.url") or settings().url
    engine = make_engine(url)
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_lock(7203417)"))
        context.configure(connection=connection, target_metadata=metadata, include_name=include_name, render_as_batch=True)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    engine.dispose()


migrate()
