"""Exceptions to a law: each names law and entry, gives its reason and its date, and is an error once nothing needs it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from app.knowledge.base import Finding
from app.vocabulary import Word

WAIVERS = "waivers.yaml"


class Waiver(Word):
    """A reasoned, dated exception to one law for one entry."""

    law: str
    subject: str
    reason: str
    date: date


def waived(root: Path, found: list[Finding]) -> Iterator[Finding]:
    """The findings that no waiver lifts, and one for each waiver that is stale or gives no reason."""
    path = root / WAIVERS
    text = path.read_text() if path.is_file() else "[]"
    try:
        waivers = TypeAdapter(list[Waiver]).validate_python(yaml.safe_load(text) or [])
    except (yaml.YAMLError, ValidationError) as error:
        yield Finding(
            "waivers",
            WAIVERS,
            1,
            WAIVERS,
            f"cannot be read: {str(error).splitlines()[0]}",
            "each needs law, subject, reason and date",
        )
        waivers = []
    lifted = {(w.law, w.subject) for w in waivers if w.reason.strip()}
    yield from (f for f in found if (f.law, f.subject) not in lifted)
    met = {(f.law, f.subject) for f in found}
    for waiver in waivers:
        at = next((n for n, row in enumerate(text.splitlines(), 1) if waiver.subject in row), 1)
        if not waiver.reason.strip():
            yield Finding("waivers", WAIVERS, at, waiver.subject, "gives no reason", "say why the law does not hold here")
        elif (waiver.law, waiver.subject) not in met:
            yield Finding("waivers", WAIVERS, at, waiver.subject, f"is stale: nothing breaks {waiver.law} here", "delete it")
