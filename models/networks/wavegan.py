"""WaveGAN, Donahue, McAuley and Puckette 2018, arXiv:1802.04208.

Appendix D, tables 3 and 4: DCGAN flattened to one dimension, kernels of 25 with stride 4 from 16 x 1024 to 16,384 samples, so
a width of 64; ReLU, tanh; the critic is its mirror with leaky ReLU 0.2, and before every layer but the first the phase of
each of its inputs is shifted by up to 2 samples (section 3.3). WGAN-GP: weight 10, five critic updates for one, Adam 1e-4
with 0.5 and 0.9, batch 64, latent of 100 uniform numbers. 19.1 M parameters in the generator. Any multiple of 64 samples from
64 on.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from models import losses
from models.adversary import Adversary, duel
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import uniform_latent

TASKS = ("audio-waveform",)
DEFAULTS = {
    "batch_size": 64,
    "latent_dim": 100,
    "width": 64,
    "lr_g": 1e-4,
    "lr_d": 1e-4,
    "beta1": 0.5,
    "beta2": 0.9,
    "d_steps": 5,
    "gradient_penalty": 10.0,
}
ON_CPU = {"batch_size": 16, "width": 16, "lr_g": 1e-3, "lr_d": 1e-3, "d_steps": 2}
KERNEL, STRIDE, SHIFT = 25, 4, 2


def fourfolds(length: int) -> int:
    """How often a start of 16 to 63 samples becomes four times as long. Raises ValueError when it does not come out."""
    times = 0
    while length // STRIDE ** (times + 1) >= 16:
        times += 1
    if times < 1 or length % STRIDE**times:
        raise ValueError(f"recipe.length must be 16 to 63 times a power of four from 64 on, not {length}")
    return times


class Generator(nn.Module):
    """N x latent -> N x 1 x length."""

    def __init__(self, length: int, latent_dim: int, width: int) -> None:
        super().__init__()
        times = fourfolds(length)
        self.start, self.wide = length // STRIDE**times, width * 2 ** (times - 1)
        self.dense = nn.Linear(latent_dim, self.start * self.wide)
        sizes = [self.wide // 2**i for i in range(times)]
        layers: list[nn.Module] = []
        for a, b in zip(sizes, [*sizes[1:], 1], strict=True):
            layers += [nn.ReLU(), nn.ConvTranspose1d(a, b, KERNEL, STRIDE, padding=11, output_padding=1)]
        self.body = nn.Sequential(*layers, nn.Tanh())

    def forward(self, latent: Tensor) -> Tensor:
        wave: Tensor = self.body(self.dense(latent).view(len(latent), self.wide, self.start))
        return wave


class PhaseShuffle(nn.Module):
    """Each sample of a batch moved by -2..2 places along its length, its edge mirrored."""

    def forward(self, x: Tensor) -> Tensor:
        shift = torch.randint(0, 2 * SHIFT + 1, (len(x), 1, 1), device=x.device)
        at = torch.arange(x.shape[2], device=x.device) + shift
        return pad(x, (SHIFT, SHIFT), mode="reflect").gather(2, at.expand(-1, x.shape[1], -1))


class Critic(nn.Module):
    """N x 1 x length -> N."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        times = fourfolds(length)
        sizes = [1, *(width * 2**i for i in range(times))]
        layers: list[nn.Module] = []
        for i, (a, b) in enumerate(pairwise(sizes)):
            layers += [nn.Conv1d(a, b, KERNEL, STRIDE, padding=11), nn.LeakyReLU(0.2)]
            layers += [PhaseShuffle()] if i < times - 1 else []
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(sizes[-1] * (length // STRIDE**times), 1), nn.Flatten(0))

    def forward(self, wave: Tensor) -> Tensor:
        logits: Tensor = self.body(wave)
        return logits


def build(recipe: Recipe, data: Dataset) -> Adversary:
    length = data.fields["wave"].shape[2]
    return duel(
        recipe,
        Generator(length, recipe.latent_dim, recipe.width),
        Critic(length, recipe.width),
        latent=uniform_latent,
        d_loss=losses.wasserstein_d,
        g_loss=losses.linear_g,
        penalty=lambda judge, real, fake: recipe.gradient_penalty * losses.gradient_penalty(judge, real, fake),
        real=lambda batch: batch["wave"],
        channels_last=False,
    )
