"""Numbers with their units, and sources with their addresses."""

from __future__ import annotations

import pytest

from app.dashboard import text
from app.vocabulary import Interval


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0.4 s"), (41, "41 s"), (89.9, "90 s"), (720, "12 min"), (7560, "2.1 h"), (86_400, "24 h"), (293_760, "3.4 days")],
)
def test_a_duration_is_in_the_unit_a_person_would_say(seconds: float, said: str) -> None:
    assert text.duration(seconds) == said


@pytest.mark.parametrize(
    ("size", "said"), [(3.4e9, "3.4 GB"), (24e9, "24 GB"), (41_000, "41 kB"), (12, "12 B"), (None, "unknown")]
)
def test_sizes_are_in_decimal_units(size: float | None, said: str) -> None:
    assert text.gigabytes(size) == said


@pytest.mark.parametrize(
    ("value", "said"), [(4.956, "4.96"), (0.01243, "0.0124"), (1240.2, "1,240"), (20_000, "20,000"), (0.0, "0")]
)
def test_a_number_has_three_digits(value: float, said: str) -> None:
    assert text.number(value) == said


def test_an_interval_says_its_ends_or_that_nothing_is_known() -> None:
    assert text.interval(Interval(low=2.2, expected=7.8, high=27), text.hours) == "7.8 h (2.2 h to 27 h)"
    assert text.interval(Interval(low=None, expected=None, high=None)) == "unknown"


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("github:lucidrains/stylegan2-pytorch#223", "https://github.com/lucidrains/stylegan2-pytorch/issues/223"),
        ("arXiv:1706.08500", "https://arxiv.org/abs/1706.08500"),
        ("doi:10.1000/xyz(1)", "https://doi.org/10.1000/xyz(1)"),
        ("openreview:rJedV3R5tm", "https://openreview.net/forum?id=rJedV3R5tm"),
        ("url:https://example.org/a", "https://example.org/a"),
        ("github:NVlabs/stylegan3:docs/a b.md@c233a919", "https://github.com/NVlabs/stylegan3/blob/c233a919/docs/a%20b.md"),
        ("github:NVlabs/stylegan3", "https://github.com/NVlabs/stylegan3"),
        ("stored-text:123", None),
        ("javascript:alert(1)", None),
        ("url:javascript:alert(1)", None),
    ],
)
def test_a_source_links_to_the_place_it_names(source: str, address: str | None) -> None:
    assert text.source(source)[1] == address
