"""HiFi-GAN, Kong, Kim and Bae 2020, arXiv:2010.05646.

Sections 2.2, 2.3 and appendix A.1: the generator raises mel frames to samples by transposed convolutions, each followed by
the mean of three residual stacks of other kernels and dilations; V1 is a width of 32, V2 of 8, V3 the option `variant: 3`.
Judged by five discriminators of periods and three of scales. Least squares + 2 x feature matching + 45 x L1 of mel bands (eq.
5). AdamW 2e-4, 0.8 and 0.99, decay 0.01, batch 16. 13.92, 0.92 and 1.46 M parameters in the generators. What is left out: the
decay of the rate over epochs. `judge_width` is the first width of a period discriminator, 32 in the paper, a quarter of that
of a scale discriminator.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, leaky_relu, pad
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from models.adversary import Adversary, Batch, Move, Networks, OptimiserOf, Phase, Player, Turn
from models.contract import Recipe
from models.data.audio import Sounds
from models.data.dataset import Dataset

TASKS = ("audio-vocoder",)
DEFAULTS = {
    "batch_size": 16,
    "width": 32,
    "lr_g": 2e-4,
    "lr_d": 2e-4,
    "beta1": 0.8,
    "beta2": 0.99,
    "options": {"judge_width": 32},
}
ON_CPU = {"batch_size": 4, "width": 8, "lr_g": 1e-3, "lr_d": 1e-3, "options": {"judge_width": 2}}
SLOPE = 0.1
PERIODS = (2, 3, 5, 7, 11)
RATES = {(256, 1): (8, 8, 2, 2), (128, 1): (8, 8, 2), (256, 3): (8, 8, 4), (128, 3): (8, 4, 4)}
"""Samples of a frame, variant -> by how much each layer raises the rate."""
STACKS = {1: ((3, 7, 11), ((1, 3, 5),) * 3), 3: ((3, 5, 7), ((1, 2), (2, 6), (3, 12)))}
"""Variant -> kernels and dilations of the three stacks of a layer."""
Judged = tuple[list[Tensor], list[Tensor]]
"""Logits of each discriminator, and every inner map."""


class Stack(nn.Module):
    """Residual convolutions of one kernel; in variants 1 and 2 each dilated one is followed by a plain one."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...], paired: bool) -> None:
        super().__init__()

        def layer(dilation: int) -> nn.Module:
            made: nn.Module = weight_norm(
                nn.Conv1d(channels, channels, kernel, dilation=dilation, padding=dilation * (kernel - 1) // 2)
            )
            return made

        self.branches = nn.ModuleList(
            nn.ModuleList([layer(dilation), layer(1)] if paired else [layer(dilation)]) for dilation in dilations
        )

    def forward(self, x: Tensor) -> Tensor:
        for branch in self.branches:
            y = x
            for layer in branch:  # type: ignore[attr-defined]
                y = layer(leaky_relu(y, SLOPE))
            x = x + y
        return x


class Generator(nn.Module):
    """N x bands x frames -> N x 1 x samples."""

    def __init__(self, bands: int, hop: int, width: int, variant: int = 1) -> None:
        super().__init__()
        if (hop, variant) not in RATES:
            raise ValueError(f"recipe.options.variant must be 1 or 3, not {variant}")
        rates = RATES[hop, variant]
        sizes = [width * 2**i for i in range(len(rates), -1, -1)]
        self.first = weight_norm(nn.Conv1d(bands, sizes[0], 7, padding=3))
        self.raises = nn.ModuleList(
            weight_norm(nn.ConvTranspose1d(a, b, 2 * rate, rate, padding=rate // 2))
            for (a, b), rate in zip(pairwise(sizes), rates, strict=True)
        )
        kernels, dilations = STACKS[variant]
        self.stacks = nn.ModuleList(
            nn.ModuleList(Stack(size, k, d, variant == 1) for k, d in zip(kernels, dilations, strict=True)) for size in sizes[1:]
        )
        self.last = weight_norm(nn.Conv1d(width, 1, 7, padding=3))
        for layer in [*self.raises, self.last]:
            nn.init.normal_(layer.parametrizations.weight.original1, 0, 0.01)

    def forward(self, mel: Tensor) -> Tensor:
        x = self.first(mel)
        for up, stacks in zip(self.raises, self.stacks, strict=True):
            x = up(leaky_relu(x, SLOPE))
            x = sum(stack(x) for stack in stacks) / len(stacks)  # type: ignore[arg-type, attr-defined]
        wave: Tensor = self.last(leaky_relu(x, SLOPE)).tanh()
        return wave


class PeriodJudge(nn.Module):
    """Sees every p-th sample together: the wave folded to rows of p, convolved along the columns."""

    def __init__(self, period: int, width: int) -> None:
        super().__init__()
        self.period = period
        sizes = (1, width, 4 * width, 16 * width, 32 * width)
        layers = [nn.Conv2d(a, b, (5, 1), (3, 1), padding=(2, 0)) for a, b in pairwise(sizes)]
        layers += [nn.Conv2d(sizes[-1], sizes[-1], (5, 1), padding=(2, 0)), nn.Conv2d(sizes[-1], 1, (3, 1), padding=(1, 0))]
        self.layers = nn.ModuleList(weight_norm(layer) for layer in layers)

    def forward(self, wave: Tensor) -> list[Tensor]:
        whole = pad(wave, (0, -wave.shape[2] % self.period), mode="reflect")
        x = whole.view(len(wave), 1, -1, self.period)
        return through(self.layers, x)


class ScaleJudge(nn.Module):
    """Sees the wave itself, or an average of it, through grouped convolutions of long kernels."""

    def __init__(self, width: int, norm: Callable[[nn.Module], nn.Module]) -> None:
        super().__init__()
        w, groups = 4 * width, min(16, width)
        plan = [(1, w, 15, 1, 1), (w, w, 41, 2, min(4, groups)), (w, 2 * w, 41, 2, groups), (2 * w, 4 * w, 41, 4, groups)]
        plan += [(4 * w, 8 * w, 41, 4, groups), (8 * w, 8 * w, 41, 1, groups), (8 * w, 8 * w, 5, 1, 1), (8 * w, 1, 3, 1, 1)]
        self.layers = nn.ModuleList(norm(nn.Conv1d(a, b, k, s, padding=k // 2, groups=g)) for a, b, k, s, g in plan)

    def forward(self, wave: Tensor) -> list[Tensor]:
        return through(self.layers, wave)


class Judges(nn.Module):
    """All eight."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.periods = nn.ModuleList(PeriodJudge(period, width) for period in PERIODS)
        self.scales = nn.ModuleList(ScaleJudge(width, norm) for norm in (spectral_norm, weight_norm, weight_norm))
        self.halve = nn.AvgPool1d(4, 2, padding=2)

    def forward(self, wave: Tensor) -> Judged:
        maps = [judge(wave) for judge in self.periods]
        for judge in self.scales:
            maps.append(judge(wave))
            wave = self.halve(wave)
        return [one[-1] for one in maps], [inner for one in maps for inner in one[:-1]]


def through(layers: nn.ModuleList, x: Tensor) -> list[Tensor]:
    """What each layer gives; the last one is the logits."""
    maps = list[Tensor]()
    for layer in layers[:-1]:
        x = leaky_relu(layer(x), SLOPE)
        maps.append(x)
    return [*maps, layers[-1](x)]


def build(recipe: Recipe, data: Dataset) -> Adversary:
    assert isinstance(data, Sounds)
    bands = data.bands
    generator = Generator(bands.count, bands.hop, recipe.width, int(recipe.options.get("variant", 1)))
    judges = Judges(int(recipe.options.get("judge_width", 32)))

    def fakes(turn: Turn) -> Tensor:
        def make() -> Tensor:
            with torch.set_grad_enabled("generator" in turn.due):
                wave: Tensor = generator(turn.real["mel"])
                return wave.float()

        made: Tensor = turn.once("fakes", make)
        return made

    def discriminate(turn: Turn) -> Tensor:
        logits = [one.float().chunk(2) for one in judges(torch.cat((turn.real["wave"], fakes(turn).detach())))[0]]
        return torch.stack([(1 - real).square().mean() + fake.square().mean() for real, fake in logits]).sum()

    def generate(turn: Turn) -> Tensor:
        wave = fakes(turn)
        logits, inner = judges(wave)
        with torch.no_grad():
            _, wanted = judges(turn.real["wave"])
        adversarial = torch.stack([(1 - one.float()).square().mean() for one in logits]).sum()
        matching = torch.stack([l1_loss(own.float(), real.float()) for own, real in zip(inner, wanted, strict=True)]).sum()
        return adversarial + 2 * matching + 45 * l1_loss(bands.log_mel(wave[:, 0]), turn.real["mel"])

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        wave: Tensor = networks["generator"](given["mel"])
        return wave

    def adamw(rate: float) -> OptimiserOf:
        return partial(torch.optim.AdamW, lr=rate, betas=(recipe.beta1, recipe.beta2), weight_decay=0.01, fused=True)

    moves = (Move("discriminator", discriminate), Move("generator", generate, every=recipe.d_steps))
    return Adversary(
        networks={"generator": generator, "discriminator": judges},
        players={
            "generator": Player(("generator",), adamw(recipe.lr_g)),
            "discriminator": Player(("discriminator",), adamw(recipe.lr_d)),
        },
        phases=(Phase("adversarial", moves),),
        sample=sample,
        channels_last=False,
    )
