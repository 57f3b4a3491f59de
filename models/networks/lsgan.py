"""LSGAN, Mao et al. 2017, arXiv:1611.04076: least squares in place of the cross entropy.

Equation 9: real to 1, generated to 0, and the generator's to 1. Adam 2e-4 with betas 0.5 and 0.999, BatchNorm in both networks
(section 3.2.3 keeps DCGAN's rules). The body is the CNN of arXiv:1802.05957 table 3, as in StudioGAN's figures; `options: {body:
dcgan}` is DCGAN's. Any power of two from 8 px on.
"""

from __future__ import annotations

from models import losses
from models.adversary import Adversary, duel
from models.augment import augmentation
from models.bodies import bodies
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import normal_latent

TASKS = ("unconditional-image",)
DEFAULTS = {"batch_size": 64, "latent_dim": 128, "width": 64, "lr_g": 2e-4, "lr_d": 2e-4, "beta1": 0.5, "beta2": 0.999}


def build(recipe: Recipe, data: Dataset) -> Adversary:
    return duel(
        recipe,
        *bodies(recipe, "cnn", "batch"),
        latent=normal_latent,
        d_loss=losses.least_squares_d,
        g_loss=losses.least_squares_g,
        augment=augmentation(recipe.augment),
    )
