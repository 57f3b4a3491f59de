"""StackGAN, Zhang et al. 2017, arXiv:1612.03242: a sketch from the sentence, then the image from sketch and sentence.

Section 3.2: the sentence becomes a normal distribution of 128 numbers (`options.condition`), drawn from for every image, and its
divergence from the standard normal is added (weight 2, as the authors' code has it). Section 3.3: stage I, a quarter of the size.
Section 3.4: stage II halves the sketch twice, joins the sentence, goes through residual blocks and doubles to full size; stage I no
longer moves. Generators are twice as wide as discriminators, which see image and sentence, and real images with the wrong caption as
generated. Adam 2e-4 with beta1 0.5, batch 64, half of the budget each; the paper's rates fall, here they stay. Layers are those of the
authors' PyTorch code. Its sentences come from a trained encoder, which no package ships: here the mean of word vectors, learnt within
the game. Below 32 px the sketch is 8 px.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu, relu

from models.adversary import Adversary, Batch, Move, Networks, Phase, Player, Turn, adam
from models.blocks import doubled
from models.contract import Recipe
from models.data.dataset import Dataset
from models.losses import non_saturating_g
from models.parts import Reshape, dcgan_discriminator, doublings, normal_init
from models.translation import option
from models.words import Judge, Words, beside, joint, matching, vocabulary

TASKS = ("text-to-image",)
DEFAULTS = {"batch_size": 64, "latent_dim": 100, "width": 64, "lr_g": 2e-4, "lr_d": 2e-4, "beta1": 0.5, "beta2": 0.999}
DIVERGENCE = 2.0


class Conditioning(nn.Module):
    """Captions -> a draw N x size from the normal distribution that each becomes, and its divergence from the standard one."""

    def __init__(self, words: int, size: int) -> None:
        super().__init__()
        self.words, self.layer = Words(words, size), nn.Linear(size, 2 * size)

    def forward(self, tokens: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_spread = self.layer(leaky_relu(self.words(tokens), 0.2)).float().chunk(2, 1)
        spread = log_spread.exp()
        divergence: Tensor = 0.5 * (mean.square() + spread.square() - 1 - 2 * log_spread).mean()
        return mean + spread * noise, divergence


def convolved(before: int, after: int, *, halved: bool = False) -> list[nn.Module]:
    """3x3, or 4x4 that halves; BatchNorm and ReLU."""
    kernel, stride = (4, 2) if halved else (3, 1)
    return [nn.Conv2d(before, after, kernel, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]


class Residual(nn.Module):
    """Two 3x3 convolutions, batch-normalised, added to what comes in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*convolved(width, width), *convolved(width, width)[:-1])

    def forward(self, x: Tensor) -> Tensor:
        return relu(x + self.body(x))


