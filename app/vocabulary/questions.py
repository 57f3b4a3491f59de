"""Why not another, and who would be first elsewhere."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from app.vocabulary.answer import Advice, Flip, KnowledgeStamp, Reason
from app.vocabulary.word import Slug, Word


class Change(Word):
    """One field of the task given another value."""

    pointer: str
    value: Any
    text: str


class Ground(Word):
    """A rule that keeps an architecture out, and the changes of one field under which it would not."""

    rule_id: str
    text: str
    source: str
    lifted_by: tuple[Change, ...]


class Part(Word):
    """One part of the score of two architectures, and what stands behind it."""

    part: Literal["quality", "cost", "stability"]
    own: float = Field(description="Before weighting.")
    first: float
    behind: float = Field(description="Weighted difference in score; the parts add up to the whole.")
    reasons: tuple[Reason, ...]
    first_reasons: tuple[Reason, ...]


class WhyNot(Word):
    """Why an architecture is not the first choice: excluded, or ranked behind it, by which rules and figures."""

    recommendation_id: str
    knowledge: KnowledgeStamp
    architecture: Slug
    name: str
    status: Literal["first", "ranked", "excluded", "reference", "unranked"] = Field(
        description="reference: it is not a GAN; unranked: no figures compare designs on this task."
    )
    rank: int | None
    of: int = Field(description="Architectures ranked.")
    first: Slug | None
    behind: float | None = Field(description="Score of the first less its own.")
    sentences: tuple[Advice, ...]
    excluded_by: tuple[Ground, ...]
    parts: tuple[Part, ...]
    flip: Flip | None = Field(description="The smallest change of one field that would put it first; null: none was found.")


class MapField(StrEnum):
    """A number of the task that a map can vary."""

    SAMPLES = "samples"
    RESOLUTION = "resolution"
    MEMORY_GB = "memory_gb"
    GPU_HOURS = "gpu_hours"


class MapAxis(Word):
    """A number of the task that varies over a map."""

    pointer: str
    values: tuple[float, ...]
    at: float | None = Field(description="The value of the task itself; null where it has none.")


class Winner(Word):
    """An architecture that is first somewhere on a map."""

    architecture: Slug
    name: str
    cells: int
    benchmark_ids: tuple[str, ...]


class WinnerMap(Word):
    """Who is first as two numbers of the task vary."""

    recommendation_id: str
    knowledge: KnowledgeStamp
    x: MapAxis
    y: MapAxis
    cells: tuple[tuple[Slug | None, ...], ...] = Field(
        description="Rows by y, lowest first, columns by x; null where the advisor abstains."
    )
    winners: tuple[Winner, ...] = Field(description="Most cells first.")


class LedgerPair(Word):
    """What one run of a validation was predicted to take, and what it took. No correction is in the prediction."""

    id: str
    created_at: str
    quantity: Literal["time", "memory"]
    unit: str = Field(description="Of the three figures and of `measured`: seconds per thousand samples, or bytes.")
    hardware: str = Field(description="What corrections go by: the name of a GPU, or CPU.")
    device: str = Field(description="The same as the run named it, with the threads of a CPU.")
    architecture: Slug
    task: str
    resolution: int | None
    length: int | None
    width: int
    batch_size: int
    precision: str
    predicted: float
    low: float
    high: float
    measured: float
    basis: str


class LedgerSummary(Word):
    """How right the predictions for one hardware were."""

    hardware: str
    quantity: Literal["time", "memory"]
    pairs: int
    median_relative_error: float = Field(description="Of |predicted - measured| / measured.")
    p90_relative_error: float
    coverage: float = Field(description="Share of measured figures inside their 90 % interval.")
    factor: float = Field(description="What estimates for this hardware are multiplied by.")
    spread: float = Field(description="Standard deviation of the log of measured over predicted.")
    corrected_median_relative_error: float | None = Field(
        None, description="With the factor that the other pairs alone would give; null for a single pair."
    )
