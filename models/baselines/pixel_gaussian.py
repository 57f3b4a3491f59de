"""The trivial baseline for images: a multivariate normal over pixels, one for each class where there are classes, fitted to at most
2,000 training images along their 256 principal axes and sampled. It has no moves, so the loop measures it and is done. A network that
does not beat it has learnt nothing but means and covariances.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.adversary import Adversary, Batch, Networks
from models.contract import Recipe
from models.data.dataset import Dataset

TASKS = ("unconditional-image", "class-conditional-image", "text-to-image")
DEFAULTS = {"ema_half_life_kimg": 0.0}
AXES = 256
MOST_SAMPLES = 2000


class PixelGaussian(nn.Module):
    """N x AXES standard normal, and labels N, -> images; classes that were not seen are grey."""

    mean: Tensor
    axes: Tensor

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.shape = shape
        size = int(torch.tensor(shape).prod())
        self.register_buffer("mean", torch.zeros(classes, size))
        self.register_buffer("axes", torch.zeros(classes, AXES, size))

    def fit(self, batch: Batch) -> None:
        x = batch["image"][:MOST_SAMPLES].flatten(1).double()
        of = batch["label"][: len(x)] if len(self.mean) > 1 else torch.zeros(len(x), dtype=torch.long, device=x.device)
        for c in range(len(self.mean)):
            each = x[of == c]
            if not len(each):
                continue
            self.mean[c] = each.mean(0)
            _, scale, axes = torch.linalg.svd((each - each.mean(0)) / max(len(each) - 1, 1) ** 0.5, full_matrices=False)
            kept = min(AXES, len(scale))
            self.axes[c, :kept] = (scale[:kept, None] * axes[:kept]).to(self.axes)

    def forward(self, latent: Tensor, label: Tensor) -> Tensor:
        pixels = torch.empty(len(latent), self.mean.shape[1], device=latent.device)
        for c in range(len(self.mean)):
            pixels[label == c] = self.mean[c] + latent[label == c] @ self.axes[c]
        return pixels.clamp(-1, 1).view(len(latent), *self.shape)


def build(recipe: Recipe, data: Dataset) -> Adversary:
    gaussian = PixelGaussian((recipe.channels, recipe.resolution, recipe.resolution), max(1, recipe.classes))

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        device = gaussian.mean.device
        label = given.get("label", torch.zeros(n, dtype=torch.long, device=device))
        images: Tensor = networks["generator"](torch.randn(n, AXES, generator=generator).to(device), label)
        return images

    return Adversary(networks={"generator": gaussian}, players={}, phases=(), sample=sample, averaged=(), begin=gaussian.fit)
