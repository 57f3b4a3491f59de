"""3D-GAN, Wu, Zhang, Xue, Freeman and Tenenbaum 2016, arXiv:1610.07584.

Section 3.1 and appendix A: five volumetric convolutions of 4x4x4 with stride 2 from a latent of 200 to 64 voxels, 512
channels at 4x4x4, halved at each doubling, so a width of 64; BatchNorm and ReLU; the discriminator is its mirror with leaky
ReLU 0.2. Adam with beta1 0.5, rates 0.0025 and 1e-5, batch 100. The discriminator is not updated where it was right on more
than 80 % of a batch. Any power of two from 8 on.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models import losses
from models.adversary import Adversary, duel
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import doublings, normal_latent

TASKS = ("voxel-3d",)
DEFAULTS = {"batch_size": 100, "latent_dim": 200, "width": 64, "lr_g": 0.0025, "lr_d": 1e-5, "beta1": 0.5, "beta2": 0.999}
ON_CPU = {"batch_size": 32, "width": 16, "lr_g": 0.001, "lr_d": 0.0002}
SURE = 0.8
"""Share of a batch beyond which the discriminator waits for the generator."""


class Latent(nn.Module):
    """N x z -> N x z x 1 x 1 x 1."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, None, None, None]


def generator(resolution: int, latent_dim: int, width: int) -> nn.Sequential:
    times = doublings(resolution)
    wide = width * 2 ** (times - 1)
    layers: list[nn.Module] = [
        Latent(),
        nn.ConvTranspose3d(latent_dim, wide, 4, bias=False),
        nn.BatchNorm3d(wide),
        nn.ReLU(inplace=True),
    ]
    for _ in range(times - 1):
        layers += [nn.ConvTranspose3d(wide, wide // 2, 4, 2, 1, bias=False), nn.BatchNorm3d(wide // 2), nn.ReLU(inplace=True)]
        wide //= 2
    return nn.Sequential(*layers, nn.ConvTranspose3d(wide, 1, 4, 2, 1), nn.Tanh())


def discriminator(resolution: int, width: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv3d(1, width, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
    for _ in range(doublings(resolution) - 1):
        layers += [nn.Conv3d(width, 2 * width, 4, 2, 1, bias=False), nn.BatchNorm3d(2 * width), nn.LeakyReLU(0.2, inplace=True)]
        width *= 2
    return nn.Sequential(*layers, nn.Conv3d(width, 1, 4), nn.Flatten(0))


def unless_sure(real: Tensor, fake: Tensor) -> Tensor:
    """Cross entropy, or 0 where more than SURE of the batch is judged rightly already."""
    right = ((real > 0).float().mean() + (fake < 0).float().mean()) / 2
    return torch.where(right > SURE, 0.0, losses.logistic_d(real, fake))


def build(recipe: Recipe, data: Dataset) -> Adversary:
    return duel(
        recipe,
        generator(recipe.resolution, recipe.latent_dim, recipe.width),
        discriminator(recipe.resolution, recipe.width),
        latent=normal_latent,
        d_loss=unless_sure,
        g_loss=losses.non_saturating_g,
        d_above=0.0,
        real=lambda batch: batch["voxels"],
        channels_last=False,
    )
