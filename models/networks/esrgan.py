"""ESRGAN, Wang et al. 2018, arXiv:1809.00219: dense residual blocks without normalisation, and a discriminator that compares.

Section 3: 23 blocks (`options.blocks`) of three dense blocks with growth half the width and residuals scaled by 0.2, initial weights
scaled by 0.1; the relativistic average loss of arXiv:1807.00734. Section 4.1: L1 alone first, at 2e-4; then the perceptual loss +
5e-3 adversarial (`options.adversarial`) + 1e-2 L1 (`options.l1`) at 1e-4, batch 16. 16.7 M parameters in the generator. Half of the
budget each, at the one rate of the recipe; the features are those of models/perceptual.py, not of VGG.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, l1_loss, leaky_relu, softplus

from models.adversary import Adversary, Batch
from models.contract import Recipe
from models.data.dataset import Dataset
from models.perceptual import Content
from models.translation import critic, factor, guided, option

TASKS = ("super-resolution",)
DEFAULTS = {"batch_size": 16, "width": 64, "lr_g": 1e-4, "lr_d": 1e-4, "beta1": 0.9, "beta2": 0.999, "options": {"blocks": 23}}
ON_CPU = {"options": {"blocks": 2}}
RESIDUAL = 0.2


class Dense(nn.Module):
    """Five convolutions, each of which sees all before it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        growth = max(width // 2, 1)
        self.convs = nn.ModuleList(nn.Conv2d(width + i * growth, growth if i < 4 else width, 3, 1, 1) for i in range(5))

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for conv in self.convs[:4]:
            seen = torch.cat((seen, leaky_relu(conv(seen), 0.2)), 1)
        last: Tensor = self.convs[4](seen)
        return x + RESIDUAL * last


class Rrdb(nn.Module):
    """Three dense blocks in a residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*(Dense(width) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + RESIDUAL * y


class RrdbNet(nn.Module):
    """NxCxHxW -> NxCx(factor H)x(factor W), enlarged by repeating pixels before a convolution."""

    def __init__(self, channels: int, width: int, blocks: int, times: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(channels, width, 3, 1, 1)
        self.body = nn.Sequential(*(Rrdb(width) for _ in range(blocks)), nn.Conv2d(width, width, 3, 1, 1))
        self.up = nn.ModuleList(nn.Conv2d(width, width, 3, 1, 1) for _ in range(times.bit_length() - 1))
        self.tail = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1), nn.LeakyReLU(0.2), nn.Conv2d(width, channels, 3, 1, 1))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
                module.weight.data *= 0.1
                nn.init.zeros_(module.bias) if module.bias is not None else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        x = x + self.body(x)
        for conv in self.up:
            x = leaky_relu(conv(interpolate(x, scale_factor=2, mode="nearest")), 0.2)
        y: Tensor = self.tail(x)
        return y


def build(recipe: Recipe, data: Dataset) -> Adversary:
    generator = RrdbNet(recipe.channels, recipe.width, int(option(recipe, "blocks", 23)), factor(data))
    discriminator = critic(recipe.resolution, recipe.channels, recipe.width)
    adversarial, l1 = option(recipe, "adversarial", 5e-3), option(recipe, "l1", 1e-2)
    content = Content()

    def judge(images: Tensor) -> Tensor:
        logits: Tensor = discriminator(images).float()
        return logits

    def against(real: Tensor, fake: Tensor) -> Tensor:
        """Real more real than the mean fake, and fake less than the mean real: eq. 1 and 2."""
        return softplus(fake.mean() - real).mean() + softplus(fake - real.mean()).mean()

    def d_loss(batch: Batch, made: Tensor) -> Tensor:
        return against(judge(batch["target"]), judge(made))

    def g_loss(batch: Batch, made: Tensor) -> Tensor:
        with torch.no_grad():
            real = judge(batch["target"])
        relative = against(judge(made), real)
        return content(made, batch["target"]) + adversarial * relative + l1 * l1_loss(made, batch["target"])

    def fidelity(batch: Batch, made: Tensor) -> Tensor:
        return l1_loss(made, batch["target"])

    return guided(
        recipe,
        generator,
        discriminator,
        make=lambda network, given: network(given["input"]),
        d_loss=d_loss,
        g_loss=g_loss,
        first=fidelity,
    )
