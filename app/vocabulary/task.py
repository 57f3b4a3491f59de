"""What the user wants generated, from what data, within which limits."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field, field_validator

from app.vocabulary.word import Asked, Slug, Word


class DataType(StrEnum):
    IMAGE = "image"
    VIDEO = "video"
    TABULAR = "tabular"
    TIME_SERIES = "time-series"
    AUDIO = "audio"
    TEXT = "text"
    GRAPH = "graph"
    POINT_CLOUD = "point-cloud"
    VOXEL = "voxel"


class TaskSlug(StrEnum):
    UNCONDITIONAL_IMAGE = "unconditional-image"
    CLASS_CONDITIONAL_IMAGE = "class-conditional-image"
    PAIRED_IMAGE_TRANSLATION = "paired-image-translation"
    UNPAIRED_IMAGE_TRANSLATION = "unpaired-image-translation"
    SUPER_RESOLUTION = "super-resolution"
    INPAINTING = "inpainting"
    STYLE_TRANSFER = "style-transfer"
    TEXT_TO_IMAGE = "text-to-image"
    VIDEO = "video"
    TABULAR = "tabular"
    TIME_SERIES = "time-series"
    AUDIO_WAVEFORM = "audio-waveform"
    AUDIO_VOCODER = "audio-vocoder"
    TEXT = "text"
    MOLECULE_GRAPH = "molecule-graph"
    POINT_CLOUD = "point-cloud"
    VOXEL_3D = "voxel-3d"
    THREE_D_AWARE_IMAGE = "3d-aware-image"
    ANOMALY_DETECTION = "anomaly-detection"


class Labels(StrEnum):
    """What is known of each sample beside the sample."""

    NONE = "none"
    CLASS = "class"
    TEXT = "text"
    IMAGE = "image"
    CAMERA = "camera"


class Pairing(StrEnum):
    """How samples of two domains belong together; paired tolerates a few pixels of misalignment."""

    NONE = "none"
    PAIRED = "paired"
    UNPAIRED = "unpaired"


def _or_yes_no(schema: dict[str, Any]) -> None:
    schema["anyOf"].append({"type": "boolean"})


class Data(Asked):
    """The data at hand. Only `type` is required; what is missing is assumed and echoed."""

    type: DataType
    resolution: int | None = Field(None, ge=4, le=4096, description="Square side in pixels, or voxels.")
    channels: int | None = Field(None, ge=1, le=1024)
    samples: int | None = Field(None, ge=1, le=10**10, description="Training samples: images, rows, series, clips.")
    classes: int | None = Field(None, ge=1, le=10**6)
    labels: Labels | None = Field(None, json_schema_extra=_or_yes_no)
    pairing: Pairing | None = None
    domain: str | None = Field(None, max_length=64, description="Free word, such as faces, medical, art, speech.")
    length: int | None = Field(None, ge=1, le=10**8, description="Time steps, audio samples or tokens in one sample.")
    columns: int | None = Field(None, ge=1, le=10**5, description="Columns of a table, or variables of a series.")
    dataset_id: str | None = Field(None, max_length=64)

    @field_validator("labels", mode="before")
    @classmethod
    def _labels_as_yes_or_no(cls, value: object) -> object:
        return {True: Labels.CLASS, False: Labels.NONE}[value] if isinstance(value, bool) else value


class Limits(Asked):
    """What the user can spend; the field `budget` of a task."""

    gpu: str | None = Field(None, max_length=64, description="A name of GET /v1/gpus, such as `RTX 3090`.")
    gpus: int | None = Field(None, ge=1, le=4096)
    gpu_hours: float | None = Field(None, gt=0, le=10**7, allow_inf_nan=False)
    memory_gb: float | None = Field(None, gt=0, le=10**4, allow_inf_nan=False, description="Memory of one GPU, 10^9 bytes.")
    usd: float | None = Field(None, gt=0, le=10**9, allow_inf_nan=False)


class LicenceNeed(StrEnum):
    """What the licence of the reference code must allow."""

    ANY = "any"
    COMMERCIAL = "commercial"
    PERMISSIVE = "permissive"


class Constraints(Asked):
    licence: LicenceNeed = LicenceNeed.ANY
    exclude: tuple[Slug, ...] = Field((), max_length=500)
    include: tuple[Slug, ...] = Field((), max_length=500, description="Consider these alone, when given.")


class Priorities(Asked):
    """Relative weights; only their ratios count."""

    quality: float = Field(1.0, ge=0, le=100, allow_inf_nan=False)
    cost: float = Field(0.3, ge=0, le=100, allow_inf_nan=False)
    stability: float = Field(0.3, ge=0, le=100, allow_inf_nan=False)


class Task(Asked):
    """What the user wants generated, from what data, within which limits."""

    task: TaskSlug | None = Field(None, description="Derived from the data when absent.")
    data: Data
    budget: Limits = Limits()
    constraints: Constraints = Constraints()
    priorities: Priorities = Priorities()
    top_k: int = Field(5, ge=1, le=50)


class Assumption(Word):
    """A value the advisor put in for one the task left out."""

    pointer: str = Field(description="JSON pointer of the field, such as /data/samples.")
    value: Any
    because: str
    rule_id: str
