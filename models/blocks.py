"""Residual, conditional and attentive blocks of image networks, each once.

A condition is a float vector N x K: a one-hot label, or an embedding beside a part of the latent. Every map from it is a linear
layer, so that spectral normalisation finds it.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d, one_hot, relu

from models.contract import Recipe
from models.parts import doublings


def coded(labels: Tensor, classes: int) -> Tensor:
    """Labels N -> one-hot N x classes."""
    return one_hot(labels, classes).float()


def orthogonal_init(network: nn.Module) -> nn.Module:
    """Weights orthogonal, biases 0, in place: arXiv:1809.11096 section 3."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.orthogonal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def orthogonality(network: nn.Module) -> Tensor:
    """Sum of squared products of different filters of each weight, arXiv:1809.11096 eq. 3, not weighted; filters may be long."""
    total = torch.zeros((), device=next(network.parameters()).device)
    for weight in network.parameters():
        if weight.ndim > 1:
            filters = weight.flatten(1)
            smaller = filters if filters.shape[0] <= filters.shape[1] else filters.T  # both products have the same squared sum
            total = total + (smaller @ smaller.T).square().sum() - filters.square().sum(1).square().sum()
    return total


def doubled(x: Tensor) -> Tensor:
    """Each pixel as a square of four."""
    return interpolate(x, scale_factor=2, mode="nearest")


class Norm(nn.Module):
    """BatchNorm whose gain and bias are linear in a condition of K numbers, arXiv:1707.00683; its own with K = 0."""

    def __init__(self, channels: int, inputs: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=inputs == 0)
        self.gain = nn.Linear(inputs, channels, bias=False) if inputs else None
        self.bias = nn.Linear(inputs, channels, bias=False) if inputs else None

    def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
        out: Tensor = self.norm(x)
        if self.gain is not None and self.bias is not None:
            out = out * (1 + self.gain(condition))[:, :, None, None] + self.bias(condition)[:, :, None, None]
        return out


