"""cGAN, Mirza and Osindero 2014, arXiv:1411.1784: the label is one more input of both networks.

Section 3.2: generator and discriminator of the first GAN, each given the label beside what it takes. The one-hot label stands beside
the latent, and as one constant map for each class beside the image. The bodies are DCGAN's, as in the public implementations, rather
than the paper's dense layers for MNIST (section 4.1); uniform latent of 100. Any power of two from 8 px on.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models import losses
from models.adversary import Adversary, duel
from models.augment import augmentation
from models.blocks import coded
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import dcgan_discriminator, dcgan_generator, normal_init, uniform_latent

TASKS = ("class-conditional-image",)
DEFAULTS = {"batch_size": 100, "latent_dim": 100, "width": 64, "lr_g": 2e-4, "lr_d": 2e-4, "beta1": 0.5, "beta2": 0.999}


class Told(nn.Module):
    """A network that gets the one-hot label beside its input, along the channels."""

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        self.network, self.classes = network, classes

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        code = coded(label, self.classes)
        code = code.view(*code.shape, *[1] * (x.ndim - 2)).expand(-1, -1, *x.shape[2:])
        out: Tensor = self.network(torch.cat((x, code), 1))
        return out


def build(recipe: Recipe, data: Dataset) -> Adversary:
    classes = recipe.classes
    return duel(
        recipe,
        Told(
            normal_init(dcgan_generator(recipe.resolution, recipe.channels, recipe.latent_dim + classes, recipe.width)), classes
        ),
        Told(normal_init(dcgan_discriminator(recipe.resolution, recipe.channels + classes, recipe.width)), classes),
        latent=uniform_latent,
        d_loss=losses.logistic_d,
        g_loss=losses.non_saturating_g,
        augment=augmentation(recipe.augment),
    )
