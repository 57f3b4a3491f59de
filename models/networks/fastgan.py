"""FastGAN, Liu et al. 2021, arXiv:2101.04775: few images, little time.

Section 3.1: generator with skip-layer excitation, from a side to one 16 times as large (to the full side below 64 px, where there is
none). Section 3.2: the discriminator is trained to let small decoders rebuild real images from its features, the whole image from 8x8
and a quarter of it from 16x16; the difference is eq. 4's, of pixels. Section 3.3: hinge loss; section 4: Adam 2e-4, batch 8, with
differentiable augmentation. The published networks have width 64. Any power of two from 8 px on.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d
from torch.nn.utils.parametrizations import spectral_norm

from models import losses
from models.ada import Ada
from models.adversary import Adversary, Move, Phase, Turn, duel
from models.augment import augmentation
from models.contract import Recipe
from models.data.dataset import Dataset
from models.fast import FastGenerator, widths
from models.parts import normal_init, normal_latent

TASKS = ("unconditional-image",)
DEFAULTS = {
    "batch_size": 8,
    "latent_dim": 256,
    "width": 64,
    "lr_g": 2e-4,
    "lr_d": 2e-4,
    "beta1": 0.5,
    "beta2": 0.999,
    "augment": ("colour", "translation"),
}
ON_CPU = {"latent_dim": 128}
CODE = 8
"""Side of the last features."""
REBUILT = 128
"""Largest side of a rebuilt image."""


def build(recipe: Recipe, data: Dataset) -> Adversary:
    generator = FastGenerator(recipe.resolution, recipe.channels, recipe.latent_dim, recipe.width)
    discriminator, augment = Discriminator(recipe), augmentation(recipe.augment)
    game = duel(
        recipe,
        normal_init(generator),
        discriminator,
        latent=normal_latent,
        d_loss=losses.hinge_d,
        g_loss=losses.linear_g,
        augment=augment,
    )
    first, second = game.phases[0].moves

    def discriminate(turn: Turn) -> Tensor:
        def make() -> Tensor:
            with torch.set_grad_enabled("generator" in turn.due):
                images: Tensor = generator(
                    normal_latent(len(turn.real["image"]), recipe.latent_dim, device=turn.real["image"].device)
                )
                return images.float()

        real = augment(turn.real["image"])
        features = discriminator.features(real)
        logits = discriminator.judged(features).float()
        if isinstance(augment, Ada):
            augment.watch(logits)
        fake = discriminator(augment(turn.once("fakes", make).detach())).float()
        return losses.hinge_d(logits, fake) + discriminator.unlike(features, real)

    return replace(game, phases=(Phase("adversarial", (Move(first.player, discriminate, then=first.then), second)),))


class Discriminator(nn.Module):
    """Halved by a residual pair down to 8x8, then one logit for each place."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        wide = widths(recipe.resolution, recipe.width)[:0:-1]  # from the full side down to 8x8
        self.image = nn.Sequential(spectral_norm(nn.Conv2d(recipe.channels, wide[0], 3, padding=1, bias=False)), _leaky())
        self.halve = nn.ModuleList(Halve(a, b) for a, b in zip(wide, wide[1:], strict=False))  # noqa: RUF007
        self.logits = nn.Sequential(*_layer(wide[-1], wide[-1], 1), spectral_norm(nn.Conv2d(wide[-1], 1, 4, bias=False)))
        side = min(recipe.resolution, REBUILT)
        self.whole = decoder(wide[-1], recipe.channels, CODE, side)
        # A quarter of 16x16 is 8x8; images of 8 px have no such features.
        self.part = decoder(wide[-2], recipe.channels, CODE, max(CODE, side // 2)) if len(wide) > 1 else None
        normal_init(self)

    def forward(self, images: Tensor) -> Tensor:
        return self.judged(self.features(images))

    def features(self, images: Tensor) -> list[Tensor]:
        """The last two maps, 16x16 and 8x8, or the last alone."""
        found = [self.image(images)]
        for halve in self.halve:
            found.append(halve(found[-1]))
        return found[-2:]

    def judged(self, features: list[Tensor]) -> Tensor:
        """N x 25 logits."""
        places: Tensor = self.logits(features[-1])
        return places.flatten(1)

    def unlike(self, features: list[Tensor], images: Tensor) -> Tensor:
        """Mean absolute difference of rebuilt images to real ones, and of rebuilt quarters."""
        whole = self.whole(features[-1]).float()
        loss: Tensor = (whole - adaptive_avg_pool2d(images, whole.shape[-1])).abs().mean()
        if self.part is None:
            return loss
        # One corner for the batch: 0 or 1 across and down, picked by weights, so that nobody waits for the device.
        corner = torch.rand(2, device=images.device).round()
        part: Tensor = self.part(_quarter(features[0], corner)).float()
        return loss + (part - adaptive_avg_pool2d(_quarter(images, corner), part.shape[-1])).abs().mean()


class Halve(nn.Module):
    """Two convolutions, the first with stride 2, averaged with a pooled 1x1 one."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.main = nn.Sequential(*_layer(inputs, outputs, 4, 2), *_layer(outputs, outputs, 3))
        self.direct = nn.Sequential(nn.AvgPool2d(2), *_layer(inputs, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        both: Tensor = self.main(x) + self.direct(x)
        return both / 2


def decoder(inputs: int, image: int, start: int, side: int) -> nn.Sequential:
    """Features of side `start` -> images: doubled by nearest neighbour and a convolution with GLU."""
    layers: list[nn.Module] = []
    while start < side:
        outputs = max(8, inputs // 2)
        layers += [nn.Upsample(scale_factor=2), nn.Conv2d(inputs, 2 * outputs, 3, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(2 * outputs), nn.GLU(1)]
        inputs, start = outputs, 2 * start
    return nn.Sequential(*layers, nn.Conv2d(inputs, image, 3, padding=1), nn.Tanh())


def _quarter(x: Tensor, corner: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    upper = torch.lerp(x[:, :, :half], x[:, :, half:], corner[0].to(x.dtype))
    return torch.lerp(upper[..., :half], upper[..., half:], corner[1].to(x.dtype))


def _layer(inputs: int, outputs: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, bias=False)
    return [spectral_norm(conv), nn.BatchNorm2d(outputs), _leaky()]


def _leaky() -> nn.Module:
    return nn.LeakyReLU(0.2, inplace=True)
