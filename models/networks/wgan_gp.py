"""WGAN-GP, Gulrajani et al. 2017, arXiv:1704.00028.

Algorithm 1: lambda 10, five critic updates a generator update, Adam 1e-4 with betas 0 and 0.9, batch 64. Section 5.1's DCGAN bodies;
section 4: no BatchNorm in the critic, since the penalty is on each sample's own gradient. Any power of two from 8 px on;
`options: {body: resnet}` is section 5.4's for CIFAR-10. On tables: perceptrons of four times the width, rows coded and told a category
as in arXiv:1907.00503.
"""

from __future__ import annotations

from torch import Tensor, nn

from models import losses
from models.adversary import Adversary, Judge, duel
from models.augment import augmentation
from models.bodies import bodies
from models.contract import Recipe
from models.data.dataset import Dataset
from models.data.table import Table
from models.parts import normal_latent
from models.rows import Rows, coding_of, game

TASKS = ("unconditional-image", "tabular")
DEFAULTS = {
    "batch_size": 64,
    "latent_dim": 128,
    "width": 64,
    "lr_g": 1e-4,
    "lr_d": 1e-4,
    "beta1": 0.0,
    "beta2": 0.9,
    "d_steps": 5,
    "gradient_penalty": 10.0,
}


def build(recipe: Recipe, data: Dataset) -> Adversary:
    if isinstance(data, Table):
        return on_rows(recipe, data)

    def penalty(critic: Judge, real: Tensor, fake: Tensor) -> Tensor:
        return recipe.gradient_penalty * losses.gradient_penalty(critic, real, fake)

    return duel(
        recipe,
        *bodies(recipe, "dcgan", "no"),
        latent=normal_latent,
        d_loss=losses.wasserstein_d,
        g_loss=losses.linear_g,
        penalty=penalty,
        augment=augmentation(recipe.augment),
        joint=True,
    )


def on_rows(recipe: Recipe, data: Table) -> Adversary:
    coding, width = coding_of(recipe, data), 4 * recipe.width
    body = perceptron(recipe.latent_dim + coding.conditions, width, coding.size)
    return game(recipe, data, Rows(coding, body), perceptron(coding.size + coding.conditions, width, 1))


def perceptron(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Two hidden layers."""
    hidden = (nn.Linear(inputs, width), nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2))
    return nn.Sequential(*hidden, nn.Linear(width, outputs))
