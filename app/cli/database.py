"""`gan-advisor db`: upkeep of the database."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Upkeep of the database.")


@app.command("upgrade")
def db_upgrade() -> None:
    """Brings the database to this version."""
    from app import db
    from app.settings import settings

    db.upgrade()
    url = settings().url
    sys.stdout.write(f"{url.split('@')[-1] if '@' in url else url} is up to date\n")


@app.command("backup")
def db_backup(file: Annotated[Path, typer.Argument(help="A new file.")]) -> None:
    """Copies the embedded database as it is now, while services and workers go on."""
    from app import db

    db.backup(file)
    sys.stdout.write(f"{file} holds the database; restore it with `gan-advisor db restore {file}`\n")


@app.command("restore")
def db_restore(file: Annotated[Path, typer.Argument(help="What `db backup` wrote.")]) -> None:
    """Puts a backup in the place of the embedded database. Stop services and workers before."""
    from app import db
    from app.settings import settings

    db.restore(file)
    sys.stdout.write(f"{settings().url} is restored, and up to date\n")
