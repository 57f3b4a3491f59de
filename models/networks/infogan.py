"""InfoGAN, Chen et al. 2016, arXiv:1606.03657: part of the latent is found again in the image, without labels.

Equations 5 and 6: generator and discriminator also lower the bound on the mutual information of code and image, lambda 1. Appendix
C.1, for MNIST: 62 numbers of noise, one code of ten categories, two uniform ones on [-1, 1] whose bound has weight 0.1 and a normal
density of learnt width; Adam with 2e-4 for the discriminator, 1e-3 for the generator; BatchNorm. DCGAN's bodies. The code is the last
numbers of the latent; `options: {categories: 10, continuous: 2}` says how many. Any power of two from 8 px on.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus

from models import losses
from models.adversary import Adversary, Batch, duel
from models.augment import augmentation
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import dcgan_discriminator, dcgan_generator, normal_init

TASKS = ("unconditional-image",)
DEFAULTS = {
    "batch_size": 128,
    "latent_dim": 74,
    "width": 64,
    "lr_g": 1e-3,
    "lr_d": 2e-4,
    "beta1": 0.5,
    "beta2": 0.999,
}
CATEGORIES, CONTINUOUS = 10, 2
CONTINUOUS_WEIGHT = 0.1
LEAST_VARIANCE = 1e-2


def build(recipe: Recipe, data: Dataset) -> Adversary:
    kinds, values = int(recipe.options.get("categories", CATEGORIES)), int(recipe.options.get("continuous", CONTINUOUS))
    if kinds < 2 or values < 1 or kinds + values >= recipe.latent_dim:
        raise ValueError(f"recipe.latent_dim {recipe.latent_dim} must exceed the code, {kinds} categories and {values} numbers")

    def latent(n: int, dim: int, *, device: torch.device | None = None, generator: torch.Generator | None = None) -> Tensor:
        noise = torch.randn(n, dim - kinds - values, device=device, generator=generator)
        kind = torch.randint(kinds, (n,), device=device, generator=generator)
        value = torch.rand(n, values, device=device, generator=generator) * 2 - 1
        return torch.cat((noise, nn.functional.one_hot(kind, kinds).to(noise), value), 1)

    def unknown(said: Tensor, given: Batch) -> Tensor:
        """What the discriminator does not know of the code, in nats."""
        code = given["latent"][:, -kinds - values :]
        kind, mean, width = torch.split(said, [kinds, values, values], 1)
        variance = softplus(width) + LEAST_VARIANCE
        density = (variance.log() + (code[:, kinds:] - mean).square() / variance).mean() / 2
        return cross_entropy(kind, code[:, :kinds].argmax(1)) + CONTINUOUS_WEIGHT * density

    outputs = 1 + kinds + 2 * values
    return duel(
        recipe,
        normal_init(dcgan_generator(recipe.resolution, recipe.channels, recipe.latent_dim, recipe.width)),
        normal_init(dcgan_discriminator(recipe.resolution, recipe.channels, recipe.width, outputs=outputs)),
        latent=latent,
        d_loss=losses.logistic_d,
        g_loss=losses.non_saturating_g,
        d_more=lambda real, fake, given: unknown(fake, given),
        g_more=unknown,
        augment=augmentation(recipe.augment),
    )
