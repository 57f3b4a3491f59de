"""gan-decision.lock.json: made from an answer, written in one canonical form, read back and proved whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.errors import LockUnreadable
from app.gate.words import SCHEMA, Choice, Estimated, LicenceFacts, Limit, Lock, RunnerUp, Stamp, Validated
from app.recommend import Advisor
from app.vocabulary import Candidate, Interval, Recommendation, Rule, Task

_RUNNERS_UP = 4
_RULES: TypeAdapter[tuple[Rule, ...]] = TypeAdapter(tuple[Rule, ...])
_APART = ("sha256", "recheck_after")


def lock_of(
    task: Task, limit: Limit, answer: Recommendation, advisor: Advisor, today: date, validations: Sequence[Validated] = ()
) -> Lock:
    """The decision that an answer amounts to. The first candidate is the choice, unless the advisor abstained."""
    ranked = () if answer.abstained else answer.candidates
    first = ranked[0] if ranked else None
    body = {
        "schema": SCHEMA,
        "task": asked_of(task),
        "task_sha256": sha256(asked_of(task)),
        "evidence": Stamp(version=answer.knowledge.version, sha256=answer.knowledge.sha256),
        "ruleset": ruleset_of(advisor),
        "choice": first and choice_of(first),
        "abstained_reason": answer.abstained_reason,
        "recipe": recipe_of(first) if first else {},
        "runners_up": [
            RunnerUp(slug=c.architecture, margin=round(ranked[0].score - c.score, 4)) for c in ranked[1 : 1 + _RUNNERS_UP]
        ],
        "estimates": estimates_of(first) if first else {},
        "constraints": limit.model_dump(mode="json") | task.constraints.model_dump(mode="json", include={"include", "exclude"}),
        "licences": {
            c.architecture: LicenceFacts(allows=it.licence, code=it.code_licence, weights=it.weights_licence)
            for c in ranked[: 1 + _RUNNERS_UP]
            for it in [advisor.knowledge.architectures[c.architecture]]
        },
        "validations": sorted(validations, key=lambda v: v.id),
        "recheck_after": today + timedelta(days=limit.recheck_days),
        "sha256": "",
    }
    whole = Lock.model_validate(body)
    return whole.model_copy(update={"sha256": _digest(body_of(whole))})


def asked_of(task: Task) -> dict[str, Any]:
    """What a task asks, its defaults left out: a field that a later version adds must not make old locks differ."""
    return task.model_dump(mode="json", exclude_defaults=True)


def choice_of(first: Candidate) -> Choice:
    return Choice(
        architecture=first.architecture,
        name=first.name,
        score=first.score,
        metric=first.quality.metric,
        trainable=first.trainable,
    )


def recipe_of(candidate: Candidate) -> dict[str, Any]:
    """The values of a recipe alone, as JSON holds them."""
    recipe: dict[str, Any] = json.loads(json.dumps({name: setting.value for name, setting in candidate.recipe.items()}))
    return recipe


def estimates_of(candidate: Candidate) -> dict[str, Estimated]:
    """What the choice is expected to reach and to take, to four digits: more would differ between machines."""
    cost, quality = candidate.cost, candidate.quality
    found = {
        "quality": (Interval(low=quality.low, expected=quality.expected, high=quality.high), quality.metric),
        "peak_memory_bytes": (cost.peak_memory_bytes, "byte"),
        "train_seconds": (cost.train_seconds, "second"),
        "gpu_hours": (cost.gpu_hours, "hour"),
        "usd": (cost.usd, "USD"),
    }
    return {
        name: Estimated(low=_short(value.low), mid=_short(value.expected), high=_short(value.high), unit=unit)
        for name, (value, unit) in found.items()
    }


def ruleset_of(advisor: Advisor) -> Stamp:
    """The rules in force, those of policies included."""
    return Stamp(version=advisor.knowledge.version, sha256=hashlib.sha256(_RULES.dump_json(advisor.knowledge.rules)).hexdigest())


def sha256(body: Any) -> str:
    """Of the canonical JSON of a value."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def render(lock: Lock) -> str:
    """Sorted keys, one fact on a line, a newline at the end: equal locks are equal bytes."""
    return json.dumps(body_of(lock), sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def body_of(lock: Lock) -> dict[str, Any]:
    """The lock as its file holds it."""
    return lock.model_dump(mode="json", by_alias=True)


def read(path: Path) -> Lock:
    """Raises LockUnreadable where there is none, or it is of another schema, or not as it was written."""
    try:
        return parse(path.read_text(encoding="utf-8"), path.name)
    except FileNotFoundError:
        raise LockUnreadable(f"there is no lock at {path}; `gan-advisor lock update` writes it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise LockUnreadable(f"{path} cannot be read: {error}") from None


def parse(text: str, name: str) -> Lock:
    """The lock of a text. Raises LockUnreadable."""
    try:
        found = Lock.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = "/".join(map(str, first["loc"]))
        raise LockUnreadable(f"{name} is no {SCHEMA}: {f'/{place}: ' if place else ''}{first['msg']}") from None
    prove(json.loads(text), name)
    return found


def prove(body: Mapping[str, Any], name: str) -> None:
    """Raises LockUnreadable unless the body of a lock is as it was written."""
    if _digest(body) != body.get("sha256"):
        raise LockUnreadable(
            f"{name} was changed after it was written, or merged by hand; write it anew by `gan-advisor lock update`"
        )


def differences(old: Lock, new: Lock) -> Iterator[tuple[str, Any, Any]]:
    """Pointer, old and new value of every fact that differs; None where one side lacks it."""
    before, after = (dict(facts(body_of(lock))) for lock in (old, new))
    for pointer in sorted(before.keys() | after.keys()):
        if before.get(pointer) != after.get(pointer):
            yield pointer, before.get(pointer), after.get(pointer)


def facts(tree: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    """JSON pointer and value of every leaf; a list of plain values is one leaf."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from facts(value, f"{pointer}/{key}")
    elif isinstance(tree, list) and any(isinstance(item, dict) for item in tree):
        for index, value in enumerate(tree):
            yield from facts(value, f"{pointer}/{value.get('slug') or value.get('id') or index}")
    else:
        yield pointer, tree


def _digest(body: Mapping[str, Any]) -> str:
    return sha256({name: value for name, value in body.items() if name not in _APART})


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
