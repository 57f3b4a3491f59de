"""From what was typed a Task, or what would be right beside each wrong field; and back from a task to what was typed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError

from app.dashboard.fields import KNOWN, Field, Typed
from app.errors import FieldProblem
from app.vocabulary import Assumption, Constraints, Data, DataType, Knowledge, LicenceNeed, Limits, Priorities, Task

OWNERS: Mapping[str, type[BaseModel]] = {
    "data": Data,
    "budget": Limits,
    "constraints": Constraints,
    "priorities": Priorities,
}


@dataclass
class Complaints(Exception):
    """What is wrong, by field; "" holds what belongs to no field."""

    by_field: dict[str, str] = field(default_factory=dict)


def read_task(typed: Typed) -> Task:
    """The task that was typed. Raises Complaints."""
    kind, body = typed.get("data.type", ""), dict[str, Any]()
    for name, known in KNOWN.items():
        text = typed.get(name, "").strip()
        if text and (kind in known.types or kind not in tuple(DataType)):
            *parents, last = name.split(".")
            part = body
            for parent in parents:
                part = part.setdefault(parent, {})
            part[last] = [slug for slug in re.split(r"[,\s]+", text) if slug] if known.kind == "list" else _plain(text, known)
    body.setdefault("data", {})
    try:
        return Task.model_validate(body)
    except ValidationError as error:
        raise Complaints({n: right(n, typed.get(n, "")) for n in (_named(e["loc"]) for e in error.errors())}) from None


def complaints_of(errors: list[FieldProblem], detail: str) -> Complaints:
    """The complaints of an error that names fields by JSON pointer."""
    found = {_named(e.pointer.lstrip("#/").split("/")): f"{e.detail}." for e in errors}
    return Complaints(found or {"": detail})


def _named(path: Any) -> str:
    """The field of a path into the task: list places and values inside unions belong to their field."""
    parts = [str(part) for part in path]
    for length in (2, 1):
        if (name := ".".join(parts[:length])) in KNOWN:
            return name
    return ""


def _plain(text: str, known: Field) -> str:
    """A number without its thousands separators."""
    return re.sub(r"(?<=\d)[,_ \u00a0\u202f](?=\d{3}\b)", "", text) if not known.choices else text


def right(name: str, typed: str) -> str:
    """What the field takes, read from the vocabulary: `abc` will not do; give a whole number from 4 to 4,096."""
    said = f"“{typed.strip()[:40]}” will not do" if typed.strip() else "this is needed"
    info = OWNERS.get(name.split(".")[0], Task).model_fields.get(name.rsplit(".", 1)[-1])
    if info is None:
        return said
    if KNOWN[name].choices:
        return f"{said}; choose one of {', '.join(v for v, _ in KNOWN[name].choices)}."
    limits = {
        key: getattr(m, key)
        for m in info.metadata
        for key in ("ge", "gt", "le", "max_length")
        if getattr(m, key, None) is not None
    }
    if "le" in limits:
        whole = int in (info.annotation, *get_args(info.annotation))
        least = f"from {limits['ge']:,} to" if "ge" in limits else f"above {limits['gt']:,} and up to"
        return f"{said}; give {'a whole number' if whole else 'a number'} {least} {limits['le']:,}."
    if KNOWN[name].kind == "list":
        return f"{said}; give slugs such as stylegan2-ada, separated by commas."
    return f"{said}; give at most {limits.get('max_length', 64)} characters."


def query_of(task: Task, assumptions: tuple[Assumption, ...]) -> str:
    """The task as the user gave it, as a query string that fills the form."""
    assumed = {a.pointer.strip("/").replace("/", ".") for a in assumptions}
    heaviest = max(1.0, *task.priorities.model_dump().values())  # the sliders end at 1, and only ratios count
    typed: dict[str, str] = {}
    for name, known in KNOWN.items():
        found: Any = task
        for part in name.split("."):
            found = getattr(found, part)
        if name not in assumed and found not in (None, ()):
            found = found / heaviest if known.kind == "range" else found
            typed[name] = (
                ",".join(found) if isinstance(found, tuple) else f"{found:.12g}" if isinstance(found, float) else str(found)
            )
    return urlencode(typed)


def start(knowledge: Knowledge, typed: Typed) -> dict[str, str]:
    """What the form shows: what was typed over the defaults of the vocabulary."""
    defaults = {f"priorities.{n}": f"{getattr(Priorities(), n):g}" for n in Priorities.model_fields}
    defaults |= {"constraints.licence": LicenceNeed.ANY, "top_k": str(Task.model_fields["top_k"].default)}
    return dict.fromkeys(KNOWN, "") | defaults | {name: typed[name] for name in KNOWN if name in typed}
