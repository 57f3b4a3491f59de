"""Captions beside images: a caption as one vector, a judge of both, and the game that two players play over pairs of them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from models.adversary import Adversary, Batch, Move, Networks, Phase, Turn, players
from models.contract import Recipe
from models.data.captions import Captioned
from models.data.dataset import BadData, Dataset
from models.parts import normal_latent

Image = Tensor
Side = Callable[[Turn, Image], Tensor]
"""The loss of one side, of a step and its generated images."""


def vocabulary(recipe: Recipe, data: Dataset) -> int:
    """How many words the captions know. Raises BadData where there are no captions."""
    if not isinstance(data, Captioned):
        raise BadData(f"{recipe.dataset} has no captions")
    return len(data.vocabulary)


class Words(nn.Module):
    """N x length numbers of words -> N x size: the mean of the words' vectors, through a layer."""

    def __init__(self, words: int, size: int) -> None:
        super().__init__()
        self.table = nn.Embedding(words, size, padding_idx=0)
        self.layer = nn.Linear(size, size)

    def forward(self, tokens: Tensor) -> Tensor:
        count = (tokens != 0).sum(1, keepdim=True).clamp(min=1)
        y: Tensor = self.layer(self.table(tokens).sum(1) / count)
        return y


def beside(features: Tensor, sentence: Tensor) -> Tensor:
    """N x C x h x w and N x K -> N x (C + K) x h x w: the sentence at every place."""
    return torch.cat((features, sentence[:, :, None, None].expand(-1, -1, *features.shape[2:])), 1)


class Judge(nn.Module):
    """Images and sentences -> logits N x 1: `body` makes C x 4 x 4 of the image, `head` a logit of it beside the sentence."""

    def __init__(self, words: Words, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.words, self.body, self.head = words, body, head

    def judged(self, features: Tensor, sentence: Tensor) -> Tensor:
        logits: Tensor = self.head(beside(features, sentence)).float().flatten(1)
        return logits

    def forward(self, image: Tensor, sentence: Tensor) -> Tensor:
        return self.judged(self.body(image), sentence)


def joint(features: int, size: int, kernel: int) -> nn.Sequential:
    """The head of a DCGAN that is told a sentence: a convolution over both, then one over all places."""
    mixed = nn.Conv2d(features + size, features, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(mixed, nn.BatchNorm2d(features), nn.LeakyReLU(0.2), nn.Conv2d(features, 1, 4))


def mismatched(judge: Judge, features: Tensor, sentence: Tensor, tokens: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
    """Mean loss of real images with the caption of their neighbour; 0 where that is the same."""
    other = (tokens.roll(1, 0) != tokens).any(1, keepdim=True)
    return (loss(judge.judged(features, sentence.roll(1, 0))) * other).mean()


def matching(judge: Judge, real: Tensor, fake: Tensor, tokens: Tensor) -> Tensor:
    """Logistic loss in which generated images and mismatched real ones weigh half each: arXiv:1605.05396 algorithm 1."""
    sentence, features = judge.words(tokens), judge.body(real)
    wrong = mismatched(judge, features, sentence, tokens, softplus)
    generated = softplus(judge(fake, sentence)).mean()
    return softplus(-judge.judged(features, sentence)).mean() + 0.5 * (generated + wrong)


def told(recipe: Recipe, generator: nn.Module, judge: Judge, d_loss: Side, g_loss: Side) -> Adversary:
    """A game over captions between `generator(latent, sentence)`, which has its own `words`, and a judge."""

    def fakes(turn: Turn) -> Tensor:
        def make() -> Tensor:
            tokens = turn.real["tokens"]
            with torch.set_grad_enabled("generator" in turn.due):
                latent = normal_latent(len(tokens), recipe.latent_dim, device=tokens.device)
                images: Tensor = generator(latent, generator.words(tokens))  # type: ignore[operator]
                return images.float()

        made: Tensor = turn.once("fakes", make)
        return made

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        network, tokens = networks["generator"], given["tokens"]
        latent = normal_latent(n, recipe.latent_dim, generator=generator).to(tokens.device)
        images: Tensor = network(latent, network.words(tokens))  # type: ignore[operator]
        return images

    moves = (
        Move("discriminator", lambda turn: d_loss(turn, fakes(turn).detach())),
        Move("generator", lambda turn: g_loss(turn, fakes(turn)), every=recipe.d_steps),
    )
    return Adversary(
        networks={"generator": generator, "discriminator": judge},
        players=players(recipe),
        phases=(Phase("adversarial", moves),),
        sample=sample,
    )
