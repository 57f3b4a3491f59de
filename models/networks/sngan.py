"""SNGAN, Miyato et al. 2018, arXiv:1802.05957: a spectrally normalised discriminator and the hinge loss.

The standard CNN of table 3: the generator doubles from 4x4 to a last 3x3 convolution, the discriminator alternates 3x3 stride 1 and
4x4 stride 2, leaky slope 0.1. Setting C of table 1: Adam 2e-4, betas 0.5 and 0.999, one discriminator update, batch 64, latent 128.
`width` 64 is the paper's at 32 px. Any power of two from 8 px on.
"""

from __future__ import annotations

from torch import nn

from models import losses
from models.adversary import Adversary, duel
from models.augment import augmentation
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import Reshape, doublings, normal_init, normal_latent, spectral

TASKS = ("unconditional-image",)
DEFAULTS = {
    "batch_size": 64,
    "latent_dim": 128,
    "width": 64,
    "lr_g": 2e-4,
    "lr_d": 2e-4,
    "beta1": 0.5,
    "beta2": 0.999,
    "d_steps": 1,
}


def build(recipe: Recipe, data: Dataset) -> Adversary:
    return duel(
        recipe,
        normal_init(_generator(recipe)),
        spectral(normal_init(_discriminator(recipe))),
        latent=normal_latent,
        d_loss=losses.hinge_d,
        g_loss=losses.linear_g,
        augment=augmentation(recipe.augment),
        joint=True,
    )


def _generator(recipe: Recipe) -> nn.Sequential:
    n = doublings(recipe.resolution)
    wide = recipe.width * 2**n
    layers: list[nn.Module] = [nn.Linear(recipe.latent_dim, wide * 16), Reshape(wide, 4)]
    for _ in range(n):
        layers += [
            nn.ConvTranspose2d(wide, wide // 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(wide // 2),
            nn.ReLU(inplace=True),
        ]
        wide //= 2
    return nn.Sequential(*layers, nn.Conv2d(wide, recipe.channels, 3, 1, 1), nn.Tanh())


def _discriminator(recipe: Recipe) -> nn.Sequential:
    n = doublings(recipe.resolution)
    width, channels = recipe.width, recipe.channels
    layers: list[nn.Module] = []
    for _ in range(n):
        layers += [nn.Conv2d(channels, width, 3, 1, 1), nn.LeakyReLU(0.1, inplace=True)]
        layers += [nn.Conv2d(width, width, 4, 2, 1), nn.LeakyReLU(0.1, inplace=True)]
        channels, width = width, width * 2
    layers += [nn.Conv2d(channels, width, 3, 1, 1), nn.LeakyReLU(0.1, inplace=True)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(width * 16, 1))
