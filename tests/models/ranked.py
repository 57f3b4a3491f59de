"""A game whose step follows from its batch alone, so that two processes must play it as one does: `python -m tests.models.ranked FILE`
is the second process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from models import ranks
from models.ada import Ada
from models.adversary import Adversary, Batch, Move, Networks, Phase, Turn, players
from models.game import Game
from models.losses import logistic_d, r1
from tests.models import tiny

STEPS = 9


def network(seed: int, out: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 24), nn.Tanh(), nn.Linear(24, out))


def game() -> Game:
    """A penalty that is a gradient of a gradient, a move that waits for a loss, one that comes every other step, and a strength that
    follows the logits."""
    one = tiny.recipe("gan", batch_size=16, lr_g=1e-2, lr_d=1e-2)
    generator, discriminator, ada = network(0, 64), network(1, 1), Ada(lambda images: images, target=0.0, kimg=0.4)

    def fakes(turn: Turn) -> Tensor:
        made: Tensor = turn.once("fakes", lambda: generator(turn.real["image"].flip(3)).view(-1, 1, 8, 8).tanh())
        return made

    def discriminate(turn: Turn) -> Tensor:
        real = turn.real["image"]
        said = discriminator(real)
        ada.watch(said)
        return logistic_d(said, discriminator(fakes(turn).detach())) + r1(discriminator, real)

    def generate(turn: Turn) -> Tensor:
        loss: Tensor = -discriminator(fakes(turn)).mean()
        return loss

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        return torch.zeros(n, 1, 8, 8)

    moves = (
        Move("discriminator", discriminate, above=1.3, then=ada.adapt),
        Move("generator", generate, every=2),
    )
    networks = {"generator": generator, "discriminator": discriminator, "augmentation": ada}
    adversary = Adversary(networks=networks, players=players(one), phases=(Phase("all", moves),), sample=sample)
    return Game(adversary, one, tiny.data(one), torch.device("cpu"))


def played() -> dict[str, Tensor]:
    whole = tiny.moved(game(), STEPS)
    return {f"{n}.{key}": value.clone() for n, net in whole.networks.items() for key, value in net.state_dict().items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    ranks.join(Path(sys.argv[1]), 1, 2)
    played()
    ranks.leave()
    os._exit(
        0
    )  # a thread that gloo has not joined yet would abort a process that ends in the usual way, once in some hundred times
