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
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu, relu

from models import losses
from models.adversary import Adversary, Batch, Move, Networks, Phase, Turn, players
from models.contract import Recipe
from models.data.captions import Captioned
from models.data.dataset import BadData, Dataset
from models.parts import doublings, normal_latent
from models.translation import option
from models.words import Words

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
    """Doubled, then twice fused twice and convolved, added to what comes in. Figure 2."""

    def __init__(self, before: int, after: int, condition: int) -> None:
        super().__init__()
        self.fuse = nn.ModuleList(Affine(condition, c) for c in (before, before, after, after))
        self.convolve = nn.ModuleList(nn.Conv2d(c, after, 3, 1, 1) for c in (before, after))
        self.past = nn.Conv2d(before, after, 1) if before != after else nn.Identity()
        self.share = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        x = interpolate(x, scale_factor=2.0)
        y = x
        for i, convolve in enumerate(self.convolve):
            for fuse in self.fuse[2 * i : 2 * i + 2]:
                y = leaky_relu(fuse(y, condition), 0.2)
            y = convolve(y)
        past: Tensor = self.past(x)
        return past + self.share * y


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
        past: Tensor = avg_pool2d(self.past(x), 2)
        y: Tensor = past + self.share * self.body(x)
        return y


class Discriminator(nn.Module):
    """Images and sentences -> logits N x 1."""

    def __init__(self, recipe: Recipe, words: int, size: int) -> None:
        super().__init__()
        self.words = Words(words, size)
        wide = [recipe.width * min(8, 2**i) for i in range(doublings(recipe.resolution) + 1)]
        blocks = (HalvingBlock(a, b) for a, b in pairwise(wide))
        self.body = nn.Sequential(nn.Conv2d(recipe.channels, wide[0], 3, 1, 1), *blocks)
        mixed = nn.Conv2d(wide[-1] + size, 2 * recipe.width, 3, 1, 1, bias=False)
        self.head = nn.Sequential(mixed, nn.LeakyReLU(0.2), nn.Conv2d(2 * recipe.width, 1, 4, bias=False), nn.Flatten())

    def features(self, image: Tensor) -> Tensor:
        """N x K x 4 x 4."""
        found: Tensor = self.body(image)
        return found

    def judged(self, features: Tensor, sentence: Tensor) -> Tensor:
        spread = sentence[:, :, None, None].expand(-1, -1, *features.shape[2:])
        logits: Tensor = self.head(torch.cat((features, spread), 1)).float()
        return logits

    def forward(self, image: Tensor, sentence: Tensor) -> Tensor:
        return self.judged(self.features(image), sentence)


def build(recipe: Recipe, data: Dataset) -> Adversary:
    if not isinstance(data, Captioned):
        raise BadData(f"{recipe.dataset} has no captions")
    words, size = len(data.vocabulary), max(1, int(option(recipe, "sentence", 256)))
    generator, discriminator = Generator(recipe, words, size), Discriminator(recipe, words, size)

    def fakes(turn: Turn) -> Tensor:
        def make() -> Tensor:
            tokens = turn.real["tokens"]
            with torch.set_grad_enabled("generator" in turn.due):
                latent = normal_latent(len(tokens), recipe.latent_dim, device=tokens.device)
                made: Tensor = generator(latent, generator.words(tokens)).float()
                return made

        images: Tensor = turn.once("fakes", make)
        return images

    def discriminate(turn: Turn) -> Tensor:
        image, tokens = turn.real["image"].detach().requires_grad_(), turn.real["tokens"]
        sentence = discriminator.words(tokens)
        features = discriminator.features(image)
        matched = discriminator.judged(features, sentence)
        other = (tokens.roll(1, 0) != tokens).any(1, keepdim=True)
        wrong = relu(1 + discriminator.judged(features, sentence.roll(1, 0))) * other
        fake = relu(1 + discriminator(fakes(turn).detach(), sentence))
        slopes = torch.autograd.grad(matched.sum(), (image, sentence), create_graph=True)
        steep = torch.stack([slope.float().flatten(1).square().sum(1) for slope in slopes]).sum(0)
        held = SLOPE * steep.pow(POWER / 2).mean()
        return relu(1 - matched).mean() + 0.5 * (fake.mean() + wrong.mean()) + held

    def generate(turn: Turn) -> Tensor:
        with torch.no_grad():
            sentence = discriminator.words(turn.real["tokens"])
        return losses.linear_g(discriminator(fakes(turn), sentence))

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        network = networks["generator"]
        assert isinstance(network, Generator)
        latent = normal_latent(n, recipe.latent_dim, generator=generator).to(given["tokens"].device)
        images: Tensor = network(latent, network.words(given["tokens"]))
        return images

    moves = (Move("discriminator", discriminate), Move("generator", generate, every=recipe.d_steps))
    return Adversary(
        networks={"generator": generator, "discriminator": discriminator},
        players=players(recipe),
        phases=(Phase("adversarial", moves),),
        sample=sample,
    )
