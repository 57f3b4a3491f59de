"""Each law, shown failing on a planted defect."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from app.knowledge.lint import Finding, lint
from app.knowledge.sources import fault

NETWORKS = frozenset({"dcgan"})


def replace(root: Path, name: str, old: str, new: str) -> None:
    path = root / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def findings(root: Path, networks: frozenset[str] = NETWORKS) -> list[Finding]:
    return lint(root, networks)


def test_the_shipped_knowledge_breaks_no_law() -> None:
    assert [str(f) for f in lint()] == []


def test_the_small_base_breaks_no_law(small: Path) -> None:
    assert findings(small) == []


def test_a_finding_reads_place_fault_and_tip(small: Path) -> None:
    replace(small, "benchmarks/cifar10.csv", ",49.03,", ",4903,")
    (found,) = findings(small)
    assert str(found) == "benchmarks/cifar10.csv:2 fid 4903 is outside 0-600. Tip: was the decimal point lost?"


CARD, CSV, RULES = "architectures/dcgan.yaml", "benchmarks/cifar10.csv", "rules/augmentation.yaml"
DEFECTS: dict[str, tuple[str, str, str, str, int]] = {
    "an unknown field": ("schema", CARD, "family: dcgan", "family: dcgan\nfamly: x", 4),
    "a missing field": ("schema", CARD, "family: dcgan\n", "", 1),
    "a word for a number": ("schema", CSV, ",49.03,", ",low,", 2),
    "a value that is no number": ("range", CSV, ",49.03,", ",nan,", 2),
    "a missing column": ("schema", CSV, "architecture,variant,", "architecture,", 1),
    "broken YAML": ("schema", RULES, "- id: augment", "- id: [augment", 2),
    "an empty locator": ("schema", CSV, ",Table 1,", ",,", 2),
    "a blank locator": ("source", CSV, ",Table 1,", ", ,", 2),
    "another slug than the file name": ("names", CARD, "slug: dcgan", "slug: dcgan2", 1),
    "a rule in the file of another topic": ("names", RULES, "topic: augmentation", "topic: data", 2),
    "fields out of order": ("format", CARD, "name: DCGAN\nfamily: dcgan", "family: dcgan\nname: DCGAN", 2),
    "an alias that is a slug": ("unique", CARD, "family:", "aliases: [sngan]\nfamily:", 3),
    "an unknown architecture": ("slugs", CSV, "dcgan,,", "dcgam,,", 2),
    "an unknown metric": ("slugs", CSV, ",fid,49", ",fidd,49", 2),
    "an unknown successor": ("slugs", CARD, "[sngan]", "[snagan]", 6),
    "a task the card lacks": ("slugs", CSV, "dcgan,,uncond", "dcgan,,class-cond", 2),
    "a task that ranks by an unknown metric": ("slugs", "tasks.yaml", "fid-clean", "fid-cleen", 5),
    "a source that nobody can open": ("source", CSV, "arXiv:1511.06434", "a blog", 2),
    "a source without a commit": ("source", CSV, "arXiv:1511.06434", "github:a/b:README.md", 2),
    "a whole repository as source": ("source", CSV, "arXiv:1511.06434", "github:a/b@0123456789", 2),
    "a card without a source": ("source", CARD, "arXiv:1511.06434", "hearsay", 7),
    "a rule without because": ("rules", RULES, "because: It helps.", "because: ''", 6),
    "a rule without source": ("rules", RULES, "arXiv:2006.10738", "experience", 7),
    "a rule that never fires": ("rules", RULES, "architecture: dcgan", "architecture: dcgan\n      fires: false", 9),
    "a rule with two effects": ("rules", RULES, "{advise: Augment.}", "{advise: Augment., exclude: true}", 4),
    "a rule that looks nowhere": ("rules", RULES, "data.samples", "data.sample", 3),
    "a rule that assumes nothing": ("rules", RULES, "{advise: Augment.}", "{assume: {/data/sample: 1}}", 4),
    "a golden case that is no task": ("rules", RULES, "samples: 1000", "samples: -1", 9),
    "a metric without a range": ("range", "metrics.yaml", "  high: 100.0\n", "", 4),
}  # fmt: skip


@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_is_found_where_it_is(name: str, small: Path) -> None:
    law, path, old, new, at = DEFECTS[name]
    replace(small, path, old, new)
    hits = [f for f in findings(small) if f.law == law]
    assert hits, "the law did not notice"
    assert (hits[0].path, hits[0].line) == (path, at), str(hits[0])


def test_an_unknown_name_is_answered_with_the_nearest(small: Path) -> None:
    replace(small, "benchmarks/cifar10.csv", "dcgan,,", "dcgam,,")
    assert "Tip: did you mean dcgan?" in str(findings(small)[0])


def test_a_figure_of_an_unknown_data_set_is_found(small: Path) -> None:
    (small / "benchmarks" / "cifar10.csv").rename(small / "benchmarks" / "cifar11.csv")
    assert {f.text for f in findings(small)} == {"dataset 'cifar11' is not known"}


def test_the_same_figure_twice_is_found(small: Path) -> None:
    path = small / "benchmarks" / "cifar10.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines, lines[-1].replace("13.25", "13.3")]))
    assert [(f.law, f.line) for f in findings(small) if f.law == "unique"] == [("unique", 4)]


def test_works_that_disagree_must_say_so(small: Path) -> None:
    path = small / "benchmarks" / "cifar10.csv"
    row = path.read_text().splitlines()[1].replace("49.03", "21.5").replace("arXiv:1511.06434", "arXiv:1802.05957")
    path.write_text(path.read_text() + row + "\n")
    found = [f for f in findings(small) if f.law == "disagreements"]
    assert sorted(f.tip for f in found) == [
        "add `disagrees with arXiv:1511.06434: 49.03` to notes",
        "add `disagrees with arXiv:1802.05957: 21.5` to notes",
    ]
    path.write_text(path.read_text().replace(",Table 1,", ",Table 1,two works disagree here"))
    assert [f for f in findings(small) if f.law == "disagreements"] == []


def test_a_network_without_an_architecture_is_found(small: Path) -> None:
    (found,) = findings(small, frozenset({"dcgan", "wgan-gp"}))
    assert found.text == "network 'wgan-gp' has no architecture"


def test_a_task_nobody_describes_is_found(small: Path) -> None:
    path = small / "tasks.yaml"
    _, _, rest = path.read_text().partition("\n\n")
    path.write_text(rest)
    assert [f.text for f in findings(small)] == ["task unconditional-image is not described"]


def test_a_stale_schema_is_found(small: Path) -> None:
    replace(small, "schema.json", "{", "{ ")
    assert [f.law for f in findings(small)] == ["fresh"]


def waive(root: Path, law: str, subject: str, reason: str = "the authors say so") -> None:
    entry = f"- law: {law}\n  subject: {subject}\n  reason: {reason!r}\n  date: {date(2026, 11, 23)}\n"
    (root / "waivers.yaml").write_text(entry)


def test_a_waiver_lifts_its_finding_and_no_other(small: Path) -> None:
    replace(small, "benchmarks/cifar10.csv", ",49.03,", ",4903,")
    replace(small, "benchmarks/cifar10.csv", ",13.25,", ",1325,")
    first, second = findings(small)
    waive(small, "range", first.subject)
    assert findings(small) == [second]


@pytest.mark.parametrize(
    ("plant", "says"),
    [
        (lambda root: waive(root, "range", "cifar10/fid/dcgan/00000000"), "is stale"),
        (lambda root: waive(root, "range", "cifar10/fid/dcgan/00000000", ""), "gives no reason"),
        (lambda root: (root / "waivers.yaml").write_text("- law: range\n"), "cannot be read"),
    ],
)
def test_a_waiver_without_use_reason_or_date_is_an_error(small: Path, plant: Callable[[Path], None], says: str) -> None:
    plant(small)
    (found,) = findings(small)
    assert (found.law, found.path) == ("waivers", "waivers.yaml")
    assert says in found.text


@pytest.mark.parametrize(
    "source",
    [
        "arXiv:2006.06676",
        "arXiv:2006.06676v2",
        "doi:10.1145/3721238.3730601",
        "openreview:rJedV3R5tm",
        "github:NVlabs/stylegan3:docs/configs.md@c233a919a6",
        "github:NVlabs/stylegan3#166",
        "arXiv:2006.06676 ; github:NVlabs/stylegan3#166",
    ],
)
def test_an_address_that_opens_is_a_source(source: str) -> None:
    assert fault(source) is None


@pytest.mark.parametrize(
    "source", ["", "task", "arXiv:20.06676", "github:a/b:README.md", "https://example.com/table", "github:a/b@main"]
)
def test_an_address_that_is_not_exact_is_no_source_of_a_figure(source: str) -> None:
    assert fault(source) is not None
