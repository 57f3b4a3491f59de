"""Holds the knowledge files against their laws, one function per law.

A finding reads `benchmarks/cifar10.csv:41 fid 1677 is outside 0-600. Tip: was the decimal point lost?`
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from app.knowledge import laws, record
from app.knowledge.base import Base, Finding, gather, subject
from app.knowledge.files import KINDS, SHIPPED, Item, paths, short
from app.knowledge.fmt import SCHEMA, canonical, schema
from app.knowledge.load import line, networks
from app.knowledge.waivers import waived
from app.vocabulary import TaskSlug


def lint(root: Path = SHIPPED, trainable: frozenset[str] | None = None) -> list[Finding]:
    """Every finding, in the order of files and lines, waived ones left out."""
    base = gather(root, networks() if trainable is None else trainable)
    found = list(base.misfits)
    for check in LAWS:
        found += check(base)
    return sorted(waived(root, found), key=lambda f: (f.path, f.line, f.text))


def check_file_names(base: Base) -> Iterator[Finding]:
    """The file of an architecture is named by its slug, that of a rule by its topic."""
    for kind, name in (("architectures", "slug"), ("rules", "topic")):
        for item, entry in base.entries[kind]:
            if item.path.stem != getattr(entry, name):
                text = f"{name} {getattr(entry, name)!r} is not the file name"
                yield Finding("names", short(item.path), line(item, (name,)), subject(item), text, "rename one")


def check_canonical(base: Base) -> Iterator[Finding]:
    """Every file is sorted and formatted."""
    for kind in KINDS:
        for path in paths(base.root, kind):
            if path in base.broken:
                continue
            text, wanted = path.read_text(encoding="utf-8"), canonical(path, kind)
            if text != wanted:
                pairs = zip(text.splitlines(), wanted.splitlines(), strict=False)
                at = next((n for n, (a, b) in enumerate(pairs, 1) if a != b), 1)
                yield Finding("format", short(path), at, path.stem, "is not in canonical form", "run `gan-advisor knowledge fmt`")


def check_unique(base: Base) -> Iterator[Finding]:
    """No two entries of a kind share a key, and no alias is a slug."""
    for kind in KINDS:
        first: dict[str, Item] = {}
        for item, _ in base.entries[kind.name]:
            key = subject(item)
            if key in first:
                before = f"{short(first[key].path)}:{line(first[key])}"
                yield Finding(
                    "unique",
                    short(item.path),
                    line(item),
                    key,
                    f"has the key of {before}",
                    "delete one, or tell them apart by variant or locator",
                )
            first.setdefault(key, item)
    taken = set(base.slugs("architectures"))
    for item, card in base.entries["architectures"]:
        for alias in card.aliases:
            if alias in taken:
                yield Finding(
                    "unique",
                    short(item.path),
                    line(item, ("aliases",)),
                    card.slug,
                    f"alias {alias!r} is taken",
                    "drop it, or merge the cards",
                )
            taken.add(alias)


def check_slugs(base: Base) -> Iterator[Finding]:
    """Every name is known: architectures, data sets, metrics, successors; and every task of the vocabulary is described."""
    yield from (f for f in base.faults if f.law == "slugs")
    for slug in sorted(set(TaskSlug) - set(base.slugs("tasks"))):
        yield Finding(
            "slugs", "tasks.yaml", 1, slug, f"task {slug} is not described", "add name, meaning, data types and metrics"
        )


def check_ranges(base: Base) -> Iterator[Finding]:
    """Every value is plausible for its metric, and every metric says what is."""
    yield from (f for f in base.faults if f.law == "range")


def check_sources(base: Base) -> Iterator[Finding]:
    """Every source can be opened and is pinned; every figure says where in it."""
    yield from (f for f in base.faults if f.law == "source")


def check_rules(base: Base) -> Iterator[Finding]:
    """Every rule has one effect, known paths, a because, a source, and a golden case that fires it."""
    yield from (f for f in base.faults if f.law == "rules")


def check_disagreements(base: Base) -> Iterator[Finding]:
    """Works that disagree about one yardstick say so in `notes`."""
    metrics = base.slugs("metrics")
    places = {figure.id: item for item, figure in base.entries["benchmarks"]}
    known = [figure for figure in base.of("benchmarks") if figure.metric in metrics]
    for figure, other in laws.disagreements(known, metrics):
        if "disagree" not in (figure.notes or ""):
            text = f"{figure.metric} {figure.value:g} of {figure.architecture} is {other.value:g} in {other.source}"
            tip = f"add `disagrees with {other.source}: {other.value:g}` to notes"
            item = places[figure.id]
            yield Finding("disagreements", short(item.path), line(item), figure.id, text, tip)


def check_networks(base: Base) -> Iterator[Finding]:
    """Every network has its architecture."""
    for slug in sorted(base.networks - set(base.slugs("architectures"))):
        text = f"network {slug!r} has no architecture"
        yield Finding(
            "networks", f"architectures/{slug}.yaml", 1, slug, text, "describe it, or name the network file by a known slug"
        )


def check_schema_file(base: Base) -> Iterator[Finding]:
    """schema.json is that of the types."""
    path = base.root / SCHEMA
    if not path.is_file() or path.read_text() != schema():
        yield Finding("fresh", SCHEMA, 1, SCHEMA, "is not the schema of the types", "run `gan-advisor knowledge fmt`")


def check_record(base: Base) -> Iterator[Finding]:
    """backtest.json was made from the figures that are there."""
    held = record.read(base.root)
    if held is not None and held.figures_sha256 != record.figures_digest(base.root):
        yield Finding("fresh", record.FILE, 1, record.FILE, "is of other figures", f"run `{record.COMMAND}`")


LAWS: tuple[Callable[[Base], Iterator[Finding]], ...] = (
    check_file_names,
    check_canonical,
    check_unique,
    check_slugs,
    check_ranges,
    check_sources,
    check_rules,
    check_disagreements,
    check_networks,
    check_schema_file,
    check_record,
)
