"""LaMa, Suvorov et al. 2021, arXiv:2109.07161: a residual network whose convolutions also see the whole image, through its spectrum.

Section 2.1: fast Fourier convolutions, three quarters of the channels global; three halvings and nine blocks (`options.blocks`) at
width 64: 27 M parameters. Section 2.2: the non-saturating loss on patches 10, where known pixels count as real, feature matching 100,
R1 0.001 (`gradient_penalty`), the perceptual loss 30, L1 on known pixels 10. Adam 1e-3 and 1e-4, batch 10. The features are those of
models/perceptual.py, not of a dilated ResNet. Known pixels of a sample are the given ones. Any power of two from 8 px on.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_max_pool2d, softplus

from models import losses
from models.adversary import Adversary, Batch
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import doublings
from models.perceptual import Content
from models.translation import guided, option, patch_discriminator

TASKS = ("inpainting",)
DEFAULTS = {
    "batch_size": 10,
    "width": 64,
    "lr_g": 1e-3,
    "lr_d": 1e-4,
    "beta1": 0.9,
    "beta2": 0.999,
    "gradient_penalty": 0.001,
    "options": {"blocks": 9},
}
ON_CPU = {"options": {"blocks": 2}}
GLOBAL = 0.75
WEIGHTS = {"adversarial": 10.0, "matching": 100.0, "perceptual": 30.0, "l1": 10.0}


class Spectrum(nn.Module):
    """A 1x1 convolution of the real Fourier transform, added to a shortcut: every output sees every input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.narrow = nn.Sequential(nn.Conv2d(channels, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU())
        self.mix = nn.Sequential(nn.Conv2d(2 * half, 2 * half, 1, bias=False), nn.BatchNorm2d(2 * half), nn.ReLU())
        self.widen = nn.Conv2d(half, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.narrow(x)
        waves = torch.fft.rfft2(x.float(), norm="ortho")
        real, imaginary = self.mix(torch.cat((waves.real, waves.imag), 1)).float().chunk(2, 1)
        y: Tensor = self.widen(x + torch.fft.irfft2(torch.complex(real, imaginary), s=x.shape[-2:], norm="ortho"))
        return y


class Fourier(nn.Module):
    """A fast Fourier convolution: a local and a global part, each made of both. Figure 2 of the paper."""

    def __init__(self, local: int, wide: int, outer_local: int, outer_wide: int, stride: int = 1) -> None:
        super().__init__()

        def conv(before: int, after: int) -> nn.Conv2d:
            return nn.Conv2d(before, after, 3, stride, 1, bias=False, padding_mode="reflect")

        self.here = conv(local, outer_local)
        self.out = conv(local, outer_wide)
        self.back = conv(wide, outer_local) if wide else None
        self.spectrum = Spectrum(wide) if wide else None
        self.after = nn.ModuleList(nn.Sequential(nn.BatchNorm2d(n), nn.ReLU()) for n in (outer_local, outer_wide))

    def forward(self, parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        near, far = self.here(parts[0]), self.out(parts[0])
        if self.back is not None and self.spectrum is not None:
            near, far = near + self.back(parts[1]), far + self.spectrum(parts[1])
        return self.after[0](near), self.after[1](far)


class Residual(nn.Module):
    """Two Fourier convolutions, added to what comes in."""

    def __init__(self, local: int, wide: int) -> None:
        super().__init__()
        self.body = nn.Sequential(Fourier(local, wide, local, wide), Fourier(local, wide, local, wide))

    def forward(self, parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(x + y for x, y in zip(parts, self.body(parts), strict=True))


class LamaNet(nn.Module):
    """Image with a hole and its mask, NxCxSxS and Nx1xSxS -> whole image in -1..1."""

    def __init__(self, resolution: int, channels: int, width: int, blocks: int) -> None:
        super().__init__()
        halvings = min(3, doublings(resolution))
        layers: list[nn.Module] = [nn.Conv2d(channels + 1, width, 7, 1, 3, bias=False, padding_mode="reflect")]
        layers += [nn.BatchNorm2d(width), nn.ReLU()]
        for _ in range(halvings - 1):
            layers += [
                nn.Conv2d(width, 2 * width, 3, 2, 1, bias=False, padding_mode="reflect"),
                nn.BatchNorm2d(2 * width),
                nn.ReLU(),
            ]
            width *= 2
        self.head = nn.Sequential(*layers)
        wide = int(2 * width * GLOBAL)
        local = 2 * width - wide
        self.split = Fourier(width, 0, local, wide, stride=2)
        self.body = nn.Sequential(*(Residual(local, wide) for _ in range(blocks)))
        layers, width = [], 2 * width
        for _ in range(halvings):
            up = nn.ConvTranspose2d(width, width // 2, 3, 2, 1, output_padding=1, bias=False)
            layers += [up, nn.BatchNorm2d(width // 2), nn.ReLU()]
            width //= 2
        self.tail = nn.Sequential(*layers, nn.Conv2d(width, channels, 7, 1, 3, padding_mode="reflect"), nn.Tanh())

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        x = self.head(torch.cat((image, mask.to(image)), 1))
        y: Tensor = self.tail(torch.cat(self.body(self.split((x,))), 1))
        return y


def build(recipe: Recipe, data: Dataset) -> Adversary:
    generator = LamaNet(recipe.resolution, recipe.channels, recipe.width, int(option(recipe, "blocks", 9)))
    discriminator = patch_discriminator(recipe.resolution, recipe.channels, recipe.width)
    weight = {name: option(recipe, name, value) for name, value in WEIGHTS.items()}
    content = Content()

    def judge(images: Tensor) -> list[Tensor]:
        """What each layer of the discriminator gives; the last are the logits of the patches."""
        found = [images]
        for layer in discriminator:
            found.append(layer(found[-1]))
        return [
            x.float() for layer, x in zip(discriminator, found[1:], strict=True) if isinstance(layer, nn.LeakyReLU | nn.Conv2d)
        ]

    def d_loss(batch: Batch, made: Tensor) -> Tensor:
        real, fake = judge(batch["target"])[-1], judge(made)[-1]
        missing = adaptive_max_pool2d(batch["mask"].float(), list(fake.shape[-2:]))
        loss = softplus(-real).mean() + (missing * softplus(fake) + (1 - missing) * softplus(-fake)).mean()
        return loss + 2 * recipe.gradient_penalty * losses.r1(lambda images: judge(images)[-1], batch["target"])

    def g_loss(batch: Batch, made: Tensor) -> Tensor:
        target, known = batch["target"], ~batch["mask"]
        with torch.no_grad():
            real = judge(target)
        fake = judge(made)
        matching = torch.stack([(a - b).square().mean() for a, b in zip(fake[:-1], real[:-1], strict=True)]).mean()
        l1 = ((made - target).abs() * known).mean()
        terms = {
            "adversarial": losses.non_saturating_g(fake[-1]),
            "matching": matching,
            "perceptual": content(made, target),
            "l1": l1,
        }
        return torch.stack([weight[name] * term for name, term in terms.items()]).sum()

    return guided(
        recipe,
        generator,
        discriminator,
        make=lambda network, given: network(given["input"], given["mask"]),
        d_loss=d_loss,
        g_loss=g_loss,
        finish=lambda made, given: torch.where(given["mask"], made, given["input"]),
    )
