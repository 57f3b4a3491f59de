"""The documentation builds, its links lead somewhere, and every command in it runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.test_readme import COMMANDS as IN_README
from tests.test_readme import ROOT

PAGES = sorted((ROOT / "docs").glob("**/*.md"))
BLOCKS = {page: re.findall(r"```sh\n(.*?)```", page.read_text(), re.S) for page in PAGES}
COMMANDS = sorted(
    {line for blocks in BLOCKS.values() for block in blocks for line in block.splitlines() if line.startswith(".venv")}
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
