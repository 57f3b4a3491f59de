"""DCGAN, Radford, Metz and Chintala 2015, arXiv:1511.06434.

Section 4: batch 128, Adam 2e-4 with beta1 0.5, weights N(0, 0.02), uniform latent of 100, leaky slope 0.2. Figure 1: 1024 channels
at 4x4 for 64 px, halved at each doubling, so a width of 128. Kernels are 4x4 rather than 5x5, which with stride 2 cover every pixel
equally often. Any power of two from 8 px on; `options: {body: cnn}` is the body that StudioGAN compares it with.
"""

from __future__ import annotations

from models import losses
from models.adversary import Adversary, duel
from models.augment import augmentation
from models.bodies import bodies
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import uniform_latent

TASKS = ("unconditional-image",)
DEFAULTS = {"batch_size": 128, "latent_dim": 100, "width": 128, "lr_g": 2e-4, "lr_d": 2e-4, "beta1": 0.5, "beta2": 0.999}


def build(recipe: Recipe, data: Dataset) -> Adversary:
    return duel(
        recipe,
        *bodies(recipe, "dcgan", "batch"),
        latent=uniform_latent,
        d_loss=losses.logistic_d,
        g_loss=losses.non_saturating_g,
        augment=augmentation(recipe.augment),
    )
