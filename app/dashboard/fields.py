"""The inputs of the form of a task, by the path of the value they fill, and the examples beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.vocabulary import DataType, Labels, Pairing, TaskSlug

Typed = Mapping[str, str]
"""What was typed, by field: names are paths into a Task, such as `data.resolution`."""
GRIDS = (DataType.IMAGE, DataType.VIDEO, DataType.VOXEL)
SERIES = (DataType.VIDEO, DataType.TIME_SERIES, DataType.AUDIO, DataType.TEXT)
ALL = tuple(DataType)


@dataclass(frozen=True)
class Field:
    """One input. `types` are the data types it means something for; under others it is hidden and ignored."""

    name: str
    label: str
    hint: str = ""
    types: tuple[DataType, ...] = ALL
    unit: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    kind: str = "text"

    @property
    def id(self) -> str:
        return self.name.replace(".", "-")


DATA = (
    Field("data.samples", "Samples", "images, rows, series or clips to train on"),
    Field("data.resolution", "Resolution", "side of the square", GRIDS, "px"),
    Field("data.channels", "Channels", "3 for colour, 1 for grey", (DataType.IMAGE, DataType.VIDEO, DataType.AUDIO)),
    Field("data.columns", "Columns", "of the table, or variables of the series", (DataType.TABULAR, DataType.TIME_SERIES)),
    Field("data.length", "Length", "steps, audio samples, frames or tokens in one sample", SERIES),
    Field("data.labels", "Labels", "what is known of each sample", choices=tuple((v, v) for v in Labels)),
    Field("data.classes", "Classes", "how many, where labels are classes"),
    Field(
        "data.pairing",
        "Pairing",
        "of two domains; a few pixels off still is paired",
        (*GRIDS, DataType.AUDIO),
        choices=tuple((v, v) for v in Pairing),
    ),
    Field("data.domain", "Domain", "a free word: faces, medical, art, speech"),
    Field("data.dataset_id", "Your data set", "its id; what is left out above is read from it"),
)
LIMITS = (
    Field("budget.gpus", "How many GPUs"),
    Field("budget.gpu_hours", "GPU time", "summed over the GPUs", unit="h"),
    Field("budget.memory_gb", "Memory", "of one GPU, if less than it has", unit="GB"),
    Field("budget.usd", "Money", unit="US$"),
    Field(
        "constraints.licence",
        "Licence of the code",
        choices=(("any", "any"), ("commercial", "commercial use allowed"), ("permissive", "permissive")),
    ),
)
WEIGHTS = tuple(
    Field(f"priorities.{name}", label, kind="range")
    for name, label in (("quality", "Quality"), ("cost", "Low cost"), ("stability", "Stable training"))
)
MORE = (
    Field("constraints.include", "Only these architectures", "slugs, separated by commas", kind="list"),
    Field("constraints.exclude", "Without these", "slugs, separated by commas", kind="list"),
    Field("top_k", "Candidates to show"),
)
KNOWN = {f.name: f for f in (*DATA, *LIMITS, *WEIGHTS, *MORE)} | {
    "data.type": Field("data.type", "What do you have?", choices=tuple((v, v) for v in DataType)),
    "task": Field("task", "What do you want?", choices=tuple((v, v) for v in TaskSlug)),
    "budget.gpu": Field("budget.gpu", "GPU"),
}

EXAMPLES: tuple[tuple[str, str, Typed], ...] = (
    (
        "Faces",
        "1,000 images, 256 px, one RTX 3090 for a day",
        {"data.type": "image", "data.samples": "1000", "data.resolution": "256", "data.domain": "faces",
         "budget.gpu": "RTX 3090", "budget.gpu_hours": "24"},
    ),
    (
        "A table",
        "20,000 rows, 12 columns, commercial use",
        {"data.type": "tabular", "data.samples": "20000", "data.columns": "12", "constraints.licence": "commercial"},
    ),
    (
        "Horses to zebras",
        "unpaired photographs, 256 px",
        {"data.type": "image", "data.pairing": "unpaired", "data.samples": "2400", "data.resolution": "256"},
    ),
    ("A vocoder", "spectrograms to speech, 13,000 clips", {"data.type": "audio", "task": "audio-vocoder", "data.samples": "13000",
                                                          "data.domain": "speech"}),
    (
        "Digits, here and now",
        "5,000 grey images, 32 px; can be validated on this machine",
        {"data.type": "image", "data.resolution": "32", "data.channels": "1", "data.samples": "5000", "data.labels": "none",
         "data.domain": "digits", "budget.gpu_hours": "2", "top_k": "8"},
    ),
)  # fmt: skip
