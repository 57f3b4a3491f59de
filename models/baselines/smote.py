"""SMOTE, Chawla et al. 2002, arXiv:1106.1813, as a baseline for tables: rows between a training row and one of its nearest.

Section 4.2: the neighbour is one of five, the place between them uniform. Section 6.1 (SMOTE-NC): a category that differs counts as far
as a standard deviation, and the new row has the category that most of the five have. It oversamples one class there, all rows here.
What it makes is near to copies: read `nearest_training_row` beside its figure.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.adversary import Adversary, Batch, Networks
from models.contract import Recipe
from models.data.dataset import Dataset
from models.data.table import Table

TASKS = ("tabular",)
DEFAULTS = {"ema_half_life_kimg": 0.0}
NEIGHBOURS = 5
MOST_ROWS = 10_000
AT_ONCE = 500
"""Rows drawn at a time; each is compared with all."""


class Between(nn.Module):
    """The standard deviation of each column is all it keeps: the rows stay with the data, so that a checkpoint holds none."""

    scale: Tensor

    def __init__(self, kinds: Tensor, whole: Tensor) -> None:
        super().__init__()
        self.kinds, self.whole = kinds, whole
        self.register_buffer("scale", torch.ones(len(kinds)))

    def fit(self, batch: Batch) -> None:
        self.scale.copy_(batch["row"].std(0).clamp(min=1e-9))

    def forward(self, rows: Tensor, places: Tensor, generator: torch.Generator) -> Tensor:
        """The new rows n x C that begin at these places (n,) of the rows N x C, on the CPU."""
        chosen, numbers = rows[places], ~self.kinds
        scale = self.scale.cpu()[numbers]
        far = torch.cdist(chosen[:, numbers] / scale, rows[:, numbers] / scale).square()
        for i in self.kinds.nonzero().ravel():
            far += chosen[:, i, None] != rows[:, i]
        far[torch.arange(len(places)), places] = torch.inf
        near = rows[far.topk(min(NEIGHBOURS, len(rows) - 1), largest=False).indices]
        one = near[torch.arange(len(near)), torch.randint(near.shape[1], (len(near),), generator=generator)]
        new = chosen + torch.rand(len(near), 1, generator=generator) * (one - chosen)
        new = torch.where(self.whole, new.round(), new)
        return torch.where(self.kinds, near.mode(1).values, new)


def build(recipe: Recipe, data: Dataset) -> Adversary:
    assert isinstance(data, Table)
    rows = data.fields["row"][:MOST_ROWS]
    kinds = torch.tensor([bool(column.categories) for column in data.columns])
    between = Between(kinds, torch.tensor([column.whole for column in data.columns]))

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        places = torch.split(torch.randint(len(rows), (n,), generator=generator), AT_ONCE)
        return torch.cat([networks["generator"](rows, some, generator) for some in places]).to(between.scale.device)

    return Adversary(networks={"generator": between}, players={}, phases=(), sample=sample, averaged=(), begin=between.fit)
