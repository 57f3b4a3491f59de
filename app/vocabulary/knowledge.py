"""What is known: architectures, published figures, data sets, metrics, GPUs, costs."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from app.vocabulary.task import DataType, Labels, TaskSlug
from app.vocabulary.word import Asked, Slug, Word


class Kind(StrEnum):
    """A GAN can be recommended; a reference is another method, named in advice when its figures are better."""

    GAN = "gan"
    REFERENCE = "reference"


class Licence(StrEnum):
    """What the licence of the reference code allows, read from `code_licence`."""

    PERMISSIVE = "permissive"
    COMMERCIAL = "commercial"
    NON_COMMERCIAL = "non-commercial"
    UNKNOWN = "unknown"


class Direction(StrEnum):
    MIN = "min"
    MAX = "max"


class ReportedBy(StrEnum):
    AUTHORS = "authors"
    THIRD_PARTY = "third-party"


class Range(Word):
    min: int | None = None
    max: int | None = None
    typical: tuple[int, ...] = ()


class PublishedRecipe(Word):
    """The training settings its publication states; text where the source gives text."""

    optimizer: str | None = None
    lr_g: float | str | None = None
    lr_d: float | str | None = None
    betas: tuple[float, float] | None = None
    batch_size: int | str | None = None
    d_steps_per_g: float | str | None = None
    ema: str | float | None = None
    total: str | None = Field(None, description="Length of training as stated: kimg, steps or epochs.")
    note: str | None = None


class Params(Word):
    """Millions of parameters as published."""

    generator: float | None = None
    discriminator: float | None = None
    note: str | None = None


class Architecture(Word):
    """A published GAN design, described as data. The file is named by its slug."""

    slug: Slug
    name: str
    aliases: tuple[Slug, ...] = Field((), description="Other slugs of this design; figures under them are read as its own.")
    kind: Kind = Kind.GAN
    control: bool = Field(False, description="Real data or a sampler that learns nothing: a floor or ceiling, not a method.")
    family: Slug = Field(description="Designs that share most of their generator and loss.")
    year: int | None = Field(None, ge=1950, le=2100)
    venue: str | None = None
    arxiv: str | None = None
    repository: str | None = None
    code_licence: str | None = None
    weights_licence: str | None = None
    licence: Licence = Licence.UNKNOWN
    tasks: tuple[TaskSlug, ...]
    data_types: tuple[DataType, ...]
    data_note: str | None = None
    conditioning: tuple[Labels, ...] = ()
    resolution: Range = Range()
    min_train_samples: int | None = None
    min_train_samples_because: str | None = None
    loss: str | None = None
    regularisation: tuple[str, ...] = ()
    normalisation: str | None = None
    generator_activation: str | None = None
    discriminator_activation: str | None = None
    depth: str | None = None
    augmentation: tuple[str, ...] = ()
    upscale_factors: tuple[int, ...] = ()
    recipe: PublishedRecipe = PublishedRecipe()
    params_m: Params = Params()
    strengths: tuple[str, ...] = ()
    failure_modes: tuple[str, ...] = ()
    succeeded_by: tuple[Slug, ...] = ()
    sources: tuple[str, ...] = Field(min_length=1)
    note: str | None = None


class Benchmark(Word):
    """One published figure with source and locator. Its file names the data set."""

    id: str = Field(description="DATASET/METRIC/ARCHITECTURE/ and 8 hex digits of the row's key.")
    architecture: Slug
    variant: str | None = None
    task: TaskSlug
    dataset: Slug
    train_samples: int | None = None
    resolution: int | None = None
    channels: int | None = None
    metric: Slug
    value: float
    protocol: str = Field(description="How the figure was measured.")
    train_kimg: float | None = None
    batch_size: int | None = None
    gpus: int | None = None
    gpu_type: str | None = None
    gpu_hours: float | None = None
    params_m: float | None = None
    year: int | None = None
    reported_by: ReportedBy
    source: str
    locator: str
    notes: str | None = None


class NewFigure(Asked):
    """A figure of a team's own; the fields of a Benchmark, without the id that it is given."""

    architecture: Slug
    variant: str | None = Field(None, max_length=200)
    task: TaskSlug
    dataset: Slug = Field(description="Of the knowledge base; or any that begins with `own-`.")
    train_samples: int | None = Field(None, ge=1, le=10**12)
    resolution: int | None = Field(None, ge=1, le=10**6)
    channels: int | None = Field(None, ge=1, le=10**6)
    metric: Slug
    value: float
    protocol: str = Field(min_length=1, max_length=500, description="How the figure was measured; only equal ones compare.")
    train_kimg: float | None = Field(None, ge=0, le=1e12)
    batch_size: int | None = Field(None, ge=1, le=10**9)
    gpus: int | None = Field(None, ge=1, le=10**6)
    gpu_type: str | None = Field(None, max_length=200)
    gpu_hours: float | None = Field(None, ge=0, le=1e12)
    params_m: float | None = Field(None, ge=0, le=1e9)
    year: int | None = Field(None, ge=1900, le=2200)
    reported_by: ReportedBy = ReportedBy.THIRD_PARTY
    source: str = Field(max_length=500, description="Where it was published; or `own:NAME` for what never was.")
    locator: str = Field(min_length=1, max_length=500, description="The place in the source: a table, a row, a run.")
    notes: str | None = Field(None, max_length=2000)


