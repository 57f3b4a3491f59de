"""BigGAN, Brock, Donahue and Simonyan 2019, arXiv:1809.11096.

Section 3 and appendix B: SAGAN's networks, wider; one embedding of the label shared by all blocks; each block gets a part of the
latent of its own; orthogonal initialisation and a penalty of 1e-4 on products of different filters of the generator, the shared
embedding left out (equation 3). Batch 2048 for ImageNet, where it is the large batch that counts; the figures here are StudioGAN's
for CIFAR-10: width 96, latent 80, embedding 128, batch 64, Adam 2e-4 with betas 0.5 and 0.999, five discriminator updates. The latent
is rounded down to equal parts. No truncation: sampling uses the whole latent. Any power of two from 8 px on.
"""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from models import losses
from models.adversary import Adversary, duel
from models.augment import augmentation
from models.blocks import ResnetDiscriminator, ResnetGenerator, orthogonal_init, orthogonality
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import doublings, normal_latent, spectral

TASKS = ("class-conditional-image", "unconditional-image")
DEFAULTS = {
    "batch_size": 64,
    "latent_dim": 80,
    "width": 96,
    "lr_g": 2e-4,
    "lr_d": 2e-4,
    "beta1": 0.5,
    "beta2": 0.999,
    "d_steps": 5,
}
EMBEDDING = 128
ORTHOGONAL = 1e-4


def generator_of(recipe: Recipe) -> ResnetGenerator:
    """Spectrally normalised, but for the shared embedding."""
    generator = ResnetGenerator(recipe, embedding=EMBEDDING, attention=True)
    orthogonal_init(generator)
    shared, generator.shared = generator.shared, nn.Identity()
    spectral(generator)
    generator.shared = shared
    return generator


def in_parts(recipe: Recipe) -> Recipe:
    """With a latent of as many equal parts as there are blocks, and one more."""
    parts = doublings(recipe.resolution) + 1
    return replace(recipe, latent_dim=max(1, recipe.latent_dim // parts) * parts)


def build(recipe: Recipe, data: Dataset) -> Adversary:
    recipe = in_parts(recipe)
    generator = generator_of(recipe)
    penalised = nn.ModuleList(module for name, module in generator.named_children() if name != "shared")
    return duel(
        recipe,
        generator,
        spectral(orthogonal_init(ResnetDiscriminator(recipe, attention=True))),
        latent=normal_latent,
        d_loss=losses.hinge_d,
        g_loss=losses.linear_g,
        g_more=lambda fake, given: ORTHOGONAL * orthogonality(penalised),
        augment=augmentation(recipe.augment),
        joint=True,
    )
