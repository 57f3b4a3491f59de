"""Figures of merit by protocol name. A figure never travels without its name: figures of two names do not compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from models.data.dataset import Dataset
    from models.metrics.measured import Metric

NAMES = ("kid_efflite0_112",)
"""`none` in a recipe trains without a figure."""


def load(name: str, dataset: Dataset, samples: int, device: torch.device) -> Metric | None:
    """The metric with its reference computed, None for `none`. Raises ValueError for an unknown name, BadData below a minimum."""
    if name == "none":
        return None
    if name == "kid_efflite0_112":
        from models.metrics.kid import KidEffLite0

        return KidEffLite0(dataset, samples, device)
    raise ValueError(f"metric {name!r} is not known; known are {', '.join(NAMES)} and none")
