"""Solid shapes as voxels: of the user's npz file, or handwritten digits as reliefs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from models.contract import Recipe
from models.data import images, known, path_of
from models.data.dataset import BadData, Dataset
from models.data.grid import grid
from models.data.own import array, parts

SHOWN = 12
MOST_RESOLUTION = 128


@dataclass(frozen=True, kw_only=True)
class Voxels(Dataset):
    """`voxels`: uint8 N x 1 x R x R x R (height, width, depth), 255 where a shape is solid."""

    kind: ClassVar[str] = "voxel"
    output: ClassVar[str] = "voxels"

    def picture(self, samples: Tensor, path: Path) -> None:
        """Each shape from the front, from above and from its right: brighter is thicker."""
        solid = (samples[:SHOWN, 0] > 0).float()
        views = torch.stack([solid.mean(axis) for axis in (3, 1, 2)], 1).flatten(0, 1)[:, None]
        grid((views / views.amax((1, 2, 3), keepdim=True).clamp(min=1e-6) * 255).to(torch.uint8), path)


def load(recipe: Recipe) -> Voxels:
    """Raises BadData for an unknown slug, and for an npz without N x R x R x R voxels in 0..1."""
    side = recipe.resolution
    if side > MOST_RESOLUTION:
        raise BadData(f"voxels have at most {MOST_RESOLUTION} to a side here, the recipe wants {side}")
    path = path_of(recipe.dataset)
    if path is not None:
        shapes = torch.from_numpy(array(path, "voxels", 4)).float()
        if shapes.min() < 0 or shapes.max() > 1 or len(set(shapes.shape[1:])) > 1:
            raise BadData(
                f"voxels in {path.name} are {tuple(shapes.shape)} in {shapes.min():g}..{shapes.max():g}, not NxRxRxR in 0..1"
            )
        solid = (
            interpolate(shapes[:, None], (side, side, side), mode="trilinear") if shapes.shape[-1] != side else shapes[:, None]
        )
        whole = solid >= 0.5
    elif recipe.dataset == "digits-relief":
        whole = relief(images.load(replace(recipe, dataset="digits", channels=1, classes=0, samples=None)), side)
    else:
        raise BadData(f"data set {recipe.dataset!r} is not known; known are {', '.join(known())}, and npz:PATH")
    return Voxels(
        slug=recipe.dataset,
        sha256=hashlib.sha256(whole.numpy().tobytes()).hexdigest(),
        **parts({"voxels": whole.to(torch.uint8) * 255}, recipe),
    )


def relief(digits: Dataset, side: int) -> Tensor:
    """N x 1 x R x R x R: at each pixel solid on both sides of the middle plane, as far as it is dark, at most half the depth."""
    pixels = torch.cat(
        (digits.fields["image"], digits.reference["image"]) if digits.reference_held_out else (digits.fields["image"],)
    )
    height = pixels[..., None].float() / 255 / 2
    depth = ((torch.arange(side) + 0.5) / side * 2 - 1).abs()
    return height > depth
