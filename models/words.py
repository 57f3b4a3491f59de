"""A caption as one vector."""

from __future__ import annotations

from torch import Tensor, nn


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
