"""The trivial baseline for point clouds: each point drawn from all points of the training set. Every shape is the mean shape."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.adversary import Adversary, Batch, Networks
from models.contract import Recipe
from models.data.dataset import Dataset

TASKS = ("point-cloud",)
DEFAULTS = {"ema_half_life_kimg": 0.0}
KEPT = 100_000


class PooledPoints(nn.Module):
    pool: Tensor

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length
        self.register_buffer("pool", torch.zeros(KEPT, 3))

    def fit(self, batch: Batch) -> None:
        points = batch["points"].flatten(0, 1)
        self.pool.copy_(points[torch.randint(len(points), (KEPT,), device=points.device)])

    def forward(self, n: int, generator: torch.Generator) -> Tensor:
        """n x P x 3."""
        return self.pool[torch.randint(KEPT, (n, self.length), generator=generator).to(self.pool.device)]


def build(recipe: Recipe, data: Dataset) -> Adversary:
    pooled = PooledPoints(data.fields["points"].shape[1])

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        clouds: Tensor = networks["generator"](n, generator)
        return clouds

    return Adversary(
        networks={"generator": pooled}, players={}, phases=(), sample=sample, averaged=(), begin=pooled.fit, channels_last=False
    )
