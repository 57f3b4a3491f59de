"""How numbers, times and sources are written for people: `2.1 h`, `3.4 GB`, a link where a source has an address."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from app.vocabulary import Interval, Task

UNKNOWN = "unknown"
_GITHUB = re.compile(r"^github:(?P<repository>[\w.-]+/[\w.-]+)(?::(?P<path>[^@]+))?(?:@(?P<commit>[0-9a-f]{7,40}))?$")
_THREAD = re.compile(r"^github:([\w.-]+/[\w.-]+)#(\d+)$")


def number(value: float | None, digits: int = 3) -> str:
    """Three significant digits, thousands apart, no exponent below a million: `0.0124`, `12.4`, `1,240`."""
    if value is None:
        return UNKNOWN
    if isinstance(value, int) or (abs(value) >= 100 and digits == 3):
        return f"{value:,.0f}" if abs(value) < 1e9 else f"{value:.3g}"
    text = f"{value:.{digits}g}"
    return f"{value:,.{digits}f}".rstrip("0").rstrip(".") if "e" in text and abs(value) >= 1 else text


def duration(seconds: float | None) -> str:
    """In the unit a person would say: `41 s`, `12 min`, `2.1 h`, `3.4 days`."""
    if seconds is None:
        return UNKNOWN
    for unit, size, until in (("s", 1, 90), ("min", 60, 5400), ("h", 3600, 172_800)):
        if seconds < until:
            return f"{_short(seconds / size)} {unit}"
    return f"{_short(seconds / 86_400)} days"


def hours(value: float | None) -> str:
    return UNKNOWN if value is None else f"{_short(value)} h"


def gigabytes(size: float | None) -> str:
    """Bytes as GB of 10^9 bytes, or MB and kB below."""
    if size is None:
        return UNKNOWN
    for unit, one in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= one:
            return f"{_short(size / one)} {unit}"
    return f"{size:.0f} B"


def usd(value: float | None) -> str:
    return UNKNOWN if value is None else f"${value:,.2f}" if value < 10 else f"${value:,.0f}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}" if value < 1 else f"{value:.1f}"


def interval(value: Interval, write: Any = number) -> str:
    """`11 GB (8.2 GB to 15 GB)`, or unknown."""
    if value.expected is None:
        return UNKNOWN
    return str(write(value.expected)) + (f" ({write(value.low)} to {write(value.high)})" if value.low is not None else "")


def when(rfc3339: str) -> str:
    """`2026-11-23 02:10:05`, UTC as the store writes it."""
    return rfc3339[:19].replace("T", " ")


def joined(names: Sequence[str]) -> str:
    """`gan, dcgan and sngan`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def words(slug: str) -> str:
    """`paired-image-translation` as `paired image translation`."""
    return str(slug).replace("-", " ").replace("_", " ")


def place(dataset: str) -> str:
    """A data set by its slug, and a folder of somebody's own by its name alone: where it lies on the server is nobody's business."""
    return dataset.rstrip("/").rpartition("/")[2]


def value(thing: Any) -> str:
    """Any recipe value or assumption as text."""
    if isinstance(thing, bool) or thing is None:
        return {True: "yes", False: "no", None: UNKNOWN}[thing]
    if isinstance(thing, float):
        return f"{thing:g}"
    if isinstance(thing, int):
        return f"{thing:,}"
    if isinstance(thing, Mapping):
        return ", ".join(f"{key} {value(item)}" for key, item in thing.items())
    return ", ".join(map(value, thing)) if isinstance(thing, list | tuple) else str(thing)


def task_line(task: Task) -> list[str]:
    """What the user asked for, in a few short phrases."""
    data, budget = task.data, task.budget
    parts = [
        f"{data.samples:,} samples" if data.samples else None,
        f"{data.resolution} px" if data.resolution else None,
        f"{data.channels} channel{'s' * (data.channels != 1)}" if data.channels else None,
        f"{data.classes:,} classes" if data.classes and data.classes > 1 else None,
        f"labels: {data.labels}" if data.labels and data.labels != "none" else None,
        str(data.pairing) if data.pairing and data.pairing != "none" else None,
        f"length {data.length:,}" if data.length else None,
        f"{data.columns:,} columns" if data.columns else None,
        data.domain,
        f"{budget.gpus} × {budget.gpu}" if budget.gpus and budget.gpus > 1 and budget.gpu else budget.gpu,
        f"at most {hours(budget.gpu_hours)} of GPU time" if budget.gpu_hours else None,
        f"at most {_short(budget.memory_gb)} GB" if budget.memory_gb else None,
        f"at most {usd(budget.usd)}" if budget.usd else None,
        f"licence: {task.constraints.licence}" if task.constraints.licence != "any" else None,
    ]
    return [part for part in parts if part]


def source(text: str) -> tuple[str, str | None]:
    """A source as its label and its address; the address is None where it has none."""
    text = text.strip()
    if found := _GITHUB.match(text):
        repository, path, commit = found["repository"], found["path"], found["commit"]
        tail = f"/blob/{commit or 'HEAD'}/{quote(path)}" if path else f"/tree/{commit}" if commit else ""
        label = repository + (f" · {path.rsplit('/', 1)[-1]}" if path else "") + (f" @ {commit[:7]}" if commit else "")
        return label, f"https://github.com/{repository}{tail}"
    if found := _THREAD.match(text):
        return f"{found[1]}#{found[2]}", f"https://github.com/{found[1]}/issues/{found[2]}"
    kind, _, rest = text.partition(":")
    if kind == "measured":
        return f"validation {rest}", f"/validations/{rest}"
    known = {
        "arxiv": ("arXiv:{}", "https://arxiv.org/abs/{}"),
        "doi": ("doi:{}", "https://doi.org/{}"),
        "openreview": ("OpenReview {}", "https://openreview.net/forum?id={}"),
    }.get(kind.lower())
    if known and rest:
        return known[0].format(rest.strip()), known[1].format(quote(rest.strip(), safe="/.()"))
    address = rest if kind == "url" else text
    if address.startswith(("https://", "http://")):
        return address.split("://", 1)[1].removesuffix("/"), address
    return text, None


def sources(text: str) -> list[tuple[str, str | None]]:
    """Each source of a field that holds several, separated by ` ; `."""
    return [source(part) for part in text.split(" ; ") if part.strip()]
