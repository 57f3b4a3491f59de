"""R3GAN, Huang et al. 2024, arXiv:2501.05441: a plain residual GAN whose loss converges.

Section 2: relativistic pairing, softplus of the difference of a real and a generated logit, with R1 and R2, squared gradients at real
and at generated images. Section 4, config E: inverted bottlenecks with grouped 3x3 convolutions of 16 channels a group, expansion 2,
two blocks a resolution, bilinear resampling, no normalisation; the last convolution of a block starts at zero and the others are
scaled by the depth. 4x4 begins and ends with a learnt basis. `width` counts at the full resolution and 768 is the most: 96 at 256 px
is the published network. Gamma 150 at 256 px, 2 at 64, 0.05 at 32; the published schedules of rate and gamma are not followed. Any
power of two from 8 px on.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, one_hot, softplus

from models.adversary import Adversary, Move, Phase, Turn, duel
from models.augment import augmentation
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import doublings, normal_latent
from models.style import Blur

TASKS = ("unconditional-image", "class-conditional-image")
DEFAULTS = {
    "batch_size": 256,
    "latent_dim": 64,
    "width": 96,
    "lr_g": 2e-4,
    "lr_d": 2e-4,
    "beta1": 0.0,
    "beta2": 0.99,
    "gradient_penalty": 150.0,
}
ON_CPU = {"gradient_penalty": 0.05}
MOST = 768
GROUP = 16
EXPANSION = 2
BLOCKS = 2
GAIN = sqrt(2 / (1 + 0.2**2))


def build(recipe: Recipe, data: Dataset) -> Adversary:
    generator, discriminator, augment = Generator(recipe), Discriminator(recipe), augmentation(recipe.augment)
    game = duel(
        recipe,
        generator,
        discriminator,
        latent=normal_latent,
        d_loss=lambda real, fake: softplus(fake - real).mean(),
        g_loss=lambda fake, real: softplus(real - fake).mean(),
        paired=True,
        augment=augment,
        finish=lambda images: images.clamp(-1, 1),
    )
    first, second = game.phases[0].moves

    def discriminate(turn: Turn) -> Tensor:
        """The pairing and both penalties from one pass over real and generated images together."""
        labels = (turn.real["label"],) if recipe.classes else ()

        def make() -> Tensor:
            with torch.set_grad_enabled("generator" in turn.due):
                latents = normal_latent(len(turn.real["image"]), recipe.latent_dim, device=turn.real["image"].device)
                images: Tensor = generator(latents, *labels)
                return images.float()

        images = torch.cat((augment(turn.real["image"]), augment(turn.once("fakes", make).detach()))).requires_grad_()
        logits = discriminator(images, *(torch.cat((label, label)) for label in labels)).float()
        (slope,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
        real, fake = logits.chunk(2)
        if "augmentation" in game.networks:
            game.networks["augmentation"].watch(real)  # type: ignore[operator]
        # A mean over both halves, so twice half of gamma.
        return softplus(fake - real).mean() + recipe.gradient_penalty * slope.float().square().flatten(1).sum(1).mean()

    return replace(game, phases=(Phase("adversarial", (Move(first.player, discriminate, then=first.then), second)),))


class Block(nn.Module):
    """1x1 wider, 3x3 in groups, 1x1 back, added to its input."""

    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        wide = width * EXPANSION
        groups = wide // GROUP if wide % GROUP == 0 else 1
        self.wider = _conv(width, wide, 1, GAIN * scale)
        self.apart = _conv(wide, wide, 3, GAIN * scale, groups)
        self.back = _conv(wide, width, 1, 0.0, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.back(_leaky(self.apart(_leaky(self.wider(x)))))
        return x + y


class Generator(nn.Module):
    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        widths, self.classes = _widths(recipe), recipe.classes
        self.embed = _linear(recipe.classes, recipe.latent_dim) if recipe.classes else None
        self.basis = nn.Parameter(torch.randn(1, widths[0], 4, 4))
        self.modulate = _linear(recipe.latent_dim * (2 if recipe.classes else 1), widths[0])
        self.stages = nn.ModuleList(_stage(width, len(widths)) for width in widths)
        self.changes = nn.ModuleList(_change(a, b) for a, b in pairwise(widths))
        self.image = _conv(widths[-1], recipe.channels, 1, 1.0, bias=False)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        if self.embed is not None and label is not None:
            z = torch.cat((z, self.embed(one_hot(label, self.classes).to(z.dtype))), 1)
        x = self.stages[0](self.basis * self.modulate(z)[:, :, None, None])
        for change, stage in zip(self.changes, self.stages[1:], strict=True):
            x = stage(interpolate(change(x), scale_factor=2, mode="bilinear"))
        image: Tensor = self.image(x)
        return image


class Discriminator(nn.Module):
    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        widths, self.classes = _widths(recipe)[::-1], recipe.classes
        self.image = _conv(recipe.channels, widths[0], 1, 1.0, bias=False)
        self.stages = nn.ModuleList(_stage(width, len(widths)) for width in widths)
        self.changes = nn.ModuleList(_change(a, b) for a, b in pairwise(widths))
        self.blur = Blur()
        self.basis = _conv(widths[-1], widths[-1], 4, 1.0, widths[-1], bias=False, pad=False)
        self.out = _linear(widths[-1], recipe.latent_dim if recipe.classes else 1)
        self.embed = _linear(recipe.classes, recipe.latent_dim) if recipe.classes else None

    def forward(self, images: Tensor, label: Tensor | None = None) -> Tensor:
        x = self.stages[0](self.image(images))
        for change, stage in zip(self.changes, self.stages[1:], strict=True):
            x = stage(change(self.blur(x, 1, stride=2)))
        said: Tensor = self.out(self.basis(x).flatten(1))
        if self.embed is None or label is None:
            return said
        projected: Tensor = (said * self.embed(one_hot(label, self.classes).to(said.dtype))).sum(1, keepdim=True)
        return projected / sqrt(said.shape[1])


def _widths(recipe: Recipe) -> list[int]:
    """Channels from 4x4 on."""
    return [min(recipe.width * 2**i, MOST) for i in reversed(range(doublings(recipe.resolution) + 1))]


def _stage(width: int, stages: int) -> nn.Sequential:
    scale = (BLOCKS * stages) ** (-1 / 4)  # L^(-1/(2m-2)) of arXiv:1901.09321 for L blocks of m = 3 convolutions
    return nn.Sequential(*(Block(width, scale) for _ in range(BLOCKS)))


def _change(inputs: int, outputs: int) -> nn.Module:
    return nn.Identity() if inputs == outputs else _conv(inputs, outputs, 1, 1.0, bias=False)


def _conv(
    inputs: int, outputs: int, kernel: int, gain: float, groups: int = 1, *, bias: bool = True, pad: bool = True
) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2 if pad else 0, groups=groups, bias=bias)
    nn.init.normal_(conv.weight, 0, gain / sqrt(inputs // groups * kernel**2))
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def _linear(inputs: int, outputs: int) -> nn.Linear:
    linear = nn.Linear(inputs, outputs, bias=False)
    nn.init.normal_(linear.weight, 0, 1 / sqrt(inputs))
    return linear


def _leaky(x: Tensor) -> Tensor:
    return leaky_relu(x, 0.2, inplace=True)
