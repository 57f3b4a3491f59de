"""StyleGAN2 with adaptive discriminator augmentation, Karras et al. 2020, arXiv:2006.06676.

Section 3: the strength follows the mean sign of the discriminator's logits on training images, target 0.6, from 0 to 1 in 500,000
images. Appendix F: mapping of two layers; R1 gamma 0.0002 r^2 / batch. The networks are those of stylegan2, and on a CPU its numbers
too: with 8 channels and gamma 0.01 the generator fell to one image.
"""

from __future__ import annotations

from models.ada import KIMG, TARGET, Ada
from models.adversary import Adversary
from models.augment import augmentation
from models.contract import Recipe
from models.data.dataset import Dataset
from models.networks import stylegan2

TASKS = ("unconditional-image", "class-conditional-image")
DEFAULTS = {
    "batch_size": 64,
    "latent_dim": 512,
    "width": 64,
    "lr_g": 2.5e-3,
    "lr_d": 2.5e-3,
    "beta1": 0.0,
    "beta2": 0.99,
    "gradient_penalty": 0.2,
}
ON_CPU = {
    "latent_dim": 128,
    "width": 32,
    "lr_g": 5e-3,
    "lr_d": 5e-3,
    "gradient_penalty": 1.0,
    "options": {"path_every": 0, "mixing": 0.0, "ada_kimg": 10.0},
}
DEPTH, PATH_EVERY = 2, 4


def build(recipe: Recipe, data: Dataset) -> Adversary:
    """Options beside those of stylegan2: `ada_target`, and `ada_kimg`, the thousands of images from strength 0 to 1."""
    options, first = recipe.options, augmentation(name for name in recipe.augment if name != "ada")
    ada = Ada(first, float(options.get("ada_target", TARGET)), float(options.get("ada_kimg", KIMG)))
    return stylegan2.style_game(recipe, ada, DEPTH, PATH_EVERY)
