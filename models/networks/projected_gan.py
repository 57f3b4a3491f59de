"""Projected GAN, Sauer et al. 2021, arXiv:2111.01007: real and generated images are told apart in the features of a trained network.

Section 3: four stages of EfficientNet-Lite, mixed across channels and then across scales by random convolutions that stay as they
are, a small discriminator on each, whose hinge losses are added. Section 4: the generator of FastGAN with width 128, in the authors'
code with two convolutions at every side, Adam 2e-4 with betas 0 and 0.99, batch 64, differentiable augmentation. Lite0 with the
weights of its package takes the place of Lite1. Any power of two from 8 px on; smaller images than 64 px (`options.side`) are enlarged
for the features. The figures with `efflite0` in their names look through the same network, so they flatter it: look at `kid_inception`
too where its weights are at hand.
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate
from torch.nn.utils.parametrizations import spectral_norm

from models import losses
from models.adversary import Adversary, duel
from models.augment import augmentation
from models.contract import Recipe
from models.data.dataset import Dataset
from models.fast import FastGenerator
from models.metrics.features import EffLite0
from models.parts import normal_init, normal_latent
from models.translation import option

TASKS = ("unconditional-image",)
DEFAULTS = {
    "batch_size": 64,
    "latent_dim": 256,
    "width": 128,
    "lr_g": 2e-4,
    "lr_d": 2e-4,
    "beta1": 0.0,
    "beta2": 0.99,
    "augment": ("colour", "translation"),
}
ON_CPU = {"latent_dim": 128, "width": 8}
STAGES = (24, 40, 112, 320)
"""Channels of the features used, at a quarter to a 32nd of the side."""
MIXED = (1, 1, 2, 4)
"""Channels after mixing, in widths of `options.mixed`, 64."""
LAST = 4
"""Side of the logits."""
LEAST_SIDE = 64


def build(recipe: Recipe, data: Dataset) -> Adversary:
    side, mixed = max(recipe.resolution, int(option(recipe, "side", LEAST_SIDE))), int(option(recipe, "mixed", 64))
    discriminator = Discriminator(side, [mixed * share for share in MIXED])
    return duel(
        recipe,
        normal_init(FastGenerator(recipe.resolution, recipe.channels, recipe.latent_dim, recipe.width, always=True)),
        discriminator,
        latent=normal_latent,
        d_loss=losses.of_each(losses.hinge_d, discriminator.places),
        g_loss=losses.of_each(losses.linear_g, discriminator.places),
        augment=augmentation(recipe.augment),
    )


class Discriminator(nn.Module):
    """The logits of all scales, N x sum of `places`."""

    def __init__(self, side: int, mixed: list[int]) -> None:
        super().__init__()
        self.side = side
        self.project = Projection(mixed)
        sides = [side // 4 // 2**i for i in range(len(STAGES))]
        self.judges = nn.ModuleList(_judge(width, side) for width, side in zip(mixed, sides, strict=True))
        self.places = [min(side, LAST) ** 2 for side in sides]

    def forward(self, images: Tensor) -> Tensor:
        maps = self.project(images, self.side)
        return torch.cat([judge(x).float().flatten(1) for judge, x in zip(self.judges, maps, strict=True)], 1)


class Projection(nn.Module):
    """Features mixed by fixed random weights. These are buffers, kept by a resume; the feature network itself is not saved."""

    def __init__(self, mixed: list[int]) -> None:
        super().__init__()
        self._network = [EffLite0()]  # in a list: no part of the module
        for i, (found, width) in enumerate(zip(STAGES, mixed, strict=True)):
            self.register_buffer(f"across_{i}", torch.randn(width, found, 1, 1) * sqrt(2 / found))
            if i:
                self.register_buffer(f"down_{i}", torch.randn(mixed[i - 1], width, 3, 3) * sqrt(2 / (9 * width)))

    def forward(self, images: Tensor, side: int) -> list[Tensor]:
        """NxCxhxw of four scales, finest first."""
        self._network[0] = self._network[0].to(images.device)
        maps = self._network[0].stages(127.5 * (images + 1), side=side)[1:]
        mixed = [conv2d(x, self.get_buffer(f"across_{i}")) for i, x in enumerate(maps)]
        for i in reversed(range(1, len(mixed))):
            finer = mixed[i - 1]
            coarse = interpolate(mixed[i], finer.shape[2:], mode="bilinear")
            mixed[i - 1] = finer + conv2d(coarse, self.get_buffer(f"down_{i}"), padding=1)
        return mixed


def _judge(width: int, side: int) -> nn.Sequential:
    """Halved by strided convolutions down to 4x4, then logits by a last one."""
    layers: list[nn.Module] = []
    while side > LAST:
        layers += [
            spectral_norm(nn.Conv2d(width, width, 4, 2, 1, bias=False)),
            nn.BatchNorm2d(width),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        side //= 2
    return nn.Sequential(*layers, spectral_norm(nn.Conv2d(width, 1, 3, padding=1)))
