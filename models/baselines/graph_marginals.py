"""The trivial baseline for molecules: a number of atoms, then each element and each bond by itself, as often as in the training set.

A network that does not beat it knows how common elements and bonds are, and nothing of what goes together.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.adversary import Adversary, Batch, Networks
from models.contract import Recipe
from models.data.dataset import Dataset
from models.data.molecules import BONDS, ELEMENTS

TASKS = ("molecule-graph",)
DEFAULTS = {"ema_half_life_kimg": 0.0}


class GraphMarginals(nn.Module):
    sizes: Tensor
    elements: Tensor
    bonds: Tensor

    def __init__(self, length: int) -> None:
        super().__init__()
        for name, kinds in (("sizes", length + 1), ("elements", len(ELEMENTS)), ("bonds", len(BONDS))):
            self.register_buffer(name, torch.ones(kinds))

    def fit(self, batch: Batch) -> None:
        atoms, bonds = batch["graph"][:, :, 0], batch["graph"][:, :, 1:]
        present = atoms > 0
        pairs = (present[:, :, None] & present[:, None]).tril(-1)
        self.sizes.copy_(present.sum(1).bincount(minlength=len(self.sizes)))
        self.elements.copy_(atoms[present].bincount(minlength=len(ELEMENTS)))
        self.bonds.copy_(bonds[pairs].bincount(minlength=len(BONDS)))

    def forward(self, n: int, generator: torch.Generator) -> Tensor:
        """n x A x (1 + A), drawn on the CPU."""
        length = len(self.sizes) - 1

        def drawn(weights: Tensor, count: int) -> Tensor:
            return torch.multinomial(weights.cpu(), count, replacement=True, generator=generator)

        present = torch.arange(length) < drawn(self.sizes, n)[:, None]
        atoms = drawn(self.elements, n * length).view(n, length) * present
        bonds = drawn(self.bonds, n * length**2).view(n, length, length).tril(-1) * present[:, :, None] * present[:, None]
        return torch.cat((atoms[..., None], bonds + bonds.mT), 2)


def build(recipe: Recipe, data: Dataset) -> Adversary:
    marginals = GraphMarginals(data.fields["graph"].shape[1])

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        graphs: Tensor = networks["generator"](n, generator)
        return graphs

    return Adversary(networks={"generator": marginals}, players={}, phases=(), sample=sample, averaged=(), begin=marginals.fit)
