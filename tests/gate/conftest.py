"""The kept advisor is read once for the room, not once for each command."""

from __future__ import annotations

import pytest

from app import fitted
from tests.gate.decided import advisor


@pytest.fixture(autouse=True)
def _read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitted, "shipped", advisor)
