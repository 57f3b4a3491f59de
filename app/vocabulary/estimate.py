"""What training costs."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import AliasChoices, Field

from app.vocabulary.answer import Interval
from app.vocabulary.task import Limits
from app.vocabulary.word import Asked, Slug, Word


class Question(StrEnum):
    """An inverse question about cost."""

    LARGEST_BATCH = "largest-batch"
    LARGEST_RESOLUTION = "largest-resolution"
    CHEAPEST_GPU = "cheapest-gpu"
    MORE_MEMORY = "more-memory"


class EstimateRequest(Asked):
    """The body of POST /v1/estimates. Only `architecture` is required; what is missing is assumed and said."""

    architecture: str = Field(max_length=64, description="Slug, alias or name.")
    resolution: int | None = Field(None, ge=4, le=4096, description="Square side in pixels.")
    length: int | None = Field(None, ge=1, le=10**8, description="Time steps or audio samples in one sample.")
    batch_size: int | None = Field(
        None, ge=1, le=10**6, validation_alias=AliasChoices("batch_size", "batch"), description="Samples a step, over all GPUs."
    )
    images_per_pass: int | None = Field(None, ge=1, le=10**6, description="Samples at once on one GPU; the batch over the GPUs.")
    precision: Literal["fp32", "mixed"] | None = None
    gpu: str | None = Field(None, max_length=64, description="A name of GET /v1/gpus, or `CPU`.")
    gpus: int = Field(1, ge=1, le=4096)
    kimg: float | None = Field(None, gt=0, le=10**9, allow_inf_nan=False, description="Thousands of samples shown in training.")
    implementation: Literal["published", "ours"] | None = Field(
        None, description="Of published code, or of our network; published where rows are known."
    )
    budget: Limits = Limits()
    questions: tuple[Question, ...] = Field((), max_length=4)


class MemoryPart(Word):
    """One part of the peak memory of a GPU."""

    name: str
    bytes: float
    because: str


class Behind(Word):
    """A published row or a traced step, and its weight in a prediction."""

    id: str
    weight: float
    source: str


class Told(Word):
    """The answer to an inverse question: a value, null where there is none, and the sentence that says it."""

    question: Question
    value: Any
    text: str
    table: tuple[dict[str, Any], ...] = ()


class Estimate(Word):
    """What training takes, each figure as a 90 % interval; null is unknown."""

    architecture: Slug
    name: str
    variant: str | None
    unit: str = Field(description="What is counted: image, table-row, audio-segment or sequence.")
    resolution: int | None
    length: int | None
    images_per_pass: int
    precision: str
    gpu: str
    gpus: int
    kimg: Interval
    peak_memory_bytes: Interval
    memory_parts: tuple[MemoryPart, ...]
    start_up_bytes: Interval = Field(description="Peak of the first minutes, where the search for the fastest kernels is on.")
    seconds_per_kimg: Interval
    train_seconds: Interval
    gpu_hours: Interval
    usd: Interval
    energy_kwh: Interval = Field(description="At the rated power of the GPUs, the host not counted.")
    fits: bool | None
    fit_probability: float | None = Field(description="That the peak stays within the memory of the GPU or of the budget.")
    why: str
    level: float = 0.9
    basis: str
    formulas: tuple[str, ...]
    evidence: tuple[Behind, ...]
    ledger_pairs: int = Field(description="Predicted and measured pairs behind the correction for this hardware.")
    assumptions: tuple[str, ...]
    answers: tuple[Told, ...] = ()
