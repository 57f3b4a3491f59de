"""r-GAN, the raw point cloud GAN of Achlioptas, Diamanti, Mitliagkas and Guibas 2018, arXiv:1707.02392.

Section 4.1 and appendix: the generator is five dense layers of 64, 128, 512, 1024 and 3 x points (ReLU) on 128 numbers of
N(0, 0.2); the discriminator is a PointNet without normalisation, layers over single points of 64, 128, 256, 256, 512 (leaky
ReLU), their maximum over the cloud, dense layers of 128, 64 and 1. Adam 1e-4 with beta1 0.5, batch 50, the loss of the 2014
GAN.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from models import losses
from models.adversary import Adversary, duel
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import normal_latent

TASKS = ("point-cloud",)
DEFAULTS = {"batch_size": 50, "latent_dim": 128, "width": 64, "lr_g": 1e-4, "lr_d": 1e-4, "beta1": 0.5, "beta2": 0.999}
ON_CPU = {"batch_size": 16, "width": 16, "lr_g": 5e-4, "lr_d": 5e-4}
SLOPE = 0.2
SPREAD = 0.2
"""Standard deviation of the latent numbers."""


def he(network: nn.Module) -> nn.Module:
    """Weights as arXiv:1502.01852 eq. 15 has them, in place: torch's own shrink a signal to nothing over eight layers without
    normalisation, and the discriminator then never starts."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, SLOPE)
            nn.init.zeros_(layer.bias)
    return network


class Generator(nn.Sequential):
    """N x latent -> N x P x 3."""

    def __init__(self, latent_dim: int, points: int, width: int) -> None:
        sizes = (latent_dim, width, 2 * width, 8 * width, 16 * width)
        layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU(inplace=True))]
        super().__init__(*layers, nn.Linear(sizes[-1], 3 * points), nn.Unflatten(1, (points, 3)))


class PointNet(nn.Module):
    """N x P x 3 -> N logits, whatever the order of the points."""

    def __init__(self, width: int) -> None:
        super().__init__()
        sizes = (3, width, 2 * width, 4 * width, 4 * width, 8 * width)
        self.points = nn.Sequential(
            *(layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.LeakyReLU(SLOPE, inplace=True)))
        )
        ends = (8 * width, 2 * width, width)
        self.cloud = nn.Sequential(
            *(layer for a, b in pairwise(ends) for layer in (nn.Linear(a, b), nn.LeakyReLU(SLOPE, inplace=True)))
        )
        self.head = nn.Linear(width, 1)

    def forward(self, clouds: Tensor) -> Tensor:
        points = self.points(clouds.flatten(0, 1))  # a matrix: in place on a view would copy it, forth and back
        logits: Tensor = self.head(self.cloud(points.unflatten(0, clouds.shape[:2]).max(1).values))
        return logits[:, 0]


def latent(n: int, dim: int, *, device: torch.device | None = None, generator: torch.Generator | None = None) -> Tensor:
    """n x dim from N(0, 0.2)."""
    return SPREAD * normal_latent(n, dim, device=device, generator=generator)


def build(recipe: Recipe, data: Dataset) -> Adversary:
    return duel(
        recipe,
        he(Generator(recipe.latent_dim, data.fields["points"].shape[1], recipe.width)),
        he(PointNet(recipe.width)),
        latent=latent,
        d_loss=losses.logistic_d,
        g_loss=losses.non_saturating_g,
        real=lambda batch: batch["points"],
        channels_last=False,
    )
