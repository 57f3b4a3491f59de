"""One form on disk: formatting twice changes nothing, and says what it changed."""

from __future__ import annotations

from pathlib import Path

from app.knowledge.fmt import fmt
from app.knowledge.load import load


def test_what_is_formatted_stays_as_it_is(small: Path) -> None:
    assert fmt(small) == []


def test_rows_are_sorted_and_numbers_written_short(small: Path) -> None:
    path = small / "benchmarks" / "cifar10.csv"
    wanted = path.read_text()
    head, first, second = wanted.splitlines()
    path.write_text("\r\n".join([head, second, first.replace("49.03", "49.030")]) + "\r\n", newline="")
    assert fmt(small, check=True) == [path]
    assert path.read_bytes() != wanted.encode()
    assert fmt(small) == [path]
    assert path.read_bytes() == wanted.encode()


def test_absent_fields_and_defaults_are_not_written(small: Path) -> None:
    path = small / "architectures" / "dcgan.yaml"
    wanted = path.read_text()
    path.write_text(wanted + "kind: gan\nvenue: null\nregularisation: []\nrecipe: {}\n")
    fmt(small)
    assert path.read_text() == wanted


def test_formatting_keeps_the_meaning_and_the_heading(small: Path) -> None:
    path = small / "rules" / "augmentation.yaml"
    path.write_text(
        "# What the paths mean.\n\n" + path.read_text().replace("because: It helps.", "because: >-\n    It\n    helps.")
    )
    before = load(small, frozenset())
    fmt(small)
    after = load(small, frozenset())
    assert path.read_text().startswith("# What the paths mean.\n\n- id: augment")
    assert (before.rules, before.architectures, before.benchmarks) == (after.rules, after.architectures, after.benchmarks)
