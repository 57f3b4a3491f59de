"""SRGAN, Ledig et al. 2017, arXiv:1609.04802: a residual network, trained alone and then against a discriminator.

Figure 4: 16 residual blocks (`options.blocks`) of 64 channels with batch normalisation and PReLU, sub-pixel convolutions; a
discriminator of eight convolutions. Section 3.2: batch 16, Adam 1e-4 with beta1 0.9, the mean squared error alone first, then the
perceptual loss + 1e-3 adversarial (`options.adversarial`). Half of the budget each; the features are those of models/perceptual.py,
not of VGG. 1.55 M parameters in the generator. The factor is that of the data, a power of two.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import mse_loss

from models import losses
from models.adversary import Adversary, Batch
from models.contract import Recipe
from models.data.dataset import Dataset
from models.perceptual import Content
from models.translation import critic, factor, guided, option

TASKS = ("super-resolution",)
DEFAULTS = {"batch_size": 16, "width": 64, "lr_g": 1e-4, "lr_d": 1e-4, "beta1": 0.9, "beta2": 0.999, "options": {"blocks": 16}}
ON_CPU = {"options": {"blocks": 4}}


class Block(nn.Module):
    """Two convolutions around a PReLU, added to what comes in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        first = (nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.PReLU())
        self.body = nn.Sequential(*first, nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + y


class SrResNet(nn.Module):
    """NxCxHxW -> NxCx(factor H)x(factor W)."""

    def __init__(self, channels: int, width: int, blocks: int, times: int) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(channels, width, 9, 1, 4), nn.PReLU())
        last = (nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))
        self.body = nn.Sequential(*(Block(width) for _ in range(blocks)), *last)
        doubled = [(nn.Conv2d(width, 4 * width, 3, 1, 1), nn.PixelShuffle(2), nn.PReLU()) for _ in range(times.bit_length() - 1)]
        self.tail = nn.Sequential(*(layer for layers in doubled for layer in layers), nn.Conv2d(width, channels, 9, 1, 4))

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        y: Tensor = self.tail(x + self.body(x))
        return y.tanh()


def build(recipe: Recipe, data: Dataset) -> Adversary:
    generator = SrResNet(recipe.channels, recipe.width, int(option(recipe, "blocks", 16)), factor(data))
    discriminator = critic(recipe.resolution, recipe.channels, recipe.width)
    weight = option(recipe, "adversarial", 1e-3)
    content = Content()

    def judge(images: Tensor) -> Tensor:
        logits: Tensor = discriminator(images).float()
        return logits

    def d_loss(batch: Batch, made: Tensor) -> Tensor:
        return losses.logistic_d(judge(batch["target"]), judge(made))

    def g_loss(batch: Batch, made: Tensor) -> Tensor:
        return content(made, batch["target"]) + weight * losses.non_saturating_g(judge(made))

    def fidelity(batch: Batch, made: Tensor) -> Tensor:
        return mse_loss(made, batch["target"])

    return guided(
        recipe,
        generator,
        discriminator,
        make=lambda network, given: network(given["input"]),
        d_loss=d_loss,
        g_loss=g_loss,
        first=fidelity,
    )
