"""The trivial baseline for voxels: each solid by itself, as often as in the training set. It knows the mean shape alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.adversary import Adversary, Batch, Networks
from models.contract import Recipe
from models.data.dataset import Dataset

TASKS = ("voxel-3d",)
DEFAULTS = {"ema_half_life_kimg": 0.0}


class VoxelMarginals(nn.Module):
    share: Tensor

    def __init__(self, shape: torch.Size) -> None:
        super().__init__()
        self.register_buffer("share", torch.zeros(shape))

    def fit(self, batch: Batch) -> None:
        self.share.copy_((batch["voxels"] > 0).float().mean(0))

    def forward(self, n: int, generator: torch.Generator) -> Tensor:
        """n shapes of -1 and 1, drawn on the CPU."""
        return (torch.rand(n, *self.share.shape, generator=generator) < self.share.cpu()).float() * 2 - 1


def build(recipe: Recipe, data: Dataset) -> Adversary:
    marginals = VoxelMarginals(data.fields["voxels"].shape[1:])

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        shapes: Tensor = networks["generator"](n, generator)
        return shapes

    return Adversary(
        networks={"generator": marginals},
        players={},
        phases=(),
        sample=sample,
        averaged=(),
        begin=marginals.fit,
        channels_last=False,
    )
