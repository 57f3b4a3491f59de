"""Small images and the large ones they were made from: each `input` pixel is the mean of a square of `target` pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from models.contract import Recipe
from models.data.dataset import BadData
from models.data.images import fit, source
from models.data.pairs import ImagePairs, portions

SCALES = (2, 4, 8)
SCALE = 4
"""What most of the published figures are for."""


@dataclass(frozen=True, kw_only=True)
class SuperResolution(ImagePairs):
    kind: ClassVar[str] = "super-resolution"

    @property
    def scale(self) -> int:
        """How many times the target's side is that of the input."""
        return self.fields["target"].shape[-1] // self.fields["input"].shape[-1]


def load(recipe: Recipe) -> SuperResolution:
    """Any set or folder of images, at the recipe's resolution and, `options.scale` (4) times smaller, as the input.

    Raises BadData as images do, ValueError for a scale that is not 2, 4 or 8 or does not divide the resolution.
    """
    scale = recipe.options.get("scale", SCALE)
    if scale not in SCALES:
        raise ValueError(f"recipe.options.scale must be one of {SCALES}, not {scale!r}")
    if recipe.resolution % int(scale) or recipe.resolution // int(scale) < 2:
        raise ValueError(f"recipe.resolution {recipe.resolution} cannot be made {scale} times smaller")
    images = source(recipe)
    if min(images.pixels.shape[-2:]) < recipe.resolution // 2:
        raise BadData(f"{recipe.dataset} has images of {min(images.pixels.shape[-2:])} px, too small for {recipe.resolution} px")
    target = fit(torch.from_numpy(images.pixels), recipe.resolution, recipe.channels)
    return SuperResolution(**portions({"input": shrunk(target, int(scale)), "target": target}, images, recipe))


def shrunk(pixels: Tensor, scale: int) -> Tensor:
    """uint8 NxCxHxW -> NxCx(H/scale)x(W/scale) of means."""
    return torch.cat([avg_pool2d(part.float(), scale).round().to(torch.uint8) for part in torch.split(pixels, 256)])
