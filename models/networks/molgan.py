"""MolGAN, De Cao and Kipf 2018, arXiv:1805.11973.

Section 4: from 32 normal numbers an MLP of 128, 256, 512 (tanh) gives all elements and bonds of a graph at once; the critic is a
relational graph convolution of 64, 32 with a gated sum of 128 over the atoms, trained as WGAN-GP (weight 10) on one-hot graphs,
generated ones straight through Gumbel-softmax. Adam 1e-3, five critic updates for one of the generator. What is left out: the reward
network, which optimises a property that the user would have to name, so this is the paper's lambda of 1, and minibatch discrimination,
with which the critic's penalty would mix the batch.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import gumbel_softmax, one_hot

from models import losses
from models.adversary import Adversary, Batch, duel
from models.contract import Recipe
from models.data.dataset import Dataset
from models.data.molecules import BONDS, ELEMENTS
from models.parts import normal_latent

TASKS = ("molecule-graph",)
DEFAULTS = {
    "batch_size": 32,
    "latent_dim": 32,
    "width": 64,
    "lr_g": 1e-3,
    "lr_d": 1e-3,
    "beta1": 0.0,
    "beta2": 0.9,
    "d_steps": 5,
    "gradient_penalty": 10.0,
}
E, B = len(ELEMENTS), len(BONDS)


def packed(elements: Tensor, bonds: Tensor) -> Tensor:
    """N x A x E and N x A x A x B as one N x A x (E + A B)."""
    return torch.cat((elements, bonds.flatten(2)), 2)


class Generator(nn.Module):
    """N x latent -> N x A x (E + A B), one-hot, with the gradient of the soft choice."""

    def __init__(self, latent_dim: int, length: int, width: int) -> None:
        super().__init__()
        self.length = length
        sizes = (latent_dim, 2 * width, 4 * width, 8 * width)
        layers = [nn.Sequential(nn.Linear(a, b), nn.Tanh()) for a, b in pairwise(sizes)]
        self.body = nn.Sequential(*layers)
        self.elements = nn.Linear(sizes[-1], length * E)
        self.bonds = nn.Linear(sizes[-1], length * length * B)

    def forward(self, latent: Tensor) -> Tensor:
        x, n, a = self.body(latent), len(latent), self.length
        bonds = self.bonds(x).float().view(n, a, a, B)
        bonds = gumbel_softmax((bonds + bonds.transpose(1, 2)) / 2, hard=True)
        lower = torch.ones(a, a, device=x.device).tril(-1)[..., None]
        bonds = bonds * lower
        bonds = bonds + bonds.transpose(1, 2)
        alone = torch.eye(a, device=x.device)[..., None] * one_hot(torch.tensor(0, device=x.device), B)
        return packed(gumbel_softmax(self.elements(x).float().view(n, a, E), hard=True), bonds + alone)


class Critic(nn.Module):
    """N x A x (E + A B) -> N: messages over each kind of bond, then a gated sum over the atoms."""

    def __init__(self, width: int) -> None:
        super().__init__()
        sizes = (0, width, width // 2)
        self.own = nn.ModuleList(nn.Linear(a + E, b) for a, b in pairwise(sizes))
        self.along = nn.ModuleList(nn.Linear(a + E, b * (B - 1)) for a, b in pairwise(sizes))
        self.gate, self.value = nn.Linear(width // 2 + E, 2 * width), nn.Linear(width // 2 + E, 2 * width)
        self.head = nn.Sequential(nn.Linear(2 * width, 2 * width), nn.Tanh(), nn.Linear(2 * width, 1))

    def forward(self, graphs: Tensor) -> Tensor:
        n, a, _ = graphs.shape
        x, bonds = graphs[:, :, :E], graphs[:, :, E:].view(n, a, a, B)[..., 1:]
        h = x
        for own, along in zip(self.own, self.along, strict=True):
            messages = torch.einsum("nijb,njbf->nif", bonds, along(h).view(n, a, B - 1, -1))
            h = torch.cat(((own(h) + messages).tanh(), x), 2)
        whole = (self.gate(h).sigmoid() * self.value(h).tanh()).sum(1).tanh()
        logits: Tensor = self.head(whole)
        return logits[:, 0]


def real(batch: Batch) -> Tensor:
    graphs = batch["graph"]
    return packed(one_hot(graphs[:, :, 0], E).float(), one_hot(graphs[:, :, 1:], B).float())


def numbers(graphs: Tensor) -> Tensor:
    """What the generator gives as rows of the data."""
    n, a, _ = graphs.shape
    return torch.cat((graphs[:, :, :E].argmax(2)[..., None], graphs[:, :, E:].view(n, a, a, B).argmax(3)), 2)


def build(recipe: Recipe, data: Dataset) -> Adversary:
    return duel(
        recipe,
        Generator(recipe.latent_dim, data.fields["graph"].shape[1], recipe.width),
        Critic(recipe.width),
        latent=normal_latent,
        d_loss=losses.wasserstein_d,
        g_loss=losses.linear_g,
        penalty=lambda judge, a, b: recipe.gradient_penalty * losses.gradient_penalty(judge, a, b),
        real=real,
        finish=numbers,
        channels_last=False,
    )
