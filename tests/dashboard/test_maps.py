"""The map as a drawing: merged cells, borders only between winners, a letter in every region, safe text."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from app.dashboard.maps import _place, _short, drawn, legend_of
from app.vocabulary import KnowledgeStamp, MapAxis, Winner, WinnerMap

SVG = "{http://www.w3.org/2000/svg}"


def a_map(*rows: str, x_at: float | None = 30.0) -> WinnerMap:
    """A map from lines of letters, highest y first; a dot is no recommendation."""
    cells = tuple(tuple(None if c == "." else f"gan-{c}" for c in row) for row in reversed(rows))
    slugs = sorted({c for row in cells for c in row if c}, key=lambda s: -sum(row.count(s) for row in cells))
    winners = tuple(
        Winner(architecture=s, name=f"<{s}>", cells=sum(r.count(s) for r in cells), benchmark_ids=("a",)) for s in slugs
    )
    return WinnerMap(
        recommendation_id="x",
        knowledge=KnowledgeStamp(version="1", sha256="0"),
        x=MapAxis(pointer="/data/samples", values=tuple(10.0 * 3**i for i in range(len(rows[0]))), at=x_at),
        y=MapAxis(pointer="/budget/gpu_hours", values=tuple(1.0 * 2**i for i in range(len(rows))), at=2.0),
        cells=cells,
        winners=winners,
    )


def test_neighbours_are_one_rectangle_and_borders_run_between_winners_alone() -> None:
    svg = ET.fromstring(drawn(a_map("aaab", "aaab", "aa.."), legend=False))
    assert len(svg.findall(f"{SVG}rect")) == 6
    assert len(svg.findall(f"{SVG}line")) == 3
    assert not ET.fromstring(drawn(a_map("aaa", "aaa"), legend=False)).findall(f"{SVG}line")


def test_every_region_of_some_size_has_its_letter_and_the_legend_its_name() -> None:
    svg = ET.fromstring(drawn(a_map("aabb", "aabb", "bbaa", "bbaa"), legend=True))
    letters = [t.text for t in svg.findall(f"{SVG}text[@class='k']")]
    assert sorted(filter(None, letters)) == ["A", "A", "A", "B", "B", "B"]
    assert {"<gan-a>", "<gan-b>"} <= {t.text for t in svg.iter(f"{SVG}text")}
    assert [share for *_, share, _ in legend_of(a_map("aaab"))] == [75, 25]


def test_the_task_is_marked_where_it_lies_and_not_at_all_without_a_value() -> None:
    found = a_map("aab", "abb")
    svg = ET.fromstring(drawn(found, legend=False))
    (here,) = svg.findall(f"{SVG}circle")
    assert float(here.attrib["cx"].rstrip("%")) == pytest.approx(12 + 88 / 2)
    assert not ET.fromstring(drawn(a_map("ab", "ab", x_at=None), legend=False)).findall(f"{SVG}circle")


def test_a_place_is_even_on_a_log_scale() -> None:
    axis = MapAxis(pointer="/data/samples", values=(10.0, 100.0, 1000.0), at=None)
    assert [_place(axis, v) for v in (10, 1000**0.5, 100, 1000)] == pytest.approx([0, 0.5, 1, 2])


def test_labels_are_short_but_exact() -> None:
    assert [_short(v) for v in (0.5, 64, 1000, 1024, 10_000, 1_500_000)] == ["0.5", "64", "1k", "1024", "10k", "1.5M"]
