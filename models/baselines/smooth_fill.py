"""The trivial baseline of inpainting: a hole is filled with the smoothest surface over its rim, the solution of Laplace's equation."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from models.adversary import Adversary, Batch, Networks
from models.contract import Recipe
from models.data.dataset import Dataset

TASKS = ("inpainting",)
DEFAULTS = {"ema_half_life_kimg": 0.0}
ROUNDS = 8
"""Rounds of averaging per pixel of the side: enough that a hole of half an image no longer changes by a grey level."""


def build(recipe: Recipe, data: Dataset) -> Adversary:
    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        return fill(given["input"], given["mask"])

    return Adversary(networks={}, players={}, phases=(), sample=sample, averaged=())


def fill(images: Tensor, mask: Tensor) -> Tensor:
    """NxCxHxW with the pixels of the mask (Nx1xHxW) relaxed to the mean of their four neighbours, from the mean of the known ones."""
    known = ~mask
    mean = (images * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True).clamp(min=1)
    x = torch.where(known, images, mean)
    for _ in range(ROUNDS * images.shape[-1]):
        wide = pad(x, (1, 1, 1, 1), mode="replicate")
        across, along = avg_pool2d(wide[:, :, 1:-1], (1, 3), 1), avg_pool2d(wide[..., 1:-1], (3, 1), 1)
        x = torch.where(known, images, (3 * across + 3 * along - 2 * x) / 4)
    return x
