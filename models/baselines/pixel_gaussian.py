"""The trivial baseline for images: one multivariate normal over pixels, fitted to at most 2,000 training images along their 256
principal axes and sampled. It has no moves, so the loop measures it and is done. A network that does not beat it has learnt nothing
but means and covariances.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.adversary import Adversary, Batch, Networks
from models.contract import Recipe
from models.data.dataset import Dataset

TASKS = ("unconditional-image", "class-conditional-image")
DEFAULTS = {"ema_half_life_kimg": 0.0}
AXES = 256
MOST_SAMPLES = 2000


class PixelGaussian(nn.Module):
    """N x AXES standard normal -> images."""

    mean: Tensor
    axes: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape
        size = int(torch.tensor(shape).prod())
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("axes", torch.zeros(AXES, size))

    def fit(self, batch: Batch) -> None:
        x = batch["image"][:MOST_SAMPLES].flatten(1).double()
        mean = x.mean(0)
        _, scale, axes = torch.linalg.svd((x - mean) / max(len(x) - 1, 1) ** 0.5, full_matrices=False)
        kept = min(AXES, len(scale))
        self.mean.copy_(mean)
        self.axes[:kept] = (scale[:kept, None] * axes[:kept]).to(self.axes)

    def forward(self, latent: Tensor) -> Tensor:
        pixels: Tensor = self.mean + latent @ self.axes
        return pixels.clamp(-1, 1).view(len(latent), *self.shape)


def build(recipe: Recipe, data: Dataset) -> Adversary:
    gaussian = PixelGaussian((recipe.channels, recipe.resolution, recipe.resolution))

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        images: Tensor = networks["generator"](torch.randn(n, AXES, generator=generator).to(gaussian.mean.device))
        return images

    return Adversary(networks={"generator": gaussian}, players={}, phases=(), sample=sample, averaged=(), begin=gaussian.fit)
