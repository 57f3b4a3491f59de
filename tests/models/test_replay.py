"""A finished run, played again by its steps."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from app.cli import app
from models import contract, replay
from models.contract import RunBudget, write_recipe
from models.outcome import Refused
from models.train import train
from tests.models import tiny


def finished(run_dir: Path, **budget: float) -> dict[str, object]:
    write_recipe(run_dir, tiny.recipe("progan"), RunBudget(**budget))  # type: ignore[arg-type]
    assert train(run_dir) == contract.EXIT_OK
    return dict(json.loads((run_dir / contract.REPORT).read_text()))


def test_a_run_that_the_clock_ended_replays_to_the_last_bit_and_a_changed_figure_is_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = finished(tmp_path, seconds=1.5)
    assert told["pace"], "what it went by is written down"
    monkeypatch.setattr(sys, "argv", ["replay", str(tmp_path)])
    assert replay.main() == contract.EXIT_OK
    assert "the same to the last bit" in capsys.readouterr().out
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"runs": {"candidate": {**told, "ema_sha256": "0" * 64}, "lost": None}}))
    monkeypatch.setattr(sys, "argv", ["replay", str(other)])
    assert replay.main() == replay.EXIT_DIFFERENT
    assert "differs in ema_sha256" in capsys.readouterr().out


def test_a_run_goes_on_from_a_share_of_its_budget_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    whole = finished(tmp_path / "whole", steps=8)
    half = finished(tmp_path / "parts", steps=8, share=0.5)
    assert half["steps"] == 4
    (tmp_path / "parts" / contract.REPORT).rename(tmp_path / "parts" / "first.json")
    again = finished(tmp_path / "parts", steps=8)
    assert (again["steps"], again["ema_sha256"]) == (8, whole["ema_sha256"])


def test_a_report_that_names_a_data_set_without_its_place_replays_where_that_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "own" / "faces"
    place.mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (64, 8, 8), dtype=np.uint8)
    for number, pixels in enumerate(noise):
        Image.fromarray(pixels).save(place / f"{number}.png")
    write_recipe(tmp_path / "run", dataclasses.replace(tiny.recipe("gan"), dataset=str(place)), RunBudget(steps=2))
    assert train(tmp_path / "run") == contract.EXIT_OK
    report = tmp_path / "report.json"
    report.write_text((tmp_path / "run" / contract.REPORT).read_text().replace(str(place), "faces"))
    monkeypatch.setattr(sys, "argv", ["replay", str(report)])
    assert replay.main() == contract.EXIT_BAD_RECIPE
    assert "gan: cannot be replayed: " in capsys.readouterr().out
    ended = CliRunner().invoke(app, ["replay", str(report), "--dataset", str(place)])
    assert ended.exit_code == contract.EXIT_OK, "the same to the last bit"
    next(place.glob("*.png")).unlink()
    monkeypatch.setattr(sys, "argv", ["replay", str(report), "--dataset", str(place)])
    assert replay.main() == replay.EXIT_DIFFERENT
    assert "differs in dataset" in capsys.readouterr().out


def test_what_cannot_be_replayed_says_why(tmp_path: Path) -> None:
    told = finished(tmp_path, steps=1)
    with pytest.raises(Refused, match="fell back"):
        replay.replay({**told, "setbacks": 1})
    told.pop("pace")
    with pytest.raises(Refused, match="earlier version"):
        replay.replay(told)


def test_a_disk_without_room_ends_a_run_with_its_own_code_and_it_goes_on_once_there_is_room(tmp_path: Path) -> None:
    write_recipe(tmp_path, tiny.recipe("gan"), RunBudget(steps=2))
    limited = (
        "import pathlib, resource, sys; from models.train import train; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, -1)); "
        "sys.exit(train(pathlib.Path(sys.argv[1])))"
    )
    ended = subprocess.run([sys.executable, "-B", "-c", limited, str(tmp_path)], check=False)
    assert ended.returncode == contract.EXIT_NO_SPACE
    assert not list(tmp_path.glob(".*.new")), "nothing half written is left to take what room there is"
    assert train(tmp_path) == contract.EXIT_OK
