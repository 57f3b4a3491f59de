"""GAN-INT-CLS, Reed et al. 2016, arXiv:1605.05396: the first network from sentences to images.

Section 4.1: the sentence, squeezed to 128 numbers (`options.sentence`), joins the noise of a DCGAN generator, and the features of its
discriminator at 4x4. Section 4.2: real images with the wrong caption count as generated, with half the weight. Section 4.3: the
generator is also judged on means of two captions (`options.interpolation`, their weight; a short run learns better without).
Section 5: Adam 2e-4 with beta1 0.5, batch 64, noise of 100. The paper takes its sentences from a trained encoder, which no package
ships: here the mean of word vectors, learnt within the game, one table for each side. Any power of two from 8 px on.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models import losses
from models.adversary import Adversary, Batch, Move, Networks, Phase, Turn, players
from models.contract import Recipe
from models.data.captions import Captioned
from models.data.dataset import BadData, Dataset
from models.parts import dcgan_discriminator, dcgan_generator, doublings, normal_init, normal_latent
from models.translation import option
from models.words import Words

TASKS = ("text-to-image",)
DEFAULTS = {"batch_size": 64, "latent_dim": 100, "width": 64, "lr_g": 2e-4, "lr_d": 2e-4, "beta1": 0.5, "beta2": 0.999}
ON_CPU = {"options": {"interpolation": 0.0}}


class Generator(nn.Module):
    """Noise N x latent and sentences N x size -> images in -1..1."""

    def __init__(self, recipe: Recipe, words: int, size: int) -> None:
        super().__init__()
        self.words = Words(words, size)
        self.body = dcgan_generator(recipe.resolution, recipe.channels, recipe.latent_dim + size, recipe.width)

    def forward(self, latent: Tensor, sentence: Tensor) -> Tensor:
        images: Tensor = self.body(torch.cat((latent, sentence), 1))
        return images


class Discriminator(nn.Module):
    """Images and sentences -> logits N x 1."""

    def __init__(self, recipe: Recipe, words: int, size: int) -> None:
        super().__init__()
        self.words = Words(words, size)
        self.body = dcgan_discriminator(recipe.resolution, recipe.channels, recipe.width)[:-2]
        wide = recipe.width * 2 ** (doublings(recipe.resolution) - 1)
        mixed = (nn.Conv2d(wide + size, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2))
        self.head = nn.Sequential(*mixed, nn.Conv2d(wide, 1, 4))

    def forward(self, image: Tensor, sentence: Tensor) -> Tensor:
        features = self.body(image)
        spread = sentence[:, :, None, None].expand(-1, -1, *features.shape[2:])
        logits: Tensor = self.head(torch.cat((features, spread), 1))
        return logits.flatten(1).float()


def build(recipe: Recipe, data: Dataset) -> Adversary:
    if not isinstance(data, Captioned):
        raise BadData(f"{recipe.dataset} has no captions")
    words, size = len(data.vocabulary), max(1, int(option(recipe, "sentence", 128)))
    weight = option(recipe, "interpolation", 1.0)
    generator, discriminator = Generator(recipe, words, size), Discriminator(recipe, words, size)
    normal_init(generator)
    normal_init(discriminator)

    def made(sentence: Tensor) -> Tensor:
        images: Tensor = generator(normal_latent(len(sentence), recipe.latent_dim, device=sentence.device), sentence)
        return images.float()

    def fakes(turn: Turn) -> Tensor:
        def make() -> Tensor:
            with torch.set_grad_enabled("generator" in turn.due):
                return made(generator.words(turn.real["tokens"]))

        images: Tensor = turn.once("fakes", make)
        return images

    def discriminate(turn: Turn) -> Tensor:
        image, tokens = turn.real["image"], turn.real["tokens"]
        said = discriminator.words(tokens)
        other = (tokens.roll(1, 0) != tokens).any(1, keepdim=True)
        wrong = torch.nn.functional.softplus(discriminator(image, said.roll(1, 0))) * other
        pair = losses.logistic_d(discriminator(image, said), discriminator(fakes(turn).detach(), said))
        return pair + 0.5 * wrong.mean()

    def generate(turn: Turn) -> Tensor:
        tokens = turn.real["tokens"]
        straight = losses.non_saturating_g(discriminator(fakes(turn), discriminator.words(tokens)))
        if not weight:
            return straight
        between = [(table(tokens) + table(tokens).roll(1, 0)) / 2 for table in (generator.words, discriminator.words)]
        return straight + weight * losses.non_saturating_g(discriminator(made(between[0]), between[1]))

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
