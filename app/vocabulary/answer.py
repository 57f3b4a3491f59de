"""Candidates, best first, and everything an answer says about them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from app.vocabulary.knowledge import Licence
from app.vocabulary.record import Record
from app.vocabulary.task import Assumption, Task
from app.vocabulary.word import Slug, Word


class Interval(Word):
    """An expected value inside an interval; null is unknown."""

    low: float | None
    expected: float | None
    high: float | None


class Weighted(Word):
    """A figure and its share in a prediction."""

    benchmark_id: str
    weight: float


class Quality(Word):
    """The figure expected on the metric that matters for this task, as an 80 % interval."""

    metric: str
    yardstick: str = Field(description="Data set, resolution and protocol the figure refers to.")
    expected: float | None
    low: float | None
    high: float | None
    level: float = 0.8
    evidence: tuple[Weighted, ...]
    distance: float = Field(description="0 = figures on such a task exist, 1 = nothing near is known.")


class CostEstimate(Word):
    """What training is predicted to take, on the GPU of the task."""

    gpu: str
    peak_memory_bytes: Interval
    train_seconds: Interval
    gpu_hours: Interval
    usd: Interval
    fits: bool | None = Field(description="Memory and hours inside the budget; null when either is unknown and needed.")
    basis: str = Field(description="The cost rows or the formula behind it.")
    sources: tuple[str, ...]


class Reason(Word):
    """One sentence of an answer; it has a rule or a figure behind it, or it is not said."""

    rule_id: str | None = None
    benchmark_id: str | None = None
    effect: float | None = Field(None, description="Change of the score, in its units.")
    text: str
    source: str


class RecipeValue(Word):
    """One number of a recipe and where it comes from."""

    value: Any
    origin: Literal["rule", "paper", "kin", "formula", "default"]
    """`kin`: the publication is silent, its nearest relative that is not states this."""
    source: str


class Candidate(Word):
    """An architecture with score and reasons for one task."""

    rank: int
    architecture: Slug
    name: str
    score: float
    quality: Quality
    cost: CostEstimate
    reasons: tuple[Reason, ...]
    recipe: dict[str, RecipeValue]
    trainable: bool = Field(description="models/networks has it, so a validation can run it.")
    licence: Licence


class Excluded(Word):
    """An architecture that cannot do the task, and the rule that says so."""

    architecture: Slug
    rule_id: str
    text: str
    source: str


class Advice(Word):
    """A sentence about the task as a whole."""

    rule_id: str | None = None
    benchmark_ids: tuple[str, ...] = ()
    text: str
    source: str


class Flip(Word):
    """The smallest change of one field that changes rank 1."""

    pointer: str
    value: Any
    winner: Slug
    text: str
    rule_id: str | None = Field(None, description="The rule that excludes the former first or lets the new one in.")
    benchmark_ids: tuple[str, ...] = Field((), description="Figures of the new first, where figures alone decide.")


class KnowledgeStamp(Word):
    """Which knowledge an answer came from."""

    version: str
    sha256: str
    policies: str | None = Field(None, description="Digest of the policies in force; null without any.")


class Recommendation(Word):
    """Candidates, best first, with the knowledge digest."""

    id: str
    knowledge: KnowledgeStamp
    task: Task
    assumptions: tuple[Assumption, ...]
    abstained: bool
    abstained_reason: str | None
    candidates: tuple[Candidate, ...]
    excluded: tuple[Excluded, ...]
    advice: tuple[Advice, ...]
    flips: tuple[Flip, ...]
    record: Record | None = Field(None, description="How often advice on such a task was right.")
