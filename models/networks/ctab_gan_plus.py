"""CTAB-GAN+, Zhao, Kunar, Birke, Van der Scheer and Chen 2022, arXiv:2204.00401: rows as small pictures, and a helper that predicts.

Section 3: over CTGAN's conditions (arXiv:1907.00503) the generator also matches mean and deviation of the critic's last features
(information loss) and what a classifier, or for a column of numbers a regressor, learnt on real rows says of the target column: the
last one, or `options.target` by name. Rows, padded with zeros to a square, go through DCGAN's convolutions with layer normalisation.
Wasserstein losses, penalty 10, five critic updates, Adam 2e-4 (0.5, 0.9), batch 500; the helper has four layers of 256.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss, pad

from models.adversary import Adversary, Move, Player, Turn, adam
from models.contract import Recipe
from models.data.dataset import Dataset
from models.data.table import Table
from models.modes import Coding
from models.rows import Rows, coding_of, game

TASKS = ("tabular",)
DEFAULTS = {
    "batch_size": 500,
    "latent_dim": 100,
    "width": 64,
    "lr_g": 2e-4,
    "lr_d": 2e-4,
    "beta1": 0.5,
    "beta2": 0.9,
    "d_steps": 5,
    "gradient_penalty": 10.0,
    "ema_half_life_kimg": 0.0,
    "options": {"modes": 10},
}
ON_CPU = {"batch_size": 100, "width": 16, "lr_g": 1e-3, "lr_d": 1e-3, "d_steps": 2}
HELPER = 256


def side_of(size: int) -> int:
    """The least power of two from 4 on whose square holds a row."""
    return max(4, 1 << math.ceil(math.log2(max(size, 1)) / 2))


class Picture(nn.Module):
    """N x size -> N x 1 x side x side, zeros behind the row."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.side = side_of(size)

    def forward(self, row: Tensor) -> Tensor:
        return pad(row, (0, self.side**2 - row.shape[1])).view(-1, 1, self.side, self.side)


class Row(nn.Module):
    """The inverse of Picture."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, picture: Tensor) -> Tensor:
        return picture.flatten(1)[:, : self.size]


def generator_body(inputs: int, size: int, width: int) -> nn.Sequential:
    """Latent and condition -> 2x2 -> doubled to the picture of a row."""
    side = side_of(size)
    wide = width * side // 4
    layers: list[nn.Module] = [nn.Linear(inputs, 4 * wide), nn.Unflatten(1, (wide, 2, 2)), nn.LayerNorm((wide, 2, 2)), nn.ReLU()]
    at = 2
    while 2 * at < side:
        at *= 2
        layers += [nn.ConvTranspose2d(wide, wide // 2, 4, 2, 1), nn.LayerNorm((wide // 2, at, at)), nn.ReLU()]
        wide //= 2
    return nn.Sequential(*layers, nn.ConvTranspose2d(wide, 1, 4, 2, 1), Row(size))


class Critic(nn.Module):
    """Rows with their conditions -> features of the last layer, and what is said of them."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        side, before = side_of(size), 1
        layers: list[nn.Module] = [Picture(size)]
        while side > 2:
            side //= 2
            layers += [nn.Conv2d(before, width, 4, 2, 1), nn.LayerNorm((width, side, side)), nn.LeakyReLU(0.2)]
            before, width = width, 2 * width
        self.body, self.last = nn.Sequential(*layers, nn.Flatten()), nn.Linear(4 * before, 1)

    def forward(self, rows: Tensor) -> Tensor:
        said: Tensor = self.last(self.body(rows))
        return said

    def features(self, rows: Tensor) -> Tensor:
        found: Tensor = self.body(rows)
        return found.float()


class Helper(nn.Module):
    """The rest of a coded row -> logits of the target's categories, or its number."""

    def __init__(self, coding: Coding, target: int) -> None:
        super().__init__()
        self.start = coding.at[target]
        self.end = coding.at[target + 1] if target + 1 < len(coding.at) else coding.size
        self.choices = len(coding.columns[target].categories)
        wide, layers = coding.size - (self.end - self.start), list[nn.Module]()
        for _ in range(4):
            layers += [nn.Linear(wide, HELPER), nn.LeakyReLU(0.2)]
            wide = HELPER
        self.body = nn.Sequential(*layers, nn.Linear(wide, self.choices or self.end - self.start))

    def missed(self, rows: Tensor) -> Tensor:
        """How far what it predicts from the rest of coded rows is from their target."""
        rest = torch.cat((rows[:, : self.start], rows[:, self.end :]), 1)
        wanted, said = rows[:, self.start : self.end], self.body(rest).float()
        loss: Tensor = cross_entropy(said, wanted) if self.choices else mse_loss(said, wanted)
        return loss


def build(recipe: Recipe, data: Dataset) -> Adversary:
    assert isinstance(data, Table)
    coding = coding_of(recipe, data)
    names = [column.name for column in data.columns[: len(coding.at)]]
    target = str(recipe.options.get("target", names[-1]))
    if target not in names:
        raise ValueError(f"recipe.options.target must be one of {names}, not {target!r}")
    helper = Helper(coding, names.index(target)) if coding.size > 1 and len(names) > 1 else None
    generator = Rows(coding, generator_body(recipe.latent_dim + coding.conditions, coding.size, recipe.width))
    critic = Critic(coding.size + coding.conditions, recipe.width)
    coded = coding.encode(data.fields["row"])

    def predict(turn: Turn) -> Tensor:
        assert helper is not None
        some = coded[torch.randint(len(coded), (recipe.batch_size,))]
        return helper.missed(some.to(turn.real["row"].device))

    def more(fake: Tensor, true: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = critic.features(true)
        found = critic.features(fake)
        information: Tensor = (found.mean(0) - wanted.mean(0)).norm() + (found.std(0) - wanted.std(0)).norm()
        return information if helper is None else information + helper.missed(fake[:, : coding.size])

    if helper is None:
        return game(recipe, data, generator, critic, more=more, coded=coded)
    return game(
        recipe,
        data,
        generator,
        critic,
        more=more,
        coded=coded,
        first=(Move("helper", predict),),
        networks={"helper": helper},
        movers={"helper": Player(("helper",), adam(recipe.lr_d, recipe.beta1, recipe.beta2))},
    )
