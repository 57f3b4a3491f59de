"""The trivial baseline of super-resolution: bicubic interpolation, no training."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from models.adversary import Adversary, Batch, Networks
from models.contract import Recipe
from models.data.dataset import Dataset

TASKS = ("super-resolution",)
DEFAULTS = {"ema_half_life_kimg": 0.0}


def build(recipe: Recipe, data: Dataset) -> Adversary:
    side = data.fields["target"].shape[-2:]

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        return interpolate(given["input"], side, mode="bicubic").clamp(-1, 1)

    return Adversary(networks={}, players={}, phases=(), sample=sample, averaged=())
