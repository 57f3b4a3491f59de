"""A data set, looked at."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.vocabulary.task import DataType, Task
from app.vocabulary.word import Word


class Spread(Word):
    """Least, middle and most of some numbers."""

    low: float
    median: float
    high: float


class Fault(Word):
    """What is wrong or odd in a data set, and where."""

    code: str
    count: int
    text: str
    examples: tuple[str, ...] = ()


class ClassCount(Word):
    name: str
    samples: int


class ColumnFacts(Word):
    """One column of a table."""

    name: str
    kind: Literal["numeric", "categorical", "time", "text"]
    distinct: int = Field(description="Distinct values, counted up to 10,000.")
    missing: int
    low: float | None = None
    high: float | None = None
    commonest: float | None = Field(None, description="Share of the commonest category.")


class ArrayFacts(Word):
    name: str
    shape: tuple[int, ...]
    dtype: str


class Fingerprint(Word):
    """What a data set is, and the task it implies; what its kind does not have is null or empty."""

    type: DataType
    samples: int
    bytes: int
    sha256: str = Field(description="Of names and contents: the same data set, the same digest.")
    side: Spread | None = Field(None, description="Shorter side of the pictures, in pixels.")
    aspect: Spread | None = Field(None, description="Width over height.")
    length: Spread | None = Field(None, description="Audio frames, words or characters in one sample.")
    seconds: Spread | None = None
    bit_depths: dict[str, int] = Field({})
    rates: dict[str, int] = Field({}, description="Sampling rate in Hz -> recordings.")
    formats: dict[str, int] = Field({})
    classes: tuple[ClassCount, ...] = ()
    columns: tuple[ColumnFacts, ...] = ()
    arrays: tuple[ArrayFacts, ...] = ()
    vocabulary: int | None = Field(None, description="Distinct words, or characters of SMILES.")
    faults: tuple[Fault, ...] = ()
    task: Task


class OwnDataset(Word):
    """A team's own data set: uploaded, or named by a path that the operator allows."""

    id: str
    created_at: str
    filename: str
    status: Literal["uploading", "ready", "refused"]
    status_reason: str | None
    upload_offset: int = Field(description="Bytes held; a PATCH goes on here.")
    upload_length: int
    fingerprint: Fingerprint | None = Field(description="What it is, and in `task` the task it implies; null until it is whole.")
