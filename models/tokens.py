"""Building blocks of text networks: a recurrent language model, its likelihood, and drawing from it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softmax

from models.adversary import Turn
from models.data.text import END

State = tuple[Tensor, Tensor]


class TokenLSTM(nn.Module):
    """p(word | words before it): an embedding, one LSTM layer and a linear layer, all of one width."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.start = words
        self.embedding = nn.Embedding(words + 1, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, words)

    def forward(self, tokens: Tensor) -> Tensor:
        """N x L words -> N x L x words logits of each given those before it."""
        before = torch.cat((tokens.new_full((len(tokens), 1), self.start), tokens[:, :-1]), 1)
        logits: Tensor = self.head(self.lstm(self.embedding(before))[0])
        return logits

    def step(self, last: Tensor | None, state: State | None, n: int) -> tuple[Tensor, State]:
        """Probabilities of the next of n sequences after their `last` words; None starts them."""
        last = torch.full((n,), self.start, device=self.head.weight.device) if last is None else last
        hidden, state = self.lstm(self.embedding(last)[:, None], state)
        return softmax(self.head(hidden[:, 0]).float(), -1), state

    @torch.no_grad()
    def sample(self, n: int, length: int, generator: torch.Generator | None = None) -> Tensor:
        """n x length words, each drawn given those before it; END from the first END on."""
        words, state = list[Tensor](), None
        ended = torch.zeros(n, dtype=torch.bool, device=self.head.weight.device)
        for _ in range(length):
            chances, state = self.step(words[-1] if words else None, state, n)
            words.append(draw(chances, generator).masked_fill(ended, END))
            ended = ended | (words[-1] == END)
        return torch.stack(words, 1)


def draw(chances: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """One index a row, by its probability. The generator, where there is one, is the CPU's whatever the device."""
    device = chances.device if generator is None else None
    at = torch.rand(len(chances), 1, generator=generator, device=device).to(chances.device)
    return (chances.cumsum(-1) < at).sum(-1).clamp(max=chances.shape[-1] - 1)


def said(tokens: Tensor) -> Tensor:
    """Which positions belong to the sentence: all up to its first END, and that."""
    end = tokens == END
    return end.cumsum(1) - end.long() == 0


def likelihood(generator: nn.Module, turn: Turn) -> Tensor:
    """Mean negative log-likelihood of a word of the real sentences."""
    tokens = turn.real["tokens"]
    inside = said(tokens)
    return cross_entropy(generator(tokens)[inside].float(), tokens[inside])
