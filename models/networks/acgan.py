"""ACGAN, Odena, Olah and Shlens 2017, arXiv:1610.09585: the discriminator also names the class.

Section 4: L_S + L_C for the discriminator, L_C - L_S for the generator, where L_C is the log-likelihood of the right class of real
and generated images alike. The bodies are the ResNets of arXiv:1802.05957 and the loss of L_S the hinge, as in StudioGAN's figures
(ACGAN-Mod), with spectral normalisation where those have BatchNorm; Adam 2e-4. Any power
of two from 8 px on.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy

from models import losses
from models.adversary import Adversary, Batch, duel
from models.augment import augmentation
from models.blocks import ResnetDiscriminator, ResnetGenerator, orthogonal_init
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import normal_latent, spectral

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
    def d_class(real: Tensor, fake: Tensor, given: Batch) -> Tensor:
        return cross_entropy(real, given["label"]) + cross_entropy(fake, given["label"])

    def g_class(fake: Tensor, given: Batch) -> Tensor:
        return cross_entropy(fake, given["label"])

    return duel(
        recipe,
        orthogonal_init(ResnetGenerator(recipe)),
        spectral(orthogonal_init(ResnetDiscriminator(recipe, outputs=1 + recipe.classes))),
        latent=normal_latent,
        d_loss=losses.hinge_d,
        g_loss=losses.linear_g,
        d_more=d_class,
        g_more=g_class,
        augment=augmentation(recipe.augment),
        joint=True,
    )
