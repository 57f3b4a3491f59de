"""cGAN with projection discriminator, Miyato and Koyama 2018, arXiv:1802.05637, without spectral normalisation.

Equation 3: the discriminator adds the inner product of its features with an embedding of the label; the generator has conditional
BatchNorm. Hinge loss. Our `sngan` with labels is the paper's own combination with spectral normalisation; this is the one that
StudioGAN benchmarks as ProjGAN, a discriminator with BatchNorm instead. Any power of two from 8 px on.
"""

from __future__ import annotations

from models import losses
from models.adversary import Adversary, duel
from models.augment import augmentation
from models.bodies import bodies
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import normal_latent

TASKS = ("class-conditional-image",)
DEFAULTS = {
    "batch_size": 64,
    "latent_dim": 128,
    "width": 64,
    "lr_g": 2e-4,
    "lr_d": 2e-4,
    "beta1": 0.5,
    "beta2": 0.999,
    "d_steps": 5,
}


def build(recipe: Recipe, data: Dataset) -> Adversary:
    return duel(
        recipe,
        *bodies(recipe, "resnet", "batch"),
        latent=normal_latent,
        d_loss=losses.hinge_d,
        g_loss=losses.linear_g,
        augment=augmentation(recipe.augment),
    )