class Doubling(nn.Sequential):
    """So many times doubled and convolved to half the width, then an image in -1..1."""

    def __init__(self, width: int, times: int, channels: int) -> None:
        blocks = [nn.Sequential(*convolved(width >> i, width >> (i + 1))) for i in range(times)]
        super().__init__(*blocks, nn.Conv2d(width >> times, channels, 3, 1, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        *blocks, last = self
        for block in blocks:
            x = block(doubled(x))
        return torch.tanh(last(x)).float()


class Sketch(nn.Module):
    """Stage I: noise and captions -> small images in -1..1."""

    def __init__(self, recipe: Recipe, side: int, words: int, size: int) -> None:
        super().__init__()
        times = doublings(side)
        wide = recipe.width << times
        self.condition = Conditioning(words, size)
        first = (nn.Linear(recipe.latent_dim + size, wide * 16, bias=False), nn.BatchNorm1d(wide * 16), nn.ReLU())
        self.body = nn.Sequential(*first, Reshape(wide, 4), Doubling(wide, times, recipe.channels))

    def forward(self, latent: Tensor, tokens: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        sentence, divergence = self.condition(tokens, noise)
        return self.body(torch.cat((latent, sentence), 1)), divergence


class Refined(nn.Module):
    """Stage II: sketches and captions -> images of full size in -1..1. `begun` says whether it has moved."""

    begun: Tensor

    def __init__(self, recipe: Recipe, side: int, words: int, size: int, blocks: int) -> None:
        super().__init__()
        width, halvings = 2 * recipe.width, min(2, doublings(side, 4))
        wide = width << halvings
        self.condition = Conditioning(words, size)
        down = [layer for i in range(halvings) for layer in convolved(width << i, width << (i + 1), halved=True)]
        self.down = nn.Sequential(nn.Conv2d(recipe.channels, width, 3, 1, 1, bias=False), nn.ReLU(), *down)
        self.blocks = nn.Sequential(*convolved(wide + size, wide), *(Residual(wide) for _ in range(blocks)))
        self.up = Doubling(wide, halvings + (recipe.resolution // side).bit_length() - 1, recipe.channels)
        self.register_buffer("begun", torch.zeros((), dtype=torch.bool))

    def forward(self, sketch: Tensor, tokens: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        sentence, divergence = self.condition(tokens, noise)
        return self.up(self.blocks(beside(self.down(sketch), sentence))), divergence


def discriminator(recipe: Recipe, side: int, words: int, size: int) -> Judge:
    """Images and captions -> logits. What is wider than 8 widths at 4x4 is narrowed to that."""
    *body, _, _ = dcgan_discriminator(side, recipe.channels, recipe.width)
    wide = recipe.width << (doublings(side) - 1)
    while wide > 8 * recipe.width:
        wide //= 2
        body += [nn.Conv2d(2 * wide, wide, 3, 1, 1, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2)]
    return Judge(Words(words, size), nn.Sequential(*body), joint(wide, size, 3))


def build(recipe: Recipe, data: Dataset) -> Adversary:
    words, size = vocabulary(recipe, data), max(1, int(option(recipe, "condition", 128)))
    side = max(8, recipe.resolution // 4)
    sketch = Sketch(recipe, side, words, size)
    refined = Refined(recipe, side, words, size, max(1, int(option(recipe, "blocks", 4))))
    judges = tuple(discriminator(recipe, pixels, words, size) for pixels in (side, recipe.resolution))
    for network in (sketch, refined, *judges):
        normal_init(network)

    def made(turn: Turn, stage: int) -> tuple[Tensor, Tensor]:
        """Images of a stage and the divergence of its sentences."""

        def make() -> tuple[Tensor, Tensor]:
            tokens = turn.real["tokens"]
            latent, *noise = (torch.randn(len(tokens), k, device=tokens.device) for k in (recipe.latent_dim, size, size))
            with torch.set_grad_enabled("sketch" in turn.due):
                small, divergence = sketch(latent, tokens, noise[0])
            if stage == 0:
                return small, divergence
            with torch.set_grad_enabled("generator" in turn.due):
                full: tuple[Tensor, Tensor] = refined(small, tokens, noise[1])
                return full

        found: tuple[Tensor, Tensor] = turn.once("made", make)
        return found

    def discriminate(turn: Turn, stage: int) -> Tensor:
        image = turn.real["image"]
        real = image if stage else avg_pool2d(image, recipe.resolution // side)
        return matching(judges[stage], real, made(turn, stage)[0].detach(), turn.real["tokens"])

    def generate(turn: Turn, stage: int) -> Tensor:
        (images, divergence), judge = made(turn, stage), judges[stage]
        return non_saturating_g(judge(images, judge.words(turn.real["tokens"]))) + DIVERGENCE * divergence

    def begin_refining() -> None:
        refined.begun.fill_(True)

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        tokens = given["tokens"]
        latent, *noise = (torch.randn(n, k, generator=generator).to(tokens.device) for k in (recipe.latent_dim, size, size))
        small = networks["sketch"](latent, tokens, noise[0])[0]
        if not refined.begun:
            return interpolate(small, size=(recipe.resolution, recipe.resolution))
        images: Tensor = networks["generator"](small, tokens, noise[1])[0]
        return images

    step_g, step_d = adam(recipe.lr_g, recipe.beta1, recipe.beta2), adam(recipe.lr_d, recipe.beta1, recipe.beta2)
    sketching = (
        Move("sketch_judge", lambda turn: discriminate(turn, 0)),
        Move("sketch", lambda turn: generate(turn, 0), every=recipe.d_steps),
    )
    refining = (
        Move("discriminator", lambda turn: discriminate(turn, 1)),
        Move("generator", lambda turn: generate(turn, 1), every=recipe.d_steps, then=begin_refining),
    )
    return Adversary(
        networks={"sketch": sketch, "generator": refined, "sketch_judge": judges[0], "discriminator": judges[1]},
        players={
            "sketch": Player(("sketch",), step_g),
            "sketch_judge": Player(("sketch_judge",), step_d),
            "generator": Player(("generator",), step_g),
            "discriminator": Player(("discriminator",), step_d),
        },
        phases=(Phase("sketch", sketching), Phase("refinement", refining)),
        sample=sample,
        averaged=("sketch", "generator"),
    )