class TakenFigures(Word):
    """What became of many figures sent at once."""

    created: int
    unchanged: int = Field(description="There before, with the same value.")
    figures: int = Field(description="How many the team has now.")


class Metric(Word):
    """A quantity that figures report, its direction and its plausible range."""

    slug: Slug
    name: str
    direction: Direction
    low: float | None = None
    high: float | None = None
    measures: Literal["quality", "cost", "privacy", "diagnostic"]
    note: str | None = None


class TaskMetric(Word):
    """What a task is, and by which metrics its architectures are ranked, most telling first."""

    slug: TaskSlug
    name: str
    meaning: str
    data_types: tuple[DataType, ...]
    metrics: tuple[Slug, ...]


class Dataset(Word):
    """A data set that figures name."""

    slug: Slug
    name: str
    data_type: DataType
    domain: str | None = None
    samples: int | None = Field(None, description="Samples to train on: of figures that do not say how many there were.")
    classes: int | None = None
    resolution: int | None = None
    note: str | None = None


class Gpu(Word):
    """A device. Missing figures are null, prices as of their source."""

    name: str
    vendor: str
    year: int | None = None
    memory_gb: float
    memory_bandwidth_gb_s: float | None = None
    fp32_tflops: float | None = None
    tf32_tflops: float | None = None
    fp16_tflops: float | None = None
    tdp_w: float | None = None
    usd_per_hour: float | None = None
    source: str
    price_source: str | None = None
    alias: str | None = Field(None, description="The name that cost rows use.")
    notes: str | None = None


class Cost(Word):
    """One published figure of training speed, memory or time."""

    id: str
    architecture: Slug
    config: str | None = None
    dataset: str | None = None
    resolution: int | None = None
    batch_size_total: int | None = None
    batch_per_gpu: int | None = None
    precision: str | None = None
    gpus: int | None = None
    gpu_type: str | None = None
    sec_per_kimg: float | None = None
    images_per_sec: float | None = None
    gpu_mem_gb_peak: float | None = None
    train_kimg_total: float | None = None
    wall_hours_total: float | None = None
    gpu_hours_total: float | None = None
    params_g_m: float | None = None
    params_d_m: float | None = None
    gflops_g: float | None = None
    gflops_d: float | None = None
    unit: str = Field(description="What `images` are in this row: image, batch or step.")
    evidence: str | None = None
    derived: tuple[str, ...] = Field((), description="Columns computed, not read.")
    source: str
    locator: str
    notes: str | None = None


class Profile(Word):
    """One traced training step of one of our networks: what it computes, moves and holds. No weight was ever allocated."""

    id: str = Field(description="profile/ARCHITECTURE/ and 8 hex digits of the row's configuration.")
    architecture: Slug
    task: TaskSlug
    resolution: int | None = None
    length: int | None = None
    channels: int | None = None
    width: int | None = None
    batch_size: int
    precision: str
    recipe: Literal["published", "cpu"] = Field(
        "published", description="As its paper trains it, or as a validation on a CPU does."
    )
    parameters_g: int
    parameters_d: int
    flops_per_step: float
    bytes_per_step: float = Field(description="Bytes that the kernels of a step read and write.")
    kernels_per_step: int
    static_bytes: int = Field(description="Weights, gradients, optimiser states and EMA.")
    peak_bytes: int = Field(description="Largest sum of live tensors within the step, static included.")
    network_sha256: str = Field(
        description="Digest of the code that was traced: the network, the game, and the pieces both are built from."
    )
