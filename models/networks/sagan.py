"""SAGAN, Zhang et al. 2019, arXiv:1805.08318: self-attention and spectral normalisation in both networks, hinge loss.

Section 3: attention at one size of the feature maps; section 4: conditional BatchNorm, the label's projection, Adam with betas 0 and
0.9, 1e-4 for the generator and 4e-4 for the discriminator, one update of each. ResNets of arXiv:1802.05957; without labels BatchNorm
is plain. Any power of two from 8 px on.
"""

from __future__ import annotations

from models import losses
from models.adversary import Adversary, duel
from models.augment import augmentation
from models.blocks import ResnetDiscriminator, ResnetGenerator, orthogonal_init
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import normal_latent, spectral

TASKS = ("class-conditional-image", "unconditional-image")
DEFAULTS = {
    "batch_size": 64,
    "latent_dim": 128,
    "width": 64,
    "lr_g": 1e-4,
    "lr_d": 4e-4,
    "beta1": 0.0,
    "beta2": 0.9,
    "d_steps": 1,
}


def build(recipe: Recipe, data: Dataset) -> Adversary:
    return duel(
        recipe,
        spectral(orthogonal_init(ResnetGenerator(recipe, attention=True))),
        spectral(orthogonal_init(ResnetDiscriminator(recipe, attention=True))),
        latent=normal_latent,
        d_loss=losses.hinge_d,
        g_loss=losses.linear_g,
        augment=augmentation(recipe.augment),
        joint=True,
    )
