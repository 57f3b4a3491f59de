"""The baseline for tables: each column as it is distributed, held together by the correlations of a normal distribution.

A network that does not beat it knows nothing that ranks of pairs do not say. Codes of categories take part in their order.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.adversary import Adversary, Batch, Networks
from models.contract import Recipe
from models.data.dataset import Dataset

TASKS = ("tabular",)
DEFAULTS = {"ema_half_life_kimg": 0.0}
QUANTILES = 1001


class Copula(nn.Module):
    """Quantiles of each column, and the root of the correlations of their normal scores."""

    quantiles: Tensor
    root: Tensor

    def __init__(self, columns: int, independent: bool = False) -> None:
        super().__init__()
        self.independent = independent
        self.register_buffer("quantiles", torch.zeros(QUANTILES, columns))
        self.register_buffer("root", torch.eye(columns))

    def fit(self, batch: Batch) -> None:
        rows = batch["row"]
        order = rows.sort(0).values
        at = torch.linspace(0, len(rows) - 1, QUANTILES, device=rows.device).round().long()
        self.quantiles.copy_(order[at])
        if self.independent:
            return
        rank = torch.empty_like(rows)
        for i in range(rows.shape[1]):  # equal values share the middle of their ranks
            below = torch.searchsorted(order[:, i].contiguous(), rows[:, i].contiguous())
            upto = torch.searchsorted(order[:, i].contiguous(), rows[:, i].contiguous(), right=True)
            rank[:, i] = (below + upto) / (2 * len(rows))
        scores = torch.special.ndtri(rank.double().clamp(1e-4, 1 - 1e-4))
        correlations = torch.corrcoef(scores.T).nan_to_num() + 1e-3 * torch.eye(rows.shape[1], device=rows.device)
        values, vectors = torch.linalg.eigh(correlations)
        root = vectors * values.clamp(min=1e-6).sqrt()
        self.root.copy_(root / root.norm(dim=1, keepdim=True))

    def forward(self, n: int, generator: torch.Generator) -> Tensor:
        """n x C rows, drawn on the CPU; every value is one that was seen."""
        scores = torch.randn(n, len(self.root), generator=generator).to(self.root) @ self.root.T
        at = (torch.special.ndtr(scores) * (QUANTILES - 1)).round().long()
        return self.quantiles.gather(0, at)


def copula(data: Dataset, independent: bool) -> Adversary:
    fitted = Copula(data.fields["row"].shape[1], independent)

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        rows: Tensor = networks["generator"](n, generator)
        return rows

    return Adversary(networks={"generator": fitted}, players={}, phases=(), sample=sample, averaged=(), begin=fitted.fit)


def build(recipe: Recipe, data: Dataset) -> Adversary:
    return copula(data, independent=False)
