"""The trivial baseline of translation: the given image, unchanged. A network that does not beat it has not translated anything."""

from __future__ import annotations

import torch
from torch import Tensor

from models.adversary import Adversary, Batch, Networks
from models.contract import Recipe
from models.data.dataset import Dataset

TASKS = ("paired-image-translation", "unpaired-image-translation", "style-transfer")
DEFAULTS = {"ema_half_life_kimg": 0.0}


def build(recipe: Recipe, data: Dataset) -> Adversary:
    field = data.conditions[0]

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        return given[field]

    return Adversary(networks={}, players={}, phases=(), sample=sample, averaged=())
