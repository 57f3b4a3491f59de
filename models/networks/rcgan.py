"""RCGAN, Esteban, Hyland and Rätsch 2017, arXiv:1706.02633: series by a recurrent network from noise at every step.

Section 3: an LSTM of 100 reads a latent of 5 at each step, a linear layer makes the values; an LSTM says at every step whether the
series is real, and the cross entropy is its mean over steps. Batch 28, Adam for the generator (figure of the authors' code 1e-3); the
paper's discriminator goes by plain gradient descent at 0.1, here by Adam as well. Data in 0..1, hence a sigmoid. These sets have no
classes, so nothing is conditioned on: the paper's RGAN.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models import losses
from models.adversary import Adversary, Batch, duel
from models.contract import Recipe
from models.data.dataset import Dataset

TASKS = ("time-series",)
DEFAULTS = {
    "batch_size": 28,
    "latent_dim": 5,
    "width": 100,
    "lr_g": 1e-3,
    "lr_d": 1e-3,
    "beta1": 0.5,
    "beta2": 0.999,
    "ema_half_life_kimg": 0.0,
}
ON_CPU = {"width": 50, "lr_d": 5e-4}


class Lstm(nn.Module):
    """N x T x a -> N x T x b: an LSTM, then the same linear layer at every step."""

    def __init__(self, inputs: int, width: int, outputs: int) -> None:
        super().__init__()
        self.lstm, self.out = nn.LSTM(inputs, width, batch_first=True), nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        said: Tensor = self.out(self.lstm(x)[0])
        return said.float()


class Generator(Lstm):
    """Noise N x (T latent) -> series in 0..1."""

    def __init__(self, length: int, latent: int, width: int, channels: int) -> None:
        super().__init__(latent, width, channels)
        self.length = length

    def forward(self, noise: Tensor) -> Tensor:
        return super().forward(noise.view(len(noise), self.length, -1)).sigmoid()


class Discriminator(Lstm):
    """Series -> N x T logits."""

    def forward(self, series: Tensor) -> Tensor:
        return super().forward(series)[..., 0]


def build(recipe: Recipe, data: Dataset) -> Adversary:
    length, channels = data.fields["series"].shape[1:]

    def noise(n: int, dim: int, *, device: torch.device | None = None, generator: torch.Generator | None = None) -> Tensor:
        return torch.randn(n, length * dim, device=device, generator=generator)

    def series(batch: Batch) -> Tensor:
        return batch["series"]

    return duel(
        recipe,
        Generator(length, recipe.latent_dim, recipe.width, channels),
        Discriminator(channels, recipe.width, 1),
        latent=noise,
        d_loss=losses.logistic_d,
        g_loss=losses.non_saturating_g,
        real=series,
        channels_last=False,
    )
