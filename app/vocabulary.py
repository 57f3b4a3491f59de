"""READ FIRST: every domain word as one type, its meaning on one line.

Task in, recommendation out: a Task meets the Knowledge (architectures, benchmarks, rules), every architecture becomes a
Candidate or an Excluded, and the Recommendation is stamped with the digest of the knowledge it came from.
All types are frozen and refuse fields they do not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator, model_validator

Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]


class Word(BaseModel):
    """Base of every type here."""

    model_config = ConfigDict(frozen=True, extra="forbid")


_NUMBERS = ("int | None", "float | None", "<class 'int'>", "<class 'float'>")


class Asked(Word):
    """Base of what clients send: true and false are no numbers."""

    @model_validator(mode="before")
    @classmethod
    def _truth_is_no_number(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not any(isinstance(value, bool) for value in given.values()):
            return given
        numbers = {name for name, field in cls.model_fields.items() if str(field.annotation) in _NUMBERS}
        return {name: str(value) if isinstance(value, bool) and name in numbers else value for name, value in given.items()}


# ------------------------------------------------------------------ the task


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


# ------------------------------------------------------------------ the knowledge


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
    samples: int | None = None
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
    network_sha256: str = Field(description="Digest of the network file that was traced.")


# ------------------------------------------------------------------ the advisor's own record


class Scores(Word):
    """How one method of choosing did, as means over groups of figures; null where it does not apply."""

    top1: float | None = Field(description="Share of groups in which the first named is the best; ties count in shares.")
    spearman: float | None = Field(description="Rank correlation of the order named with the order found.")
    within20: float | None = Field(description="Share of groups in which the first named is within 20 % of the best.")
    coverage80: float | None = Field(description="Share of figures inside their 80 % interval.")


class Tested(Word):
    """Groups of figures that were predicted unseen, and how each method did on them."""

    groups: int
    right: dict[str, float] = Field(description="Method -> groups in which it named the best.")
    methods: dict[str, Scores]


class Backtest(Tested):
    """How often this version's advice is right: every group predicted by a model that saw neither its data set nor its source."""

    id: str = Field(description="backtest/ and 8 hex digits of the scores.")
    version: str = Field(description="Of the knowledge base.")
    figures_sha256: str = Field(description="Digest of the files of figures it was made from.")
    when: str
    by_task: dict[TaskSlug, Tested]


class Record(Word):
    """How often advice on such a task was right."""

    id: str = Field(description="The backtest it is read from: GET /v1/advisor/backtest.")
    task: TaskSlug | None = Field(description="The cases are of this task; null: it has too few, so all tasks are counted.")
    cases: int
    right: float = Field(description="Cases in which the first named was the best; ties count in shares.")
    random: float = Field(description="Cases in which a name drawn at random would have been the best, on average.")
    text: str


# ------------------------------------------------------------------ rules


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


# ------------------------------------------------------------------ the recommendation


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


# ------------------------------------------------------------------ the estimate


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


# ------------------------------------------------------------------ questions about an answer


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


# ------------------------------------------------------------------ the validation


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
        None, gt=0, le=10_000, description="Device memory that a worker must have; null takes what is predicted for the largest run."
    )


class Waiting(Word):
    """Why a validation has not begun, and when it may."""

    ahead: int = Field(description="Unfinished validations that come first.")
    needs_gpu: bool
    needs_memory_gb: float
    workers: int = Field(description="Live workers that can run it.")
    estimated_start: str | None = Field(description="If everything ahead takes its whole budget; null while no worker can run it.")


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
    memory_gb: float
    state: Literal["live", "silent", "dead", "gone"] = Field(description="Silent ones lose their run; dead was declared, gone left.")
    busy: bool
    started_at: str
    seen_at: str


# ------------------------------------------------------------------ a data set, looked at


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
    bit_depths: dict[str, int] = {}
    rates: dict[str, int] = Field({}, description="Sampling rate in Hz -> recordings.")
    formats: dict[str, int] = {}
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


# ------------------------------------------------------------------ access


class Scope(StrEnum):
    """What a key may do; none implies another."""

    READ = "read"
    RECOMMEND = "recommend"
    VALIDATE = "validate"
    ADMIN = "admin"


class NewKey(Asked):
    """A key of the caller's own team, to be made."""

    name: str = Field("", max_length=100, description="What it is for.")
    scopes: frozenset[Scope] = Field(frozenset({Scope.READ, Scope.RECOMMEND, Scope.VALIDATE}), min_length=1)
    expires_in_days: float | None = Field(None, gt=0, le=36_500)


class ApiKey(Word):
    """A key, without its secret."""

    id: str
    team: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class MadeKey(ApiKey):
    """A key just made. The secret is shown this once."""

    key: str


# ------------------------------------------------------------------ webhooks


class WebhookEvent(StrEnum):
    """What an endpoint is told of."""

    QUEUED = "validation.queued"
    STARTED = "validation.started"
    VERDICT = "validation.verdict"
    SUCCEEDED = "validation.succeeded"
    FAILED = "validation.failed"
    CANCELED = "validation.canceled"


class NewWebhook(Asked):
    """Where to send what, signed as Standard Webhooks 1.0 says."""

    url: str = Field(min_length=1, max_length=2048, description="https, and no private network.")
    events: tuple[WebhookEvent, ...] = Field(tuple(WebhookEvent), min_length=1, max_length=20)


class WebhookChange(Asked):
    """What is absent or null stays."""

    url: str | None = Field(None, min_length=1, max_length=2048)
    events: tuple[WebhookEvent, ...] | None = Field(None, min_length=1, max_length=20)
    enabled: bool | None = None


class Webhook(Word):
    """An endpoint. One that answers 410 is disabled."""

    id: str
    created_at: str
    url: str
    events: tuple[str, ...]
    enabled: bool
    disabled_reason: str | None


class MadeWebhook(Webhook):
    """With the secret, shown this once."""

    secret: str


class Delivery(Word):
    """One event on its way to one endpoint; its id is the webhook-id of every attempt."""

    id: str
    type: str
    created_at: str
    state: Literal["pending", "delivered", "failed"]
    attempts: int
    next_at: str | None = Field(description="When the next attempt is due.")
    status: int | None = Field(description="Of the last attempt; null where there was no answer.")
    error: str | None
