"""Differentiable augmentation of real and generated images alike, arXiv:2006.10738, written from the paper."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.nn.functional import pad

from models.ada import Ada


def flip(x: Tensor) -> Tensor:
    """Each image mirrored left to right with probability one half."""
    return torch.where(_uniform(x) < 0.5, x.flip(3), x)


def colour(x: Tensor) -> Tensor:
    """Brightness within 0.5, saturation times 0..2, contrast times 0.5..1.5."""
    x = x + (_uniform(x) - 0.5)
    grey = x.mean(1, keepdim=True)
    x = (x - grey) * (_uniform(x) * 2) + grey
    mean = x.mean((1, 2, 3), keepdim=True)
    return (x - mean) * (_uniform(x) + 0.5) + mean


def translation(x: Tensor) -> Tensor:
    """Shifted by up to an eighth of the side both ways, empty places filled with 0 (mid grey)."""
    n, _, height, width = x.shape
    most = max(1, height // 8)
    shift = torch.randint(-most, most + 1, (2, n, 1), device=x.device)
    rows = (torch.arange(height, device=x.device) + shift[0] + most).clamp(0, height + 2 * most - 1)
    columns = (torch.arange(width, device=x.device) + shift[1] + most).clamp(0, width + 2 * most - 1)
    wide = pad(x, (most, most, most, most)).permute(0, 2, 3, 1)
    each = torch.arange(n, device=x.device)[:, None, None]
    return wide[each, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def cutout(x: Tensor) -> Tensor:
    """A square of half the side set to 0, its centre anywhere in the image."""
    n, _, height, width = x.shape
    centre = torch.randint(0, height, (n, 1, 1), device=x.device), torch.randint(0, width, (n, 1, 1), device=x.device)
    row = torch.arange(height, device=x.device)[None, :, None]
    column = torch.arange(width, device=x.device)[None, None, :]
    half = height // 4
    inside = ((row - centre[0] + half) // (2 * half) == 0) & ((column - centre[1] + half) // (2 * half) == 0)
    return x * (~inside).unsqueeze(1)


AUGMENTATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "colour": colour,
    "translation": translation,
    "cutout": cutout,
    "flip": flip,
}


def augmentation(names: Iterable[str]) -> Callable[[Tensor], Tensor]:
    """The named augmentations in order, on NxCxHxW in [-1, 1], `ada` after the others. Raises ValueError for an unknown name."""
    names = tuple(names)
    for name in names:
        if name not in (*AUGMENTATIONS, "ada"):
            raise ValueError(f"augmentation {name!r} is not known; known are {', '.join(AUGMENTATIONS)} and ada")

    def augment(x: Tensor) -> Tensor:
        for name in names:
            x = AUGMENTATIONS[name](x) if name != "ada" else x
        return x

    return Ada(augment) if "ada" in names else augment


def _uniform(x: Tensor) -> Tensor:
    return torch.rand(len(x), 1, 1, 1, device=x.device)
