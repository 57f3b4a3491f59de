"""DoppelGANger, Lin, Jain, Wang, Fanti and Sekar 2020, arXiv:1909.13403: first what a series is like, then the series, several steps at
once.

Section 4.1: perceptrons (two layers of 100) draw the attributes of a series, an LSTM of 100 that is told them draws S steps at a time
(`options.steps`, 5, or what divides the length), a perceptron of four layers of 200 judges both and a second one the attributes alone.
4.1.3: against collapse each series is normalised by its own least and greatest value, which are attributes too. Wasserstein losses
with penalties of 10 on both, the second weighted 1, Adam 1e-3 with beta1 0.5, batch 100. These sets have no attributes of
their own and one length, so the least and the greatest values are all, and no flag says where a series ends.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models import losses
from models.adversary import Adversary, Batch, Move, Networks, Phase, Turn, players
from models.contract import Recipe
from models.data.dataset import Dataset
from models.translation import option

TASKS = ("time-series",)
DEFAULTS = {
    "batch_size": 100,
    "latent_dim": 5,
    "width": 100,
    "lr_g": 1e-3,
    "lr_d": 1e-3,
    "beta1": 0.5,
    "beta2": 0.999,
    "gradient_penalty": 10.0,
    "ema_half_life_kimg": 0.0,
    "options": {"steps": 5},
}
ON_CPU = {"batch_size": 32, "width": 64}
LEAST_RANGE = 1e-3


def perceptron(inputs: int, width: int, layers: int, outputs: int, *, normed: bool = False) -> nn.Sequential:
    parts: list[nn.Module] = []
    for _ in range(layers):
        parts += [nn.Linear(inputs, width), *([nn.BatchNorm1d(width)] if normed else []), nn.ReLU()]
        inputs = width
    return nn.Sequential(*parts, nn.Linear(inputs, outputs))


class Generator(nn.Module):
    """Noise for the attributes N x k and for every pass N x P x k -> attributes N x 2C in 0..1, shapes N x T x C in -1..1."""

    def __init__(self, length: int, channels: int, latent: int, width: int, steps: int) -> None:
        super().__init__()
        self.length, self.channels = length, channels
        self.attributes = perceptron(latent, width, 2, 2 * channels, normed=True)
        self.lstm = nn.LSTM(latent + 2 * channels, width, batch_first=True)
        self.out = nn.Linear(width, steps * channels)

    def forward(self, noise: Tensor, passes: Tensor) -> tuple[Tensor, Tensor]:
        attributes = self.attributes(noise).float().sigmoid()
        told = attributes[:, None].expand(-1, passes.shape[1], -1)
        hidden = self.lstm(torch.cat((passes, told), 2))[0]
        return attributes, self.out(hidden).float().tanh().view(len(noise), -1, self.channels)[:, : self.length]


class Discriminator(nn.Module):
    """Attributes and shapes -> what is said of both, and of the attributes alone."""

    def __init__(self, length: int, channels: int, width: int) -> None:
        super().__init__()
        self.both = perceptron((length + 2) * channels, 2 * width, 4, 1)
        self.alone = perceptron(2 * channels, 2 * width, 4, 1)


def apart(series: Tensor) -> tuple[Tensor, Tensor]:
    """N x T x C in 0..1 -> middle and half of the range of each channel N x 2C, and the series within it in -1..1."""
    low, high = series.amin(1), series.amax(1)
    middle, half = (high + low) / 2, (high - low) / 2
    return torch.cat((middle, half), 1), (series - middle[:, None]) / half.clamp(min=LEAST_RANGE)[:, None]


def together(attributes: Tensor, shapes: Tensor) -> Tensor:
    """The inverse of `apart`."""
    middle, half = attributes.chunk(2, 1)
    return (middle[:, None] + half[:, None] * shapes).clamp(0, 1)


def build(recipe: Recipe, data: Dataset) -> Adversary:
    length, channels = data.fields["series"].shape[1:]
    steps = max(1, min(int(option(recipe, "steps", 5)), length))
    passes = -(-length // steps)
    generator = Generator(length, channels, recipe.latent_dim, recipe.width, steps)
    discriminator = Discriminator(length, channels, recipe.width)

    def made(turn: Turn) -> Tensor:
        """Attributes and flat shapes side by side."""

        def make() -> Tensor:
            n, device = len(turn.real["series"]), turn.real["series"].device
            with torch.set_grad_enabled("generator" in turn.due):
                noise = torch.randn(n, recipe.latent_dim, device=device)
                attributes, shapes = generator(noise, torch.randn(n, passes, recipe.latent_dim, device=device))
                return torch.cat((attributes, shapes.flatten(1)), 1)

        rows: Tensor = turn.once("made", make)
        return rows

    def discriminate(turn: Turn) -> Tensor:
        attributes, shapes = apart(turn.real["series"])
        real, fake = torch.cat((attributes, shapes.flatten(1)), 1), made(turn).detach()
        total = real.new_zeros(())
        for judge, end in ((discriminator.both, None), (discriminator.alone, 2 * channels)):
            true, false = real[:, :end], fake[:, :end]
            slope = losses.gradient_penalty(judge, true, false)
            total = total + losses.wasserstein_d(judge(true).float(), judge(false).float()) + recipe.gradient_penalty * slope
        return total

    def generate(turn: Turn) -> Tensor:
        fake = made(turn)
        return losses.linear_g(discriminator.both(fake).float()) + losses.linear_g(
            discriminator.alone(fake[:, : 2 * channels]).float()
        )

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        device = next(networks["generator"].parameters()).device
        noise = (
            torch.randn(n, recipe.latent_dim, generator=generator),
            torch.randn(n, passes, recipe.latent_dim, generator=generator),
        )
        return together(*networks["generator"](*(part.to(device) for part in noise)))

    return Adversary(
        networks={"generator": generator, "discriminator": discriminator},
        players=players(recipe),
        phases=(Phase("adversarial", (Move("discriminator", discriminate), Move("generator", generate, every=recipe.d_steps))),),
        sample=sample,
        channels_last=False,
    )
