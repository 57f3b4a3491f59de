"""When, then, because, source; and the whole knowledge base."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from app.vocabulary.knowledge import Architecture, Benchmark, Cost, Dataset, Gpu, Metric, Profile, TaskMetric
from app.vocabulary.record import Backtest
from app.vocabulary.task import TaskSlug
from app.vocabulary.word import Slug, Word

Test = str | float | int | bool | list[Any] | dict[str, Any]
"""One condition of a rule: a scalar (equal), a list (one of), or a mapping such as {min: 4, max: 30000}; see app/recommend/rules.py."""


class Effect(Word):
    """What a rule does: exactly one field is set."""

    exclude: bool | None = Field(None, description="The architecture cannot do this task.")
    score: float | None = Field(
        None, ge=-2, le=2, description="Added to the architecture's score, in standard deviations of quality."
    )
    stability: float | None = Field(None, ge=-1, le=1, description="Added to the architecture's stability.")
    advise: str | None = Field(None, description="A sentence beside the ranking.")
    set: dict[str, Any] | None = Field(None, description="Recipe fields and their values.")
    assume: dict[str, Any] | None = Field(None, description="Task fields, by pointer, used where the task is silent.")


class Golden(Word):
    """A task on which the rule must fire, and one on which it must not."""

    task: dict[str, Any]
    architecture: Slug | None = None
    fires: bool = True


class Rule(Word):
    """When, then, because, source. `text` is the sentence an answer shows; {braces} are filled from task and architecture."""

    id: str = Field(pattern=r"^(policy/)?[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)
    topic: Slug
    when: dict[str, Test] = Field(
        description="Every condition must hold; keys are task.*, data.*, budget.*, constraints.*, architecture.*."
    )
    then: Effect
    text: str
    because: str
    sources: tuple[str, ...] = Field(min_length=1)
    golden: tuple[Golden, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Knowledge:
    """Everything the advisor knows, as loaded from app/knowledge; `sha256` digests the files."""

    version: str
    sha256: str
    architectures: Mapping[str, Architecture]
    benchmarks: tuple[Benchmark, ...]
    rules: tuple[Rule, ...]
    tasks: Mapping[TaskSlug, TaskMetric]
    metrics: Mapping[str, Metric]
    datasets: Mapping[str, Dataset]
    gpus: Mapping[str, Gpu]
    costs: tuple[Cost, ...]
    trainable: frozenset[str]
    profiles: tuple[Profile, ...] = ()
    backtest: Backtest | None = None
    policies: str = ""
    """Digest of the policy files whose rules are among `rules`; empty without any."""
