"""Image in, image out: the game of networks that are given an image, and the blocks that several of them share."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from models.adversary import Adversary, Batch, Move, Networks, Phase, Turn, players
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import doublings

Make = Callable[[nn.Module, Batch], Tensor]
"""Generator and conditions -> images."""


def guided(
    recipe: Recipe,
    generator: nn.Module,
    discriminator: nn.Module,
    *,
    make: Make,
    d_loss: Callable[[Batch, Tensor], Tensor],
    g_loss: Callable[[Batch, Tensor], Tensor],
    finish: Callable[[Tensor, Batch], Tensor] = lambda made, given: made,
    first: Callable[[Batch, Tensor], Tensor] | None = None,
    share: float = 0.5,
) -> Adversary:
    """A generator that is given an image and has one right answer, against a discriminator.

    Both losses take the real batch and what was made of it, for `d_loss` without a graph. With `first` the generator alone lowers
    that for `share` of the budget before the adversarial phase. A step makes its images once, for both sides; `finish` is done to
    samples alone.
    """

    def made(turn: Turn) -> Tensor:
        def fresh() -> Tensor:
            with torch.set_grad_enabled("generator" in turn.due):
                return make(generator, turn.real).float()

        images: Tensor = turn.once("made", fresh)
        return images

    def alone(turn: Turn) -> Tensor:
        assert first is not None
        return first(turn.real, made(turn))

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        return finish(make(networks["generator"], given), given)

    moves = (
        Move("discriminator", lambda turn: d_loss(turn.real, made(turn).detach())),
        Move("generator", lambda turn: g_loss(turn.real, made(turn)), every=recipe.d_steps),
    )
    phases = (Phase("adversarial", moves, share=1 - share if first else 1.0),)
    return Adversary(
        networks={"generator": generator, "discriminator": discriminator},
        players=players(recipe),
        phases=phases if first is None else (Phase("fidelity", (Move("generator", alone),), share=share), *phases),
        sample=sample,
    )


def option(recipe: Recipe, name: str, default: float) -> float:
    """A number of `recipe.options`. Raises ValueError when it is none, or below zero."""
    value = recipe.options.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ValueError(f"recipe.options.{name} must be a number from 0 on, not {value!r}")
    return value


def norm(channels: int) -> nn.Module:
    """Normalised over space alone, with scale and shift: what batch normalisation is in a batch of one."""
    return nn.InstanceNorm2d(channels, affine=True)


class UNet(nn.Module):
    """Encoder and decoder with skips between equal sizes, arXiv:1611.07004 appendix 6.1: halved down to 1x1, at most eight times.

    Dropout in the three innermost decoder layers also while sampling: the paper's only noise. NxCxSxS -> NxKxSxS in -1..1.
    """

    def __init__(self, resolution: int, inputs: int, outputs: int, width: int) -> None:
        super().__init__()
        depth = min(8, 2 + doublings(resolution))
        wide = [width * min(8, 2**i) for i in range(depth)]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for i in range(depth):
            inner = i == depth - 1
            before = inputs if i == 0 else wide[i - 1]
            layers = [nn.LeakyReLU(0.2)] if i else []
            bare = i == 0 or inner
            self.down.append(
                nn.Sequential(*layers, nn.Conv2d(before, wide[i], 4, 2, 1, bias=bare), *([] if bare else [norm(wide[i])]))
            )
            above, width_in = outputs if i == 0 else wide[i - 1], wide[i] * (1 if inner else 2)
            last = nn.Tanh() if i == 0 else norm(above)
            self.up.append(nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(width_in, above, 4, 2, 1, bias=i == 0), last))

    def forward(self, x: Tensor) -> Tensor:
        found: list[Tensor] = []
        for layer in self.down:
            x = layer(x)
            found.append(x)
        depth = len(found)
        x = found.pop()
        for i in reversed(range(depth)):
            x = self.up[i](x)
            if i >= max(1, depth - 3):
                x = dropout(x, 0.5)
            if i:
                x = torch.cat((found.pop(), x), 1)
        return x


def patch_discriminator(resolution: int, channels: int, width: int, *, bias: bool = False) -> nn.Sequential:
    """A logit for each 70x70 patch, arXiv:1611.07004 appendix 6.1; below 32 px fewer halvings and smaller patches."""
    halvings = min(3, doublings(resolution))
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    wide = width
    for i in range(1, halvings + 1):
        stride = 2 if i < halvings else 1
        layers += [nn.Conv2d(wide, width * 2**i, 4, stride, 1, bias=bias), norm(width * 2**i), nn.LeakyReLU(0.2)]
        wide = width * 2**i
    return nn.Sequential(*layers, nn.Conv2d(wide, 1, 4, 1, 1))


def critic(resolution: int, channels: int, width: int) -> nn.Sequential:
    """One logit for an image, arXiv:1609.04802 figure 4: eight convolutions, halved four times, then 16 times the width dense."""
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, 1, 1), nn.LeakyReLU(0.2)]
    before, side = width, resolution
    for i in range(7):
        stride, wide = 2 - i % 2, width * 2 ** ((i + 1) // 2)
        layers += [nn.Conv2d(before, wide, 3, stride, 1, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2)]
        before, side = wide, -(-side // stride)
    dense = (nn.Linear(before * side**2, 16 * width), nn.LeakyReLU(0.2), nn.Linear(16 * width, 1))
    return nn.Sequential(*layers, nn.Flatten(), *dense)


def factor(data: Dataset) -> int:
    """How many times larger a target is than its input. Raises ValueError when that is no power of two."""
    times = data.fields["target"].shape[-1] // data.fields["input"].shape[-1]
    if times.bit_count() != 1:
        raise ValueError(f"the factor of super-resolution must be a power of two, not {times}")
    return times


class ResNet(nn.Module):
    """Two halvings, residual blocks, two doublings, arXiv:1703.10593 appendix 7.2. NxCxSxS -> NxCxSxS in -1..1."""

    def __init__(self, channels: int, width: int, blocks: int) -> None:
        super().__init__()
        first = nn.Conv2d(channels, width, 7, 1, 3, bias=False, padding_mode="reflect")
        self.head = nn.Sequential(first, norm(width), nn.ReLU())
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv2d(wide, 2 * wide, 3, 2, 1, bias=False), norm(2 * wide), nn.ReLU())
            for wide in (width, 2 * width)
        )
        self.blocks = nn.ModuleList(Residual(4 * width) for _ in range(blocks))
        up = []
        for wide in (4 * width, 2 * width):
            up += [nn.ConvTranspose2d(wide, wide // 2, 3, 2, 1, output_padding=1, bias=False), norm(wide // 2), nn.ReLU()]
        self.tail = nn.Sequential(*up, nn.Conv2d(width, channels, 7, 1, 3, padding_mode="reflect"), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.tail(self.encoded(x)[-1])
        return y

    def encoded(self, x: Tensor) -> list[Tensor]:
        """The image, what follows each halving, and what follows each block."""
        found = [x]
        x = self.head(x)
        for layer in (*self.down, *self.blocks):
            x = layer(x)
            found.append(x)
        return found


class Residual(nn.Module):
    """Two 3x3 convolutions, added to what comes in."""

    def __init__(self, width: int) -> None:
        super().__init__()

        def conv() -> nn.Conv2d:
            return nn.Conv2d(width, width, 3, 1, 1, bias=False, padding_mode="reflect")

        self.body = nn.Sequential(conv(), norm(width), nn.ReLU(), conv(), norm(width))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + y


def residual_blocks(recipe: Recipe) -> int:
    """`options.blocks`, else nine from 256 px on and six below, as arXiv:1703.10593 section 4 has it."""
    return max(1, int(option(recipe, "blocks", 9 if recipe.resolution >= 256 else 6)))
