"""WGAN, Arjovsky, Chintala and Bottou 2017, arXiv:1701.07875: a critic kept Lipschitz by clipping its weights.

Algorithm 1: RMSProp 5e-5, five critic updates for one of the generator, weights within 0.01, batch 64; no momentum (section 4.3), so
`beta1` says nothing here. DCGAN bodies with BatchNorm, as there; `options: {body: resnet}` is the one of StudioGAN's figures. Any
power of two from 8 px on.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from torch.optim import RMSprop

from models import losses
from models.adversary import Adversary, Player, duel
from models.augment import augmentation
from models.bodies import bodies
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import normal_latent

TASKS = ("unconditional-image",)
DEFAULTS = {"batch_size": 64, "latent_dim": 100, "width": 64, "lr_g": 5e-5, "lr_d": 5e-5, "d_steps": 5}
CLIP = 0.01


def build(recipe: Recipe, data: Dataset) -> Adversary:
    game = duel(
        recipe,
        *bodies(recipe, "dcgan", "batch"),
        latent=normal_latent,
        d_loss=losses.wasserstein_d,
        g_loss=losses.linear_g,
        augment=augmentation(recipe.augment),
        clip=CLIP,
    )
    rates = {"generator": recipe.lr_g, "discriminator": recipe.lr_d}
    return replace(game, players={name: Player((name,), partial(RMSprop, lr=rate)) for name, rate in rates.items()})
