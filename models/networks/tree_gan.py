"""tree-GAN, Shu, Park and Kwon 2019, arXiv:1905.06292.

Section 3: the generator grows a tree from one node of 96 normal numbers. At each of seven levels every node branches (1, 2,
2, 2, 2, 2, 64 times, 2,048 points in all) and takes its own features through an inner layer ten times as wide, the support of
eq. 4, and to them those of all its ancestors; features 96, 256, 256, 256, 128, 128, 128, 3. WGAN-GP (weight 10), Adam 1e-4
with 0 and 0.99, batch 20, five critic updates for one. The critic here is the PointNet of r-gan. With fewer points the last
branching is less; their number must be a multiple of 32.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from models import losses
from models.adversary import Adversary, duel
from models.contract import Recipe
from models.data.dataset import Dataset
from models.networks.r_gan import PointNet, he
from models.parts import normal_latent

TASKS = ("point-cloud",)
DEFAULTS = {
    "batch_size": 20,
    "latent_dim": 96,
    "width": 64,
    "lr_g": 1e-4,
    "lr_d": 1e-4,
    "beta1": 0.0,
    "beta2": 0.99,
    "d_steps": 5,
    "gradient_penalty": 10.0,
}
ON_CPU = {"batch_size": 16, "width": 16, "lr_g": 1e-3, "lr_d": 1e-3, "d_steps": 2}
BRANCHES = (1, 2, 2, 2, 2, 2)
SUPPORT = 10


class Level(nn.Module):
    """N x nodes x features of each level so far -> the next level: branched, then convolved with its ancestors."""

    def __init__(self, sizes: list[int], nodes: int, branches: int, out: int, last: bool) -> None:
        super().__init__()
        own = sizes[-1]
        self.nodes, self.branches, self.last = nodes, branches, last
        self.ancestors = nn.ModuleList(nn.Linear(size, out, bias=False) for size in sizes)
        self.branch = nn.Parameter(torch.empty(nodes, own, branches * own).uniform_(-1, 1) / own**0.5)
        self.loop = nn.Sequential(nn.Linear(own, own * SUPPORT, bias=False), nn.Linear(own * SUPPORT, out, bias=False))
        self.bias = nn.Parameter(torch.zeros(branches, out).uniform_(-1, 1) / out**0.5)

    def forward(self, tree: list[Tensor]) -> Tensor:
        n, nodes = len(tree[-1]), self.nodes * self.branches
        above = sum(
            linear(level).repeat_interleave(self.nodes // level.shape[1], 1)
            for linear, level in zip(self.ancestors, tree, strict=True)
        )
        children = leaky_relu(torch.einsum("nif,ifg->nig", tree[-1], self.branch), 0.2).reshape(n, nodes, -1)
        grown: Tensor = self.loop(children) + above.repeat_interleave(self.branches, 1) + self.bias.repeat(self.nodes, 1)
        return grown if self.last else leaky_relu(grown, 0.2)


class Generator(nn.Module):
    """N x latent -> N x P x 3."""

    def __init__(self, latent_dim: int, points: int, width: int) -> None:
        super().__init__()
        nodes = 32
        if points % nodes:
            raise ValueError(f"recipe.length must be a multiple of {nodes}, not {points}")
        branches = (*BRANCHES, points // nodes)
        features = (latent_dim, 4 * width, 4 * width, 4 * width, 2 * width, 2 * width, 2 * width, 3)
        levels, count = list[nn.Module](), 1
        for i, times in enumerate(branches):
            levels.append(Level(list(features[: i + 1]), count, times, features[i + 1], i == len(branches) - 1))
            count *= times
        self.levels = nn.ModuleList(levels)

    def forward(self, latent: Tensor) -> Tensor:
        tree = [latent[:, None]]
        for level in self.levels:
            tree.append(level(tree))
        return tree[-1]


def build(recipe: Recipe, data: Dataset) -> Adversary:
    return duel(
        recipe,
        Generator(recipe.latent_dim, data.fields["points"].shape[1], recipe.width),
        he(PointNet(recipe.width)),
        latent=normal_latent,
        d_loss=losses.wasserstein_d,
        g_loss=losses.linear_g,
        penalty=lambda judge, real, fake: recipe.gradient_penalty * losses.gradient_penalty(judge, real, fake),
        real=lambda batch: batch["points"],
        channels_last=False,
    )
