"""Progressive growing, Karras et al. 2018, arXiv:1710.10196.

Section 2: 4x4 first, then each doubling is faded in and trained on, as phases of a run; generated images are enlarged to the full side
and judged after being reduced to the present one. Section 3: minibatch deviation. Section 4: equalised rates, pixelwise
normalisation, latents on the sphere. Appendix A: Adam 1e-3 with betas 0 and 0.99, WGAN-GP with lambda 10, one critic step, a drift
term of 0.001. `width` counts at the full resolution, 512 channels at most: 16 at 1024 px is the published network. Any power of two
from 8 px on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from models import losses
from models.adversary import Adversary, Judge, Loss, Phase, Turn, duel
from models.augment import augmentation
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import Reshape, doublings, normal_latent
from models.style import GAIN, EqualConv, EqualLinear, channels, leaky, minibatch_deviation, normalised

TASKS = ("unconditional-image",)
DEFAULTS = {
    "batch_size": 16,
    "latent_dim": 512,
    "width": 64,
    "lr_g": 1e-3,
    "lr_d": 1e-3,
    "beta1": 0.0,
    "beta2": 0.99,
    "gradient_penalty": 10.0,
}
ON_CPU = {"latent_dim": 128}
DRIFT = 0.001
LAST_SHARE = 2.0
"""Of the budget, for the full resolution, relative to each phase before it."""


def build(recipe: Recipe, data: Dataset) -> Adversary:
    generator, discriminator = Generator(recipe), Discriminator(recipe)

    def penalty(critic: Judge, real: Tensor, fake: Tensor) -> Tensor:
        at_side = (discriminator.reduced(images) for images in (real, fake))
        return recipe.gradient_penalty * losses.gradient_penalty(critic, *at_side)

    game = duel(
        recipe,
        generator,
        discriminator,
        latent=normal_latent,
        d_loss=lambda real, fake: losses.wasserstein_d(real, fake) + DRIFT * real.square().mean(),
        g_loss=losses.linear_g,
        penalty=penalty,
        augment=augmentation(recipe.augment),
        real=lambda batch: discriminator.blended(batch["image"]),
        finish=lambda images: images.clamp(-1, 1),
    )
    stages = [(0, False), *((level, fading) for level in range(1, generator.levels + 1) for fading in (True, False))]
    shares = [1.0] * (len(stages) - 1) + [LAST_SHARE]
    phases, begun = [], 0.0
    for (level, fading), share in zip(stages, shares, strict=True):
        span = (begun, begun + share / sum(shares)) if fading else None
        begun += share / sum(shares)

        def staged(loss: Loss, level: int = level, span: tuple[float, float] | None = span) -> Loss:
            def at(turn: Turn) -> Tensor:
                new = 1.0 if span is None else min(max((turn.fraction - span[0]) / (span[1] - span[0]), 0.0), 1.0)
                for network in (generator, discriminator):
                    network.grow(level, new)
                return loss(turn)

            return at

        moves = tuple(replace(move, loss=staged(move.loss)) for move in game.phases[0].moves)
        phases.append(Phase(f"{'fading in ' if fading else ''}{4 * 2**level} px", moves, share))
    return replace(game, phases=tuple(phases))


class Pair(nn.Module):
    """Two convolutions of one side."""

    def __init__(self, first: EqualConv, second: EqualConv) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor, norm: Callable[[Tensor], Tensor] = lambda x: x) -> Tensor:
        return norm(leaky(self.second(norm(leaky(self.first(x))))))


class Growing(nn.Module):
    """A network at a level: side 4 at level 0, doubled at each; `new` is the weight of the level's own layers against those before.

    What a sample or a resumed run needs stands in a buffer of whole numbers, which an average copies; training sets both and does not
    wait for the device.
    """

    grown: Tensor

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels = levels
        self.register_buffer("grown", torch.zeros((), dtype=torch.int64))
        self._stage: tuple[int, float] | None = None

    def grow(self, level: int, new: float) -> None:
        self._stage = (level, new)
        self.grown.fill_(round(1000 * (level - 1 + new)))

    @property
    def stage(self) -> tuple[int, float]:
        """Level and weight of what is new."""
        if self._stage is not None and self.training:
            return self._stage
        before, thousandths = divmod(int(self.grown), 1000)
        return (before + 1, thousandths / 1000) if thousandths else (before, 1.0)

    def reduced(self, images: Tensor) -> Tensor:
        """To the side of the level, by averages."""
        times = images.shape[-1] // (4 * 2 ** self.stage[0])
        return avg_pool2d(images, times) if times > 1 else images

    def blended(self, images: Tensor) -> Tensor:
        """Training images while a level is faded in: between the two sides, as generated ones are."""
        level, new = self.stage
        if level == 0 or new == 1:
            return images
        small = avg_pool2d(images, images.shape[-1] // (4 * 2**level) * 2)
        return torch.lerp(interpolate(small, images.shape[-2:]), images, new)


class Generator(Growing):
    def __init__(self, recipe: Recipe) -> None:
        super().__init__(doublings(recipe.resolution))
        self.side = recipe.resolution
        widths = _widths(recipe)
        gain = GAIN / 4  # of the first layer, which He's initialisation takes for a 4x4 convolution
        self.first = nn.Sequential(EqualLinear(recipe.latent_dim, widths[0] * 16, gain=gain), Reshape(widths[0], 4))
        self.start = EqualConv(widths[0], widths[0], 3, gain=GAIN)
        self.blocks = nn.ModuleList(
            Pair(EqualConv(a, b, 3, gain=GAIN), EqualConv(b, b, 3, gain=GAIN)) for a, b in pairwise(widths)
        )
        self.images = nn.ModuleList(EqualConv(width, recipe.channels, 1) for width in widths)

    def forward(self, z: Tensor) -> Tensor:
        level, new = self.stage
        x = normalised(leaky(self.first(normalised(z))))
        x = before = normalised(leaky(self.start(x)))
        for block in self.blocks[:level]:
            before = x
            x = block(interpolate(x, scale_factor=2), normalised)
        image: Tensor = self.images[level](x)
        if new < 1:
            image = torch.lerp(interpolate(self.images[level - 1](before), scale_factor=2), image, new)
        return interpolate(image, (self.side, self.side))


class Discriminator(Growing):
    """Of images at the full side or at that of the level."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(doublings(recipe.resolution))
        widths = _widths(recipe)
        self.images = nn.ModuleList(EqualConv(recipe.channels, width, 1, gain=GAIN) for width in widths)
        self.blocks = nn.ModuleList(
            Pair(EqualConv(b, b, 3, gain=GAIN), EqualConv(b, a, 3, gain=GAIN)) for a, b in pairwise(widths)
        )
        self.last = EqualConv(widths[0] + 1, widths[0], 3, gain=GAIN)
        self.dense = EqualLinear(widths[0] * 16, widths[0], gain=GAIN)
        self.out = EqualLinear(widths[0], 1)

    def forward(self, images: Tensor) -> Tensor:
        level, new = self.stage
        images = self.reduced(images)
        x = leaky(self.images[level](images))
        for at in range(level, 0, -1):
            x = avg_pool2d(self.blocks[at - 1](x), 2)
            if at == level and new < 1:
                x = torch.lerp(leaky(self.images[level - 1](avg_pool2d(images, 2))), x, new)
        x = leaky(self.last(minibatch_deviation(x)))
        logits: Tensor = self.out(leaky(self.dense(x.flatten(1))))
        return logits


def _widths(recipe: Recipe) -> list[int]:
    """Channels from 4x4 on."""
    return [channels(recipe.resolution, 4 * 2**i, recipe.width) for i in range(doublings(recipe.resolution) + 1)]
