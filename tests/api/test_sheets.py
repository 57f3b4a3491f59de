"""Tables for spreadsheets hold text where somebody wrote a formula."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from app.sheets import lines_of


class Row(BaseModel):
    note: str
    value: float = -1.5


def cells(note: str) -> list[str]:
    head, row = csv.reader("".join(lines_of([Row(note=note)], ["note", "value"])).splitlines(keepends=True))
    assert head == ["note", "value"]
    return row


@pytest.mark.parametrize("formula", ["=cmd|' /c calc'!A1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_a_formula_is_written_as_text(formula: str) -> None:
    assert cells(formula)[0].startswith("'")


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029\x0b\x0c\x1c\x1d\x1e\0")))
def test_every_text_comes_back_whole_and_none_starts_a_formula(note: str) -> None:
    found, value = cells(note)
    assert found in (note, "'" + note) and not found.startswith(("=", "+", "-", "@"))
    assert value == "-1.5", "a number stays a number"
