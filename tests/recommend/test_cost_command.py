"""`gan-advisor estimate`: corrected by what was measured here, and the same answer where nothing was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app import db
from app.cli import app
from app.tables import LedgerRow
from tests.conftest import forget_settings


def estimated(*asked: str) -> dict[str, Any]:
    ran = CliRunner().invoke(app, ["estimate", "wgan", "--gpu", "CPU", "--resolution", "32", *asked, "--json"])
    assert ran.exit_code == 0, ran.output
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_the_ledger_of_the_database_corrects_what_the_command_says(sqlite_database: str) -> None:
    before = estimated()
    body = {
        "task": "",
        "resolution": 32,
        "length": 0,
        "width": 16,
        "batch_size": 16,
        "precision": "fp32",
        "device": "",
        "basis": "",
    }
    with db.transaction() as session:
        for i in range(5):
            session.add(
                LedgerRow(
                    id=f"a/{i}", hardware="CPU", quantity="time", architecture="gan",
                    predicted=1.0, low=0.5, high=2.0, measured=3.0, body=body, created_at=1.0,
                )
            )  # fmt: skip
    after = estimated()
    assert (before["ledger_pairs"], after["ledger_pairs"]) == (0, 5)
    assert after["seconds_per_kimg"]["expected"] > 2 * before["seconds_per_kimg"]["expected"]


def test_without_a_database_none_is_made(tmp_path: Path) -> None:
    assert estimated()["ledger_pairs"] == 0
    assert not (tmp_path / "var").exists()


def test_a_database_that_cannot_be_read_is_said_and_the_estimate_goes_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "other.db").write_text("no database")
    monkeypatch.setenv("GAN_ADVISOR_DATABASE_URL", f"sqlite:///{tmp_path / 'other.db'}")
    forget_settings()
    assert estimated()["ledger_pairs"] == 0
    assert "the ledger was not read" in caplog.text
