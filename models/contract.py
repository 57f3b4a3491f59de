"""What the service and a training run say to each other: plain dataclasses and the files of a run.

A run is a process with a folder. The worker writes `recipe.yaml`, starts `python -m models.train RUN_DIR`,
and reads `events.jsonl` as it grows. Nothing here imports torch.

Files of a run, all inside RUN_DIR:

    recipe.yaml               the Recipe and the RunBudget; the only input
    events.jsonl              one Event per line, append only, `seq` without gaps over resumes
    checkpoint-DIGEST.safetensors   every tensor of the game: networks, EMA, optimisers, random state
    checkpoint.json           the rest of the state (step, seconds spent, data position) and the name and digest of the file above;
                              replaced by rename, so that a kill at any instant leaves a whole pair
    samples/STEP.png          one grid per measurement, and per eighth of the budget
    samples.png               the latest grid
    curves.svg                metric and losses over kimg
    report.json               the outcome; its presence means the run has finished
    ema.safetensors           the generator to use
    log.txt                   stdout and stderr of the process
"""

from __future__ import annotations

import errno
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

RECIPE = "recipe.yaml"
EVENTS = "events.jsonl"
CHECKPOINT = "checkpoint.safetensors"
CHECKPOINT_STATE = "checkpoint.json"
SAMPLES = "samples.png"
GRIDS = "samples"
CURVES = "curves.svg"
REPORT = "report.json"
GENERATOR = "ema.safetensors"
LOG = "log.txt"

ARTIFACTS = (SAMPLES, CURVES, REPORT, GENERATOR, RECIPE, LOG)
"""Names a client may download, see GET /v1/validations/{id}/artifacts."""

# Exit codes of `python -m models.train`; the worker turns each into a status_reason.
EXIT_OK = 0
EXIT_BAD_RECIPE = 64
EXIT_BAD_DATA = 65
EXIT_DIVERGED = 66
EXIT_OUT_OF_MEMORY = 67
EXIT_NO_SPACE = 74  # the disk was full or a quota was reached: the last whole checkpoint is there, start again once there is room
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
EXIT_STOPPED = 75  # SIGTERM: a checkpoint was written, start again to resume
EXIT_RANK_LOST = 76  # one of the processes of a run on several devices is gone: start again from the last checkpoint

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True, kw_only=True)
class RunBudget:
    """What one run may spend: it stops at whichever limit comes first. At least one is set."""

    seconds: float | None = None
    """Training time in seconds summed over resumes, measuring included."""
    steps: int | None = None
    """Discriminator updates."""
    share: float = 1.0
    """Part of it at which the run measures, reports and ends for now. It goes on from there under a larger share, once report.json
    has been moved away."""
    devices: int = 1
    """Of one machine, that share each step: GPUs, or on a CPU processes. Each takes an equal part of the batch."""

    def __post_init__(self) -> None:
        if not 1 <= self.devices <= 64:
            raise ValueError("a run takes 1 to 64 devices")
        if not 0 < self.share <= 1:
            raise ValueError("the share of a budget must be above zero and at most one")
        if self.seconds is None and self.steps is None:
            raise ValueError("a budget needs seconds or steps")
        if (self.seconds is not None and self.seconds <= 0) or (self.steps is not None and self.steps <= 0):
            raise ValueError("a budget must be above zero")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Every number needed to train one network; two runs of one recipe on one CPU give the same bits."""

    architecture: str
    """Slug of a file in models/networks/, `wgan-gp` -> `wgan_gp.py`."""
    dataset: str
    """Slug of models/data, or a path to a folder the operator allows."""
    task: str = "unconditional-image"
    """Slug of models/tasks.yaml; says what kind of data the data set is read as."""
    resolution: int = 32
    """Square side in pixels, or voxels; images are resized to it."""
    length: int = 0
    """Time steps, audio samples, tokens or points in one sample; 0 takes what the data set has."""
    channels: int = 3
    classes: int = 0
    """0 trains unconditionally."""
    samples: int | None = None
    """Use at most this many training samples; None takes all."""
    seed: int = 0
    batch_size: int = 64
    latent_dim: int = 128
    width: int = 64
    """Channels of the widest-resolution layer; depth follows from the resolution."""
    lr_g: float = 2e-4
    lr_d: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    d_steps: int = 1
    """Discriminator updates per generator update."""
    gradient_penalty: float = 0.0
    """Weight of the architecture's penalty: lambda of WGAN-GP, gamma of R1."""
    ema_half_life_kimg: float = 10.0
    """0 keeps no average."""
    augment: tuple[str, ...] = ()
    """Names of models.augment applied to real and generated images alike."""
    precision: Precision = "fp32"
    metric: str = "kid_efflite0_112"
    """Name of a function in models.metrics; the name is the protocol."""
    metric_samples: int = 500
    measure_every_kimg: float = 10.0
    options: Mapping[str, float | int | str | bool] = field(default_factory=dict)
    """Settings that only this architecture has, and `threads`, the number of CPU threads."""

    def __post_init__(self) -> None:
        for name in ("resolution", "channels", "batch_size", "latent_dim", "width", "d_steps", "metric_samples"):
            if getattr(self, name) < 1:
                raise ValueError(f"recipe.{name} must be above zero, not {getattr(self, name)}")
        for name in ("lr_g", "lr_d", "measure_every_kimg"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"recipe.{name} must be above zero, not {getattr(self, name)}")
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"recipe.{name} must be in [0, 1), not {getattr(self, name)}")
        if self.precision not in get_args(Precision):
            raise ValueError(f"recipe.precision must be fp32 or bf16, not {self.precision!r}")
        if self.samples is not None and self.samples < 2:
            raise ValueError(f"recipe.samples must be two or more, not {self.samples}")


