"""The example of the documentation, cell by cell, against a service and a worker of its own."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import pytest

from app.watch import local_address

NOTEBOOK = json.loads((Path(__file__).resolve().parents[2] / "docs" / "client.ipynb").read_text())
CELLS = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
PNG = b"\x89PNG"


def test_the_notebook_is_of_the_format_it_names_and_carries_no_outputs() -> None:
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in NOTEBOOK["cells"]}) == len(NOTEBOOK["cells"])
    assert not any(cell["outputs"] for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code")
    assert sum(len(line.strip()) > 0 for cell in CELLS for line in cell.splitlines()) <= 24


def test_it_goes_from_a_question_to_a_verdict(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shown: list[bytes] = []
    display = types.ModuleType("IPython.display")
    display.Image = shown.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    names: dict[str, object] = {}
    with local_address() as address:
        for cell in CELLS:
            source = cell.replace("http://127.0.0.1:8000", address).replace('"max_seconds": 60', '"max_seconds": 1')
            exec(source, names)
    said = capsys.readouterr().out
    assert said.startswith("1 ")
    assert "% " in said
    assert any(verdict in said.splitlines()[-1] for verdict in ("confirmed", "overturned", "inconclusive"))
    assert shown[0].startswith(PNG)
