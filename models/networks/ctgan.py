"""CTGAN, Xu, Skoularidou, Cuesta-Infante and Veeramachaneni 2019, arXiv:1907.00503.

Section 4.2: a number is one of at most ten modes of its column, found by a variational Gaussian mixture, and its place in that mode.
4.3: a step takes one category of one column, by the logarithm of its frequency, and real rows that have it; the generator, told so,
pays cross entropy when its rows have another. 4.4: two residual layers of 256 with BatchNorm, a critic of 256, 256 with dropout that
judges packs of ten rows, WGAN-GP with a weight of 10, batch 500, Adam 2e-4. Gumbel-softmax at temperature 0.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.adversary import Adversary
from models.contract import Recipe
from models.data.dataset import Dataset
from models.data.table import Table
from models.rows import Rows, coding_of, game

TASKS = ("tabular",)
DEFAULTS = {
    "batch_size": 500,
    "latent_dim": 128,
    "width": 256,
    "lr_g": 2e-4,
    "lr_d": 2e-4,
    "beta1": 0.5,
    "beta2": 0.9,
    "gradient_penalty": 10.0,
    "ema_half_life_kimg": 0.0,
    "options": {"pack": 10, "modes": 10},
}
ON_CPU = {"batch_size": 250, "lr_g": 1e-3, "lr_d": 1e-3}


class Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.body(x), x), 1)


def critic(inputs: int, width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for size in (inputs, width):
        layers += [nn.Linear(size, width), nn.LeakyReLU(0.2), nn.Dropout(0.5)]
    return nn.Sequential(*layers, nn.Linear(width, 1))


def build(recipe: Recipe, data: Dataset) -> Adversary:
    assert isinstance(data, Table)
    coding, width = coding_of(recipe, data), recipe.width
    pack = min(int(recipe.options.get("pack", 10)), recipe.batch_size)
    inputs = recipe.latent_dim + coding.conditions
    body = nn.Sequential(Residual(inputs, width), Residual(inputs + width, width), nn.Linear(inputs + 2 * width, coding.size))
    return game(recipe, data, Rows(coding, body), critic(pack * (coding.size + coding.conditions), width), pack=pack)