@dataclass(frozen=True, kw_only=True)
class Event:
    """One line a run reports."""

    seq: int
    """1, 2, 3 ... without gaps within one run."""
    type: Literal["started", "progress", "metric", "health", "checkpoint", "samples", "finished", "failed"]
    timestamp: str
    """RFC 3339 UTC."""
    data: Mapping[str, Any]
    """`progress`: step, kimg, fraction, eta_seconds, images_per_second, loss_d, loss_g; `metric`: step, kimg, name, value,
    low, high, samples; `health`: code, detail, remedy; `failed`: code, detail."""

    def line(self) -> str:
        return json.dumps(asdict(self), sort_keys=True) + "\n"


def write_recipe(run_dir: Path, recipe: Recipe, budget: RunBudget) -> None:
    """Writes RUN_DIR/recipe.yaml, creating the folder."""
    run_dir.mkdir(parents=True, exist_ok=True)
    body = {
        "recipe": asdict(recipe) | {"augment": list(recipe.augment), "options": dict(recipe.options)},
        "budget": asdict(budget),
    }
    (run_dir / RECIPE).write_text(yaml.safe_dump(body, sort_keys=False))


def read_recipe(path: Path) -> tuple[Recipe, RunBudget]:
    """Reads a recipe file. Raises ValueError that names the unknown, missing or wrong field."""
    try:
        body = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path.name} is not YAML: {error}") from None
    if not isinstance(body, dict) or not isinstance(body.get("recipe"), dict):
        raise ValueError(f"{path.name} needs a mapping `recipe:` and a mapping `budget:`")
    recipe = _checked(Recipe, body["recipe"], "recipe")
    budget = _checked(RunBudget, body.get("budget") or {}, "budget")
    return recipe, budget


def _checked(kind: type[Any], body: Mapping[str, Any], where: str) -> Any:
    known = {f.name: f for f in fields(kind)}
    for name, value in body.items():
        if name not in known:
            raise ValueError(f"{where}.{name} is not a field; known are {', '.join(known)}")
        wanted = str(known[name].type)
        if wanted in ("int", "float") and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ValueError(f"{where}.{name} must be a number, not {value!r}")
        if wanted == "int" and value != int(value):
            raise ValueError(f"{where}.{name} must be a whole number, not {value!r}")
    values = dict(body)
    if "augment" in values:
        values["augment"] = tuple(values["augment"])
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from None


def read_events(run_dir: Path, offset: int = 0) -> Iterator[tuple[Event, int]]:
    """Yields each whole line from byte `offset` on, with the offset after it; a half-written last line is left for later."""
    path = run_dir / EVENTS
    if not path.exists():
        return
    with path.open("rb") as lines:
        lines.seek(offset)
        for raw in lines:
            if not raw.endswith(b"\n"):
                return
            offset += len(raw)
            yield Event(**json.loads(raw)), offset
