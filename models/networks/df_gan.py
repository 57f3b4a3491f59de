"""DF-GAN, Tao et al. 2022, arXiv:2008.05865: from a sentence to an image in one stage.

Section 3.2: the generator doubles 4x4 in residual blocks; in each, noise and sentence scale and shift the channels through small
perceptrons (deep fusion). Section 3.3: hinge losses on one output that sees image and sentence, real images with the wrong caption
count as generated with half the weight, and the slope at real images with their own caption is held down: k (|d/dx| + |d/ds|)^p with
k 2, p 6. Section 4.1: Adam (0, 0.9), 1e-4 and 4e-4, batch 32, width 32, noise of 100. The paper's sentences come from a trained
encoder, which no package ships: here the mean of word vectors, learnt within the game, one table for each side. Any power of two.
Ours too is a batch normalisation before the last convolution: without it a small generator went dark on dark images within fifty
steps, where the slope of tanh is 0.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, leaky_relu, relu

from models.adversary import Adversary, Turn
from models.blocks import doubled
from models.contract import Recipe
from models.data.dataset import Dataset
from models.losses import linear_g
from models.parts import doublings
from models.translation import option
from models.words import Judge, Words, mismatched, told, vocabulary

TASKS = ("text-to-image",)
DEFAULTS = {"batch_size": 32, "latent_dim": 100, "width": 32, "lr_g": 1e-4, "lr_d": 4e-4, "beta1": 0.0, "beta2": 0.9}
SLOPE, POWER = 2.0, 6.0


class Affine(nn.Module):
    """Channels scaled and shifted by what a perceptron makes of the condition; at first hardly. Section 3.2, figure 3."""

    def __init__(self, condition: int, channels: int) -> None:
        super().__init__()
        self.scale, self.shift = (self._perceptron(condition, channels) for _ in range(2))
        nn.init.ones_(self.scale[-1].bias)  # type: ignore[arg-type]

    @staticmethod
    def _perceptron(inputs: int, outputs: int) -> nn.Sequential:
        last = nn.Linear(outputs, outputs)
        nn.init.normal_(last.weight, 0, 0.02)
        nn.init.zeros_(last.bias)
        return nn.Sequential(nn.Linear(inputs, outputs), nn.ReLU(), last)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.scale(condition)[:, :, None, None], self.shift(condition)[:, :, None, None]
        y: Tensor = scale * x + shift
        return y


class FusionBlock(nn.Module):
    """Doubled, then twice fused twice and convolved, added to what comes in. Figure 2. What looks at one place at a time is done
    before the doubling, which gives the same for a quarter of the work."""

    def __init__(self, before: int, after: int, condition: int) -> None:
        super().__init__()
        self.fuse = nn.ModuleList(Affine(condition, c) for c in (before, before, after, after))
        self.convolve = nn.ModuleList(nn.Conv2d(c, after, 3, 1, 1) for c in (before, after))
        self.past = nn.Conv2d(before, after, 1) if before != after else nn.Identity()
        self.share = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        y = x
        for i, convolve in enumerate(self.convolve):
            for fuse in self.fuse[2 * i : 2 * i + 2]:
                y = leaky_relu(fuse(y, condition), 0.2)
            y = convolve(y if i else doubled(y))
        out: Tensor = doubled(self.past(x)) + self.share * y
        return out


class Generator(nn.Module):
    """Noise N x latent and sentences N x size -> images in -1..1."""

    def __init__(self, recipe: Recipe, words: int, size: int) -> None:
        super().__init__()
        self.words = Words(words, size)
        n = doublings(recipe.resolution)
        wide = [recipe.width * min(8, 2 ** (n - i)) for i in range(n + 1)]
        self.first = nn.Linear(recipe.latent_dim, wide[0] * 16)
        condition = recipe.latent_dim + size
        self.blocks = nn.ModuleList(FusionBlock(a, b, condition) for a, b in pairwise(wide))
        self.last = nn.Sequential(
            nn.BatchNorm2d(wide[-1]), nn.LeakyReLU(0.2), nn.Conv2d(wide[-1], recipe.channels, 3, 1, 1), nn.Tanh()
        )

    def forward(self, latent: Tensor, sentence: Tensor) -> Tensor:
        condition = torch.cat((latent, sentence), 1)
        x = self.first(latent).view(len(latent), -1, 4, 4)
        for block in self.blocks:
            x = block(x, condition)
        images: Tensor = self.last(x)
        return images


class HalvingBlock(nn.Module):
    """Halved by a strided convolution, convolved again, added to the mean of what comes in."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        layers = (nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.LeakyReLU(0.2))
        self.body = nn.Sequential(*layers, nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.LeakyReLU(0.2))
        self.past = nn.Conv2d(before, after, 1)
        self.share = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.past(avg_pool2d(x, 2)) + self.share * self.body(x)
        return y


def discriminator(recipe: Recipe, words: int, size: int) -> Judge:
    """Images and sentences -> logits."""
    wide = [recipe.width * min(8, 2**i) for i in range(doublings(recipe.resolution) + 1)]
    body = nn.Sequential(nn.Conv2d(recipe.channels, wide[0], 3, 1, 1), *(HalvingBlock(a, b) for a, b in pairwise(wide)))
    mixed = nn.Conv2d(wide[-1] + size, 2 * recipe.width, 3, 1, 1, bias=False)
    return Judge(Words(words, size), body, nn.Sequential(mixed, nn.LeakyReLU(0.2), nn.Conv2d(2 * recipe.width, 1, 4, bias=False)))


def build(recipe: Recipe, data: Dataset) -> Adversary:
    words, size = vocabulary(recipe, data), max(1, int(option(recipe, "sentence", 256)))
    generator, judge = Generator(recipe, words, size), discriminator(recipe, words, size)

    def discriminate(turn: Turn, fake: Tensor) -> Tensor:
        image, tokens = turn.real["image"].detach().requires_grad_(), turn.real["tokens"]
        sentence = judge.words(tokens)
        features = judge.body(image)
        matched = judge.judged(features, sentence)
        wrong = mismatched(judge, features, sentence, tokens, lambda logits: relu(1 + logits))
        slopes = torch.autograd.grad(matched.sum(), (image, sentence), create_graph=True)
        steep = torch.stack([slope.float().flatten(1).square().sum(1) for slope in slopes]).sum(0)
        held = SLOPE * steep.pow(POWER / 2).mean()
        return relu(1 - matched).mean() + 0.5 * (relu(1 + judge(fake, sentence)).mean() + wrong) + held

    def generate(turn: Turn, fake: Tensor) -> Tensor:
        return linear_g(judge(fake, judge.words(turn.real["tokens"])))

    return told(recipe, generator, judge, discriminate, generate)