class GeneratorBlock(nn.Module):
    """N x before x s x s -> N x after x 2s x 2s: twice norm, ReLU, 3x3, doubled ahead of the first, beside a 1x1; arXiv:1802.05957
    figure 8. The 1x1 comes before its doubling, which gives the same for a quarter of the work."""

    def __init__(self, before: int, after: int, inputs: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = Norm(before, inputs), Norm(after, inputs)
        self.conv1, self.conv2 = nn.Conv2d(before, after, 3, 1, 1), nn.Conv2d(after, after, 3, 1, 1)
        self.skip = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
        y = self.conv1(doubled(relu(self.norm1(x, condition))))
        y = self.conv2(relu(self.norm2(y, condition)))
        out: Tensor = y + doubled(self.skip(x))
        return out


class DiscriminatorBlock(nn.Module):
    """Twice ReLU, 3x3, halved after the second if `down`, beside a 1x1 where something changes; arXiv:1802.05957 figure 8.
    The first block of a network has no ReLU ahead of it. `norm` puts BatchNorm ahead of each ReLU."""

    def __init__(self, before: int, after: int, *, down: bool, first: bool = False, norm: bool = False) -> None:
        super().__init__()
        self.down, self.first = down, first
        self.conv1, self.conv2 = nn.Conv2d(before, after, 3, 1, 1), nn.Conv2d(after, after, 3, 1, 1)
        self.norm1 = nn.BatchNorm2d(before) if norm and not first else nn.Identity()
        self.norm2 = nn.BatchNorm2d(after) if norm else nn.Identity()
        self.skip = nn.Conv2d(before, after, 1) if down or before != after else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.first else relu(self.norm1(x))
        y = self.conv2(relu(self.norm2(self.conv1(y))))
        if self.down:
            x, y = avg_pool2d(x, 2), avg_pool2d(y, 2)
        out: Tensor = self.skip(x) + y
        return out


class SelfAttention(nn.Module):
    """x + gamma attention(x), gamma from 0 on, arXiv:1805.08318 section 3: an eighth of the channels to compare, half to carry;
    keys and values are pooled 2x2 as in arXiv:1809.11096."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        few, half = max(1, channels // 8), max(1, channels // 2)
        self.query, self.key = nn.Conv2d(channels, few, 1, bias=False), nn.Conv2d(channels, few, 1, bias=False)
        self.value, self.out = nn.Conv2d(channels, half, 1, bias=False), nn.Conv2d(half, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        query = self.query(x).flatten(2)
        key, value = max_pool2d(self.key(x), 2).flatten(2), max_pool2d(self.value(x), 2).flatten(2)
        weights = torch.softmax(query.transpose(1, 2) @ key, -1)
        seen = (value @ weights.transpose(1, 2)).view(len(x), -1, *x.shape[2:])
        out: Tensor = x + self.gamma * self.out(seen)
        return out


class ResnetGenerator(nn.Module):
    """Latent, and label where there are classes, -> N x channels x s x s in [-1, 1].

    At 32 px and below 4 widths throughout, arXiv:1802.05957 table 4; above, 16 widths at 4x4 down to one, arXiv:1809.11096 appendix B.
    `embedding` numbers for a label and a part of the latent reach every block, as in BigGAN; 0 conditions on the label alone.
    `attention` stands where the image has half its size.
    """

    def __init__(self, recipe: Recipe, *, embedding: int = 0, attention: bool = False) -> None:
        super().__init__()
        n = doublings(recipe.resolution)
        widths = [recipe.width * (4 if n <= 3 else min(16, 2 ** (n - i))) for i in range(n + 1)]
        self.classes, self.parts = recipe.classes, n + 1 if embedding else 1
        part, rest = divmod(recipe.latent_dim, self.parts)
        if rest or not part:
            raise ValueError(
                f"recipe.latent_dim must be a multiple of {self.parts} at {recipe.resolution} px, not {recipe.latent_dim}"
            )
        self.shared = nn.Linear(recipe.classes, embedding, bias=False) if embedding and recipe.classes else nn.Identity()
        about = (embedding or recipe.classes) if recipe.classes else 0
        inputs = about + (part if embedding else 0)
        self.first = nn.Linear(part, widths[0] * 16)
        self.blocks = nn.ModuleList(GeneratorBlock(a, b, inputs) for a, b in pairwise(widths))
        self.attention = SelfAttention(widths[-2]) if attention else nn.Identity()
        self.norm = nn.BatchNorm2d(widths[-1])
        self.last = nn.Conv2d(widths[-1], recipe.channels, 3, 1, 1)

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        about = None if label is None else self.shared(coded(label, self.classes))
        first, *rest = latent.chunk(self.parts, 1)
        x = self.first(first).view(len(latent), -1, 4, 4)
        for number, block in enumerate(self.blocks):
            if number == len(self.blocks) - 1:
                x = self.attention(x)
            condition = about
            if rest:
                condition = rest[number] if about is None else torch.cat((about, rest[number]), 1)
            x = block(x, condition)
        return torch.tanh(self.last(relu(self.norm(x))))


class ResnetDiscriminator(nn.Module):
    """N x channels x s x s -> N x `outputs`; where there are classes and one output, the label's projection on the features is added,
    arXiv:1802.05637 eq. 3.

    At 32 px and below 2 widths throughout and a last map of 8x8, arXiv:1802.05957 table 4; above, one width up to 16 at 4x4.
    """

    def __init__(self, recipe: Recipe, *, outputs: int = 1, attention: bool = False, norm: bool = False) -> None:
        super().__init__()
        n = doublings(recipe.resolution)
        if n <= 3:
            halvings = max(1, n - 1)
            widths = [2 * recipe.width] * (halvings + 2)
        else:
            halvings, widths = n, [recipe.width * min(16, 2**i) for i in range(n + 1)]
        before = [recipe.channels, *widths]
        self.blocks = nn.ModuleList(
            DiscriminatorBlock(before[i], width, down=i < halvings, first=i == 0, norm=norm) for i, width in enumerate(widths)
        )
        self.attention = SelfAttention(widths[0]) if attention else nn.Identity()
        self.classes = recipe.classes if outputs == 1 else 0
        self.last = nn.Linear(widths[-1], outputs)
        self.project = nn.Linear(self.classes, widths[-1], bias=False) if self.classes else None

    def features(self, images: Tensor) -> Tensor:
        """N x the last width, summed over the map."""
        x = images
        for number, block in enumerate(self.blocks):
            x = block(x) if number else self.attention(block(x))
        return relu(x).sum((2, 3))

    def forward(self, images: Tensor, label: Tensor | None = None) -> Tensor:
        x = self.features(images)
        logits: Tensor = self.last(x)
        if self.project is not None and label is not None:
            logits = logits + (self.project(coded(label, self.classes)) * x).sum(1, keepdim=True)
        return logits
