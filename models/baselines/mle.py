"""The baseline for text: the language model of SeqGAN trained by maximum likelihood alone, arXiv:1609.05473 section 4.

It is trained, not fitted, with the time that a candidate gets: what adversarial training adds is what the race asks. Compared fairly it
has mostly won (arXiv:1811.02549), and the verdict then says so.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from models.adversary import Adversary, Batch, Move, Networks, Phase, Player, adam
from models.contract import Recipe
from models.data.dataset import Dataset
from models.data.text import Sentences
from models.tokens import TokenLSTM, likelihood

TASKS = ("text",)
DEFAULTS = {"batch_size": 64, "width": 32, "lr_g": 1e-2, "beta1": 0.9, "beta2": 0.999}


def build(recipe: Recipe, data: Dataset) -> Adversary:
    assert isinstance(data, Sentences)
    generator = TokenLSTM(len(data.vocabulary), recipe.width)
    length = data.fields["tokens"].shape[1]

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        drawn: Tensor = networks["generator"].sample(n, length, generator)  # type: ignore[operator]
        return drawn

    return Adversary(
        networks={"generator": generator},
        players={"generator": Player(("generator",), adam(recipe.lr_g, recipe.beta1, recipe.beta2))},
        phases=(Phase("likelihood", (Move("generator", partial(likelihood, generator)),)),),
        sample=sample,
        channels_last=False,
    )
