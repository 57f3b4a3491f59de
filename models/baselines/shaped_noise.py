"""The trivial baseline for sound: noise with the mean spectrum of the training set. It has its colour, and neither onset nor pitch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.adversary import Adversary, Batch, Networks
from models.contract import Recipe
from models.data.dataset import Dataset

TASKS = ("audio-waveform",)
DEFAULTS = {"ema_half_life_kimg": 0.0}


class ShapedNoise(nn.Module):
    power: Tensor

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length
        self.register_buffer("power", torch.zeros(length // 2 + 1))

    def fit(self, batch: Batch) -> None:
        self.power.copy_(torch.fft.rfft(batch["wave"][:, 0]).abs().square().mean(0))

    def forward(self, noise: Tensor) -> Tensor:
        """N x length of white noise -> N x 1 x length in -1..1."""
        spectrum = torch.fft.rfft(noise) * (self.power / self.length).sqrt()
        wave: Tensor = torch.fft.irfft(spectrum, n=self.length)
        return wave.clamp(-1, 1)[:, None]


def build(recipe: Recipe, data: Dataset) -> Adversary:
    noise = ShapedNoise(data.fields["wave"].shape[2])

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        waves: Tensor = networks["generator"](torch.randn(n, noise.length, generator=generator).to(noise.power.device))
        return waves

    return Adversary(
        networks={"generator": noise}, players={}, phases=(), sample=sample, averaged=(), begin=noise.fit, channels_last=False
    )
