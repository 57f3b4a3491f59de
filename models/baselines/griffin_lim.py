"""The baseline for vocoders: no network but Griffin and Lim 1984 with momentum (Perraudin, Balazs and Sondergaard 2013), 32 rounds.

Magnitudes come from the mel bands by the pseudo-inverse of their filters, phases from going back and forth between wave and
spectrum. It knows nothing of the training set, and is what a vocoder must be better than to be worth its training.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.adversary import Adversary, Batch, Networks
from models.contract import Recipe
from models.data.audio import Sounds
from models.data.dataset import Dataset
from models.waves import Bands, filters

TASKS = ("audio-vocoder",)
DEFAULTS = {"ema_half_life_kimg": 0.0}
ROUNDS = 32
MOMENTUM = 0.99


class GriffinLim(nn.Module):
    inverse: Tensor

    def __init__(self, bands: Bands) -> None:
        super().__init__()
        self.bands = bands
        self.register_buffer("inverse", torch.linalg.pinv(filters(bands)))

    def forward(self, mel: Tensor) -> Tensor:
        """N x bands x frames -> N x 1 x samples in -1..1."""
        magnitude = (self.inverse @ mel.exp()).clamp(min=0)
        spectrum = torch.polar(magnitude, 2 * torch.pi * torch.rand_like(magnitude))
        before = torch.zeros_like(spectrum)
        for _ in range(ROUNDS):
            rebuilt = self.bands.frames(self.bands.wave(spectrum))
            ahead, before = rebuilt + MOMENTUM * (rebuilt - before), rebuilt
            spectrum = torch.polar(magnitude, ahead.angle())
        edge = (self.bands.window - self.bands.hop) // 2
        return self.bands.wave(spectrum)[:, None, edge:-edge].clamp(-1, 1)


def build(recipe: Recipe, data: Dataset) -> Adversary:
    assert isinstance(data, Sounds)

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        wave: Tensor = networks["generator"](given["mel"])
        return wave

    networks: dict[str, nn.Module] = {"generator": GriffinLim(data.bands)}
    return Adversary(networks=networks, players={}, phases=(), sample=sample, averaged=(), channels_last=False)
