"""GAN-INT-CLS, Reed et al. 2016, arXiv:1605.05396: the first network from sentences to images.

Section 4.1: the sentence, squeezed to 128 numbers (`options.sentence`), joins the noise of a DCGAN generator, and the features of its
discriminator at 4x4. As in the authors' code, the generator is twice as wide and both have residual blocks where images are small.
Section 4.2: real images with the wrong caption count as generated, half each. Section 4.3: the generator is also judged on means of
two captions (`options.interpolation`, their weight; a short run learns better without). Section 5: Adam 2e-4 with beta1 0.5, batch
64, noise of 100. The paper takes its sentences from a trained encoder, which no package ships: here the mean of word vectors, learnt
within the game, one table for each side. Any power of two from 8 px on.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.adversary import Adversary, Turn
from models.contract import Recipe
from models.data.dataset import Dataset
from models.losses import non_saturating_g
from models.parts import dcgan_discriminator, dcgan_generator, doublings, normal_init, normal_latent
from models.translation import option
from models.words import Judge, Words, joint, matching, told, vocabulary

TASKS = ("text-to-image",)
DEFAULTS = {"batch_size": 64, "latent_dim": 100, "width": 64, "lr_g": 2e-4, "lr_d": 2e-4, "beta1": 0.5, "beta2": 0.999}
ON_CPU = {"options": {"interpolation": 0.0}}


class Bottleneck(nn.Module):
    """x and three normalised convolutions of it, 1x1 and twice 3x3, at a quarter of the width."""

    def __init__(self, width: int, activation: nn.Module) -> None:
        super().__init__()
        few = width // 4
        first = (nn.Conv2d(width, few, 1, bias=False), nn.BatchNorm2d(few), activation)
        second = (nn.Conv2d(few, few, 3, 1, 1, bias=False), nn.BatchNorm2d(few), activation)
        self.body = nn.Sequential(*first, *second, nn.Conv2d(few, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.body(x)
        return y


class Generator(nn.Module):
    """Noise N x latent and sentences N x size -> images in -1..1."""

    def __init__(self, recipe: Recipe, words: int, size: int) -> None:
        super().__init__()
        self.words = Words(words, size)
        wide = recipe.width << doublings(recipe.resolution)
        self.body = dcgan_generator(recipe.resolution, recipe.channels, recipe.latent_dim + size, 2 * recipe.width)
        self.body.insert(3, Bottleneck(wide, nn.ReLU()))
        if recipe.resolution > 8:
            self.body.insert(7, Bottleneck(wide // 2, nn.ReLU()))

    def forward(self, latent: Tensor, sentence: Tensor) -> Tensor:
        images: Tensor = self.body(torch.cat((latent, sentence), 1))
        return images


def discriminator(recipe: Recipe, words: int, size: int) -> Judge:
    """Images and sentences -> logits."""
    wide = recipe.width << (doublings(recipe.resolution) - 1)
    *body, last, _, _ = dcgan_discriminator(recipe.resolution, recipe.channels, recipe.width)
    return Judge(Words(words, size), nn.Sequential(*body, Bottleneck(wide, nn.LeakyReLU(0.2)), last), joint(wide, size, 1))


def build(recipe: Recipe, data: Dataset) -> Adversary:
    words, size = vocabulary(recipe, data), max(1, int(option(recipe, "sentence", 128)))
    weight = option(recipe, "interpolation", 1.0)
    generator, judge = Generator(recipe, words, size), discriminator(recipe, words, size)
    normal_init(generator)
    normal_init(judge)

    def discriminate(turn: Turn, fake: Tensor) -> Tensor:
        return matching(judge, turn.real["image"], fake, turn.real["tokens"])

    def generate(turn: Turn, fake: Tensor) -> Tensor:
        tokens = turn.real["tokens"]
        straight = non_saturating_g(judge(fake, judge.words(tokens)))
        if not weight:
            return straight
        between, said = ((table(tokens) + table(tokens).roll(1, 0)) / 2 for table in (generator.words, judge.words))
        images = generator(normal_latent(len(tokens), recipe.latent_dim, device=tokens.device), between).float()
        return straight + weight * non_saturating_g(judge(images, said))

    return told(recipe, generator, judge, discriminate, generate)
