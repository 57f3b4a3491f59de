"""SeqGAN, Yu, Zhang, Wang and Yu 2016, arXiv:1609.05473.

Algorithm 1: the generator is trained by likelihood, the discriminator on its samples, then both in turn: policy gradient (eq. 8),
whose reward of a word is the mean judgement of 16 completions drawn after it by the current generator (eq. 4). LSTM of 32, batch 64,
an update of the generator for 15 of the discriminator. The discriminator: convolutions of 12 window sizes, each by its maximum over the
sentence, one highway layer, dropout 0.25. The mean reward of each position is subtracted, which leaves the expected gradient as it is.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax, relu

from models import losses
from models.adversary import Adversary, Batch, Move, Networks, Phase, Player, Turn, adam
from models.contract import Recipe
from models.data.dataset import Dataset
from models.data.text import Sentences
from models.tokens import TokenLSTM, draw, likelihood, said

TASKS = ("text",)
DEFAULTS = {
    "batch_size": 64,
    "width": 32,
    "lr_g": 1e-2,
    "lr_d": 1e-4,
    "beta1": 0.9,
    "beta2": 0.999,
    "d_steps": 15,
    "options": {"rollouts": 16},
}
ON_CPU = {"options": {"rollouts": 4}}
WINDOWS = {1: 100, 2: 200, 3: 200, 4: 200, 5: 200, 6: 100, 7: 100, 8: 100, 9: 100, 10: 100, 15: 160, 20: 160}
"""Words under a kernel -> kernels, at a width of 32."""


class Discriminator(nn.Module):
    """N x L words -> N logits: convolutions of many widths, each by its maximum over the sentence."""

    def __init__(self, words: int, length: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, 2 * width)
        windows = {size: max(1, kernels * width // 32) for size, kernels in WINDOWS.items() if size <= length}
        self.convolutions = nn.ModuleList(nn.Conv1d(2 * width, kernels, size) for size, kernels in windows.items())
        features = sum(windows.values())
        self.gate, self.inner = nn.Linear(features, features), nn.Linear(features, features)
        self.dropout, self.head = nn.Dropout(0.25), nn.Linear(features, 1)
        nn.init.constant_(self.gate.bias, -2)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens).transpose(1, 2)
        x = torch.cat([relu(convolution(x)).amax(2) for convolution in self.convolutions], 1)
        gate = self.gate(x).sigmoid()
        logits: Tensor = self.head(self.dropout(gate * relu(self.inner(x)) + (1 - gate) * x))
        return logits[:, 0]


@torch.no_grad()
def completions(generator: TokenLSTM, tokens: Tensor, times: int) -> Tensor:
    """(L-1) x times x N x L: the first 1, 2 ... L-1 words of each sentence with the rest drawn anew.

    The prefixes grow side by side: at each place those that already draw take one step together with the one that joins them.
    """
    n, length = tokens.shape
    own, state, known = list[tuple[Tensor, Tensor]](), None, tokens.repeat(times, 1)
    for place in range(length - 1):
        _, state = generator.step(known[:, place - 1] if place else None, state, len(known))
        own.append(state)
    drawn, last, moving = tokens.new_empty(0, length), tokens.new_empty(0), None
    for place in range(1, length):
        hidden, cell = own[place - 1]
        if moving is not None:
            hidden, cell = torch.cat((moving[0], hidden), 1), torch.cat((moving[1], cell), 1)
        last = torch.cat((last, known[:, place - 1]))
        chances, moving = generator.step(last, (hidden, cell), len(last))
        last = draw(chances)
        drawn = torch.cat((drawn, known))
        drawn[:, place] = last
    whole = drawn.view(length - 1, times, n, length)
    return torch.where(said(whole.flatten(0, 2)).view_as(whole), whole, 0)


def build(recipe: Recipe, data: Dataset) -> Adversary:
    assert isinstance(data, Sentences)
    length, times = data.fields["tokens"].shape[1], int(recipe.options.get("rollouts", 16))
    generator = TokenLSTM(len(data.vocabulary), recipe.width)
    discriminator = Discriminator(len(data.vocabulary), length, recipe.width)

    def fakes(turn: Turn) -> Tensor:
        made: Tensor = turn.once("fakes", lambda: generator.sample(len(turn.real["tokens"]), length))
        return made

    def discriminate(turn: Turn) -> Tensor:
        return losses.logistic_d(discriminator(turn.real["tokens"]).float(), discriminator(fakes(turn)).float())

    @torch.no_grad()
    def rewards(tokens: Tensor) -> Tensor:
        """N x L: the probability of being real, of each word as its completions have it."""
        drawn = completions(generator, tokens, times)
        discriminator.eval()
        judged = discriminator(drawn.flatten(0, 2)).float().sigmoid().view(*drawn.shape[:-1]).mean(1)
        whole = discriminator(tokens).float().sigmoid()
        discriminator.train()
        return torch.cat((judged, whole[None])).T

    def reinforce(turn: Turn) -> Tensor:
        tokens = fakes(turn)
        gain, inside = rewards(tokens), said(tokens)
        log_chances = log_softmax(generator(tokens).float(), -1).gather(2, tokens[..., None])[..., 0]
        return -(log_chances * (gain - gain.mean(0)))[inside].mean()

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        drawn: Tensor = networks["generator"].sample(n, length, generator)  # type: ignore[operator]
        return drawn

    judge = Move("discriminator", discriminate)
    return Adversary(
        networks={"generator": generator, "discriminator": discriminator},
        players={
            "likelihood": Player(("generator",), adam(recipe.lr_g, recipe.beta1, recipe.beta2)),
            "generator": Player(("generator",), adam(recipe.lr_g, recipe.beta1, recipe.beta2)),
            "discriminator": Player(("discriminator",), adam(recipe.lr_d, recipe.beta1, recipe.beta2)),
        },
        phases=(
            Phase("likelihood", (Move("likelihood", partial(likelihood, generator)),), share=0.6),
            Phase("discriminator", (judge,), share=0.1),
            Phase("adversarial", (judge, Move("generator", reinforce, every=recipe.d_steps)), share=0.3),
        ),
        sample=sample,
        channels_last=False,
    )
