"""Pictures that are well-formed, say what they show, and put values where they belong."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from app.dashboard.charts import Bar, Scale, Series, against, alone, curves, intervals

SVG = "{http://www.w3.org/2000/svg}"
BARS = [Bar("1  <A>", 5, 2, 13), Bar("2  B & sons", 3.6, 1.5, 8.4)]


def per_cent(element: ET.Element, name: str) -> float:
    return float(element.attrib[name].rstrip("%"))


def test_intervals_are_drawn_to_one_scale_with_a_title_and_a_description() -> None:
    root = ET.fromstring(intervals(BARS, title="Ranking & more", desc="<said>"))
    assert (root.findtext(f"{SVG}title"), root.findtext(f"{SVG}desc")) == ("Ranking & more", "<said>")
    lines = root.findall(f".//{SVG}line[@class='i']")
    dots = root.findall(f".//{SVG}circle")
    assert per_cent(lines[1], "x1") == 2.0, "the least value is at the left"
    assert per_cent(lines[0], "x2") == 98.0, "the greatest at the right"
    for line, dot in zip(lines, dots, strict=True):
        assert per_cent(line, "x1") < per_cent(dot, "cx") < per_cent(line, "x2")
    assert [t.text for t in root.iter(f"{SVG}text") if t.attrib["class"] == "t"] == ["1  <A>", "2  B & sons"]


def test_a_scale_is_logarithmic_only_over_a_wide_positive_range() -> None:
    assert Scale(1, 1000).log
    assert Scale(1, 1000)(1000**0.5) == 0.5
    assert not Scale(0, 1000).log
    assert not Scale(2, 13).log


def test_ticks_are_round_and_inside() -> None:
    assert Scale(1.5, 13.6).ticks() == [5, 10]
    assert Scale(0.9, 2000).ticks() == [1, 10, 100, 1000]
    assert Scale(3, 3).ticks(), "one value still has an axis"


def test_a_bar_beyond_its_limit_is_marked_and_the_limit_stays_in_the_picture() -> None:
    svg = against(66, 154, 361, 24, label="GPU time")
    assert 'class="against over"' in svg
    limit = ET.fromstring(svg).find("line[@class='limit']")
    assert limit is not None
    assert 0 < per_cent(limit, "x1") < 100
    assert "over" not in against(1, 2, 3, 24, label="GPU time")


def test_a_series_of_one_point_is_a_level_across() -> None:
    series = [Series("baseline", [(0, 0.31)]), Series("candidate", [(1, 0.3), (2, 0.1)])]
    root = ET.fromstring(curves(series, title="KID", desc="d"))
    level, line = root.iter(f"{SVG}polyline")
    assert level.attrib["class"] == "s0 level"
    assert level.attrib["points"].startswith("0.0,")
    assert level.attrib["points"].split()[1].startswith("1000.0,")
    assert [p.split(",")[0] for p in line.attrib["points"].split()] == ["500.0", "1000.0"]


def test_a_picture_of_its_own_brings_its_colours() -> None:
    root = ET.fromstring(alone(intervals(BARS, title="t", desc="d")))
    assert "prefers-color-scheme:dark" in (root.findtext(f"{SVG}style") or "")
