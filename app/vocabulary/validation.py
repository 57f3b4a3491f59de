"""Does A beat the baseline on this task?"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from app.vocabulary.answer import Interval
from app.vocabulary.task import Task
from app.vocabulary.word import Asked, Slug, Word


class Status(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"

    @property
    def done(self) -> bool:
        return self not in (Status.QUEUED, Status.RUNNING)


class Outcome(StrEnum):
    CONFIRMED = "confirmed"
    OVERTURNED = "overturned"
    INCONCLUSIVE = "inconclusive"


class Verdict(Word):
    """Whether the first choice beat the baseline on this task, with the reason."""

    outcome: Outcome
    reason: str
    metric: str
    candidate: str
    baseline: str
    difference: Interval = Field(
        description="Baseline minus candidate in the direction of better; above 0 the candidate is better."
    )
    threshold: float = Field(description="Written down before the start: the least difference that counts.")


class Progress(Word):
    fraction: float = Field(ge=0, le=1)
    step: int
    eta_seconds: float | None


class ValidationBudget(Asked):
    max_seconds: float = Field(gt=0, allow_inf_nan=False)


class ValidationRequest(Asked):
    """The body of POST /v1/validations. Exactly one of recommendation_id and task is given."""

    recommendation_id: str | None = Field(None, max_length=64)
    task: Task | None = None
    architectures: tuple[Slug, ...] | None = Field(None, min_length=1, max_length=8)
    top_k: int = Field(2, ge=1, le=8)
    dataset: str = Field(max_length=128)
    budget: ValidationBudget
    seed: int = Field(0, ge=0, lt=2**31)
    device: Literal["any", "gpu"] = Field("any", description="With gpu it waits for a worker that has one.")
    memory_gb: float | None = Field(
        None,
        gt=0,
        le=10_000,
        description="Device memory that a worker must have; null takes what is predicted for the largest run.",
    )
    devices: int = Field(
        1, ge=1, le=16, description="Devices of one worker that each run takes; its batches are split evenly among them."
    )


class Waiting(Word):
    """Why a validation has not begun, and when it may."""

    ahead: int = Field(description="Unfinished validations that come first.")
    needs_gpu: bool
    needs_memory_gb: float
    needs_devices: int = 1
    workers: int = Field(description="Live workers that can run it.")
    estimated_start: str | None = Field(
        description="If everything ahead takes its whole budget; null while no worker can run it."
    )


class Validation(Word):
    """Does A beat the baseline on this task? One row, one enqueue, a verdict at the end."""

    id: str
    created_at: str
    status: Status
    done: bool
    status_reason: str | None
    attempt: int
    progress: Progress
    plan: dict[str, Any] = Field(description="The exact runs: recipes, budgets, threshold.")
    report: dict[str, Any] | None
    waiting: Waiting | None = Field(None, description="Null once a worker has it.")
    links: dict[str, str]


class Worker(Word):
    """A worker process: where it runs, on what, and whether its lease holds."""

    host: str
    pid: int
    device: str
    devices: int = Field(1, description="That one run can take together.")
    memory_gb: float
    state: Literal["live", "silent", "dead", "gone"] = Field(
        description="Silent ones lose their run; dead was declared, gone left."
    )
    busy: bool
    started_at: str
    seen_at: str
