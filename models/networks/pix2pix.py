"""pix2pix, Isola et al. 2017, arXiv:1611.07004: a U-Net against a discriminator of patches, beside L1.

Section 3.3: Adam 2e-4 with betas 0.5 and 0.999, L1 weighted 100 (`options.l1`), the discriminator's loss halved. Appendix 6.1: batch
1, 64 channels, weights N(0, 0.02), 70x70 patches; 54.4 M parameters in the generator at 256 px. Dropout stays on while sampling.
Any power of two from 8 px on.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import l1_loss

from models import losses
from models.adversary import Adversary, Batch
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import normal_init
from models.translation import UNet, guided, option, patch_discriminator

TASKS = ("paired-image-translation",)
DEFAULTS = {"batch_size": 1, "width": 64, "lr_g": 2e-4, "lr_d": 2e-4, "beta1": 0.5, "beta2": 0.999}


def build(recipe: Recipe, data: Dataset) -> Adversary:
    generator = normal_init(UNet(recipe.resolution, recipe.channels, recipe.channels, recipe.width))
    discriminator = normal_init(patch_discriminator(recipe.resolution, 2 * recipe.channels, recipe.width))
    weight = option(recipe, "l1", 100.0)

    def judge(batch: Batch, images: Tensor) -> Tensor:
        logits: Tensor = discriminator(torch.cat((batch["input"], images), 1)).float()
        return logits

    def d_loss(batch: Batch, made: Tensor) -> Tensor:
        return 0.5 * losses.logistic_d(judge(batch, batch["target"]), judge(batch, made))

    def g_loss(batch: Batch, made: Tensor) -> Tensor:
        return losses.non_saturating_g(judge(batch, made)) + weight * l1_loss(made, batch["target"])

    return guided(
        recipe,
        generator,
        discriminator,
        make=lambda network, given: network(given["input"]),
        d_loss=d_loss,
        g_loss=g_loss,
    )
