"""SNGAN, Miyato et al. 2018, arXiv:1802.05957: a spectrally normalised discriminator and the hinge loss.

Setting C of table 1: Adam 2e-4, betas 0.5 and 0.999, one discriminator update, batch 64, latent 128. Without labels the standard CNN
of table 3, whose width is 64 at 32 px, or with `options: {body: resnet}` the ResNet of table 4; with labels that ResNet, with
conditional BatchNorm and the label's projection, arXiv:1802.05637. Any power of two from 8 px on.
"""

from __future__ import annotations

from models import losses
from models.adversary import Adversary, duel
from models.augment import augmentation
from models.bodies import bodies
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import normal_latent

TASKS = ("unconditional-image", "class-conditional-image")
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
        *bodies(recipe, "resnet" if recipe.classes else "cnn", "spectral"),
        latent=normal_latent,
        d_loss=losses.hinge_d,
        g_loss=losses.linear_g,
        augment=augmentation(recipe.augment),
        joint=True,
    )
