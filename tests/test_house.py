"""The written laws of the house that import-linter cannot see."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*ROOT.glob("app/**/*.py"), *ROOT.glob("models/**/*.py")])


def calls(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every attribute and name used in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Name):
            yield node.lineno, node.id


def offences(ends: tuple[str, ...], allowed: set[str], *, under: str) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in SOURCES
        if path.relative_to(ROOT).as_posix() not in allowed and path.relative_to(ROOT).as_posix().startswith(under)
        for line, name in calls(path)
        if name.endswith(ends)
    ]


def test_only_db_commits() -> None:
    # A commit elsewhere splits a row from its enqueue, and a crash between the two loses a validation.
    assert offences((".commit", ".begin", ".begin_nested"), {"app/db.py"}, under="app/") == []


def test_only_settings_reads_the_environment() -> None:
    # A setting read elsewhere has no help, no type and no place in the list of settings.
    allowed = {"app/settings.py", "models/train.py"}
    assert offences(("os.environ", "os.getenv", "environ", "getenv"), allowed, under="") == []


def test_alembic_is_not_a_package() -> None:
    assert not (ROOT / "alembic" / "__init__.py").exists(), "it would shadow the library"


@pytest.mark.parametrize("module", ["models", "models.contract", "app.main", "app.cli", "app.recommend"])
def test_importing_the_service_does_not_import_torch(module: str) -> None:
    code = f"import {module}, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_no_import_touches_the_disk_or_the_network(tmp_path: Path) -> None:
    code = """
import sys, pathlib
import fastapi, sqlalchemy, dbos, numpy, scipy.linalg, scipy.stats, rich.console, typer, jinja2, orjson, httpx, yaml
def audit(event, args):
    if event == "open" and isinstance(args[0], str) and args[1] and set(args[1]) & set("wax+") or event == "socket.connect":
        if not str(args[0]).endswith(".pyc") and "__pycache__" not in str(args[0]):
            print(event, args); sys.stdout.flush(); import os; os._exit(3)
sys.dont_write_bytecode = True
sys.addaudithook(audit)
import app.main, app.cli
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stdout + run.stderr
