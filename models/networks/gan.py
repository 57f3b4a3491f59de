"""The first GAN, Goodfellow et al. 2014, arXiv:1406.2661.

Section 5: a generator of rectified linear layers, a maxout discriminator trained with dropout, no convolutions. Sizes and rates of the
MNIST runs are those of the authors' published hyperparameters (latent 100 uniform, 2 x 1200 units, 2 x 240 maxout units of 5 pieces,
dropout 0.5 on hidden units and 0.2 on pixels, batch 100, SGD); Adam 2e-4 takes the place of their decaying SGD. `width` 64 gives
those 1,200 units, other widths proportionally many; any resolution.
"""

from __future__ import annotations

from torch import Tensor, nn

from models import losses
from models.adversary import Adversary, duel
from models.augment import augmentation
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import Reshape, normal_init, uniform_latent

TASKS = ("unconditional-image",)
DEFAULTS = {"batch_size": 100, "latent_dim": 100, "width": 64, "lr_g": 2e-4, "lr_d": 2e-4, "beta1": 0.5, "beta2": 0.999}
PIECES = 5
UNITS_PER_WIDTH = 1200 / 64


class Maxout(nn.Module):
    """The largest of PIECES linear maps for each of `units` outputs."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, units * PIECES)

    def forward(self, x: Tensor) -> Tensor:
        pieces: Tensor = self.linear(x).view(len(x), -1, PIECES)
        return pieces.amax(2)


def build(recipe: Recipe, data: Dataset) -> Adversary:
    pixels, width = recipe.channels * recipe.resolution**2, round(recipe.width * UNITS_PER_WIDTH)
    units = width // PIECES
    generator = nn.Sequential(
        nn.Linear(recipe.latent_dim, width),
        nn.ReLU(inplace=True),
        nn.Linear(width, width),
        nn.ReLU(inplace=True),
        nn.Linear(width, pixels),
        nn.Tanh(),
        Reshape(recipe.channels, recipe.resolution),
    )
    discriminator = nn.Sequential(
        nn.Flatten(),
        nn.Dropout(0.2),
        Maxout(pixels, units),
        nn.Dropout(0.5),
        Maxout(units, units),
        nn.Dropout(0.5),
        nn.Linear(units, 1),
    )
    return duel(
        recipe,
        normal_init(generator, 0.05),
        normal_init(discriminator, 0.05),
        latent=uniform_latent,
        d_loss=losses.logistic_d,
        g_loss=losses.non_saturating_g,
        augment=augmentation(recipe.augment),
        joint=True,
        channels_last=False,
    )
