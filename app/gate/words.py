"""What the gate speaks of: the policy in a task file, the lock, and the findings of a check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Literal

from pydantic import ConfigDict, Field

from app.vocabulary import Licence, LicenceNeed, Outcome, Slug, Word

SCHEMA: Literal["gan-decision/1"] = "gan-decision/1"
TASK_FILE, LOCK_FILE = "gan-task.yaml", "gan-decision.lock.json"


class Limit(Word):
    """What the locked choice must keep to, under `policy:` in gan-task.yaml. The budget weighs in the ranking; this breaks a build."""

    licence: LicenceNeed | None = None
    allow: tuple[Slug, ...] = Field((), max_length=500, description="These alone, when given.")
    deny: tuple[Slug, ...] = Field((), max_length=500)
    max_memory_gb: float | None = Field(None, gt=0, allow_inf_nan=False, description="Of one GPU, 10^9 bytes.")
    max_gpu_hours: float | None = Field(None, gt=0, allow_inf_nan=False)
    max_usd: float | None = Field(None, gt=0, allow_inf_nan=False)
    hold: Literal["low", "expected", "high"] = Field("expected", description="The end of an interval that limits hold.")
    margin: float = Field(0.5, ge=0, le=1, description="Share of the locked lead over the runner-up that must be left.")
    recheck_days: int = Field(180, ge=1, le=3650, description="A lock older than this is stale.")


class Stamp(Word):
    """A version and the digest of what it names."""

    version: str
    sha256: str


class Choice(Word):
    architecture: Slug
    name: str
    score: float
    metric: str
    trainable: bool


class RunnerUp(Word):
    slug: Slug
    margin: float = Field(description="Score of the choice less its own.")


class Estimated(Word):
    low: float | None
    mid: float | None
    high: float | None
    unit: str


class LicenceFacts(Word):
    """What may be done with the reference code and the published weights."""

    allows: Licence
    code: str | None
    weights: str | None


class Validated(Word):
    """What a validation said of an architecture on this task."""

    id: str
    architecture: Slug
    verdict: Outcome
    hardware: str
    result_sha256: str = Field(description="Of the report file.")


class Lock(Word):
    """gan-decision.lock.json: what was decided, from what. `sha256` covers all of it but itself and `recheck_after`."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["gan-decision/1"] = Field(SCHEMA, alias="schema")
    task: Mapping[str, Any] = Field(description="As asked, what is left to its default left out.")
    task_sha256: str
    evidence: Stamp
    ruleset: Stamp
    choice: Choice | None = Field(description="Null where the advisor abstained.")
    abstained_reason: str | None
    recipe: Mapping[str, Any]
    runners_up: tuple[RunnerUp, ...]
    estimates: Mapping[str, Estimated]
    constraints: Mapping[str, Any]
    licences: Mapping[Slug, LicenceFacts]
    validations: tuple[Validated, ...]
    recheck_after: date
    sha256: str


class Drift(StrEnum):
    """How the decision of a lock stands to what would be decided now, worst last."""

    SAME = "same"
    STALE = "stale"
    MARGIN_SHRUNK = "margin_shrunk"
    OVERTAKEN = "overtaken"
    INVALIDATED = "invalidated"


class Kind(StrEnum):
    """What fails with a finding, gravest first. A build chooses which of them count; margin and recipe do not by themselves."""

    POLICY = "policy"
    VALIDATION = "validation"
    DRIFT = "drift"
    STALE = "stale"
    MARGIN = "margin"
    RECIPE = "recipe"

    @property
    def code(self) -> int:
        """The exit code."""
        return {"policy": 3, "validation": 4, "drift": 2, "stale": 5, "margin": 2, "recipe": 2}[self.value]


State = Literal["passed", "failed", "unknown"]
Level = Literal["error", "warning", "note"]
COUNT = frozenset({Kind.POLICY, Kind.VALIDATION, Kind.DRIFT, Kind.STALE})
"""The kinds that fail a build unless it says otherwise."""


@dataclass(frozen=True)
class Finding:
    """One check and how it went. `pointer` is the place in the task file that it speaks of, `rule_id` the rule behind it."""

    check: str
    kind: Kind
    state: State
    text: str
    pointer: str = "/data"
    rule_id: str | None = None


@dataclass(frozen=True)
class Report:
    """All that a check found. `architecture` is the locked choice, `first` what would be chosen now."""

    drift: Drift
    architecture: str | None
    first: str | None
    findings: tuple[Finding, ...]

    def failing(self, counts: frozenset[Kind]) -> list[Finding]:
        """The failed findings that count, in the order of Kind."""
        order = list(Kind)
        failed = [f for f in self.findings if f.state == "failed" and f.kind in counts]
        return sorted(failed, key=lambda f: order.index(f.kind))

    def level(self, finding: Finding, counts: frozenset[Kind]) -> Level:
        """As SARIF and GitHub name it."""
        if finding.state != "failed":
            return "note"
        return "error" if finding.kind in counts else "warning"

    def code(self, counts: frozenset[Kind]) -> int:
        """The exit code: of the gravest kind that failed, 0 where none did."""
        failing = self.failing(counts)
        return failing[0].kind.code if failing else 0
