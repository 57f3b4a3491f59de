"""Aligned pairs of images: `input` is given, `target` is wanted.

A folder holds either two folders with the same file names, or pictures twice as wide as high with the input on the left. The pairs
by slug are derived from real images: their inputs are computed from their targets, as each function here says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d

from models.contract import Recipe
from models.data import path_of
from models.data.dataset import BadData, Dataset, Images
from models.data.grid import grid
from models.data.images import divided, fit, source

SHOWN = 24
"""Pairs in a picture: each is three images wide."""
COLOURS = 8
"""Labels of the label maps made from photographs."""


@dataclass(frozen=True, kw_only=True)
class ImagePairs(Dataset):
    """`input` and `target`, uint8 NxCxHxW."""

    kind: ClassVar[str] = "image-pair"
    output: ClassVar[str] = "target"

    def picture(self, samples: Tensor, path: Path) -> None:
        """Input, what was made of it, and the real target, side by side."""
        made = self.uncast(samples[:SHOWN]).cpu()
        of = torch.arange(len(made)) % self.held
        given, target = self.reference["input"][of], self.reference["target"][of]
        given = interpolate(given.float(), target.shape[-2:], mode="nearest").to(torch.uint8)
        grid(torch.cat((given, made, target), dim=3), path)


def load(recipe: Recipe) -> ImagePairs:
    """Raises BadData for an unknown slug, a folder of another form, or fewer than two pairs."""
    path = path_of(recipe.dataset)
    if path is not None:
        from models.data.pair_folder import read_pairs

        given, images = read_pairs(path, recipe.resolution, recipe.channels)
        return ImagePairs(**portions({"input": given, "target": torch.from_numpy(images.pixels)}, images, recipe))
    if recipe.dataset not in DERIVED:
        raise BadData(f"data set {recipe.dataset!r} holds no pairs; known are {', '.join(DERIVED)} and folder:PATH")
    base, derive = DERIVED[recipe.dataset]
    images = source(replace(recipe, dataset=base))
    whole = {"input": derive(torch.from_numpy(images.pixels)), "target": torch.from_numpy(images.pixels)}
    fitted = {name: fit(values, recipe.resolution, recipe.channels) for name, values in whole.items()}
    return ImagePairs(**portions(fitted, images, recipe))


def portions(whole: dict[str, Tensor], images: Images, recipe: Recipe) -> dict[str, Any]:
    """The arguments of a Dataset whose outputs are made from the field `input`: one stream, divided as the images want it."""
    if len(images.pixels) < 2:
        raise BadData(f"{recipe.dataset} has {len(images.pixels)} usable samples; two are the least that can be trained on")
    train, held = divided(images)
    fields = {name: values[train[: recipe.samples]] for name, values in whole.items()}
    digest = hashlib.sha256(f"{recipe.task}\0{images.sha256}".encode()).hexdigest()
    return {
        "slug": recipe.dataset,
        "sha256": digest,
        "fields": fields,
        "streams": (tuple(fields),),
        "reference": {name: values[held] for name, values in whole.items()} if len(held) else fields,
        "reference_held_out": len(held) > 0,
        "conditions": ("input",),
        "skipped": tuple(images.skipped),
    }


def outlines(pixels: Tensor) -> Tensor:
    """White where a 3x3 neighbourhood holds both ink and paper: the contour of a drawing, 255 or 0."""
    x = pixels.float().mean(1, keepdim=True)
    apart = max_pool2d(x, 3, 1, 1) + max_pool2d(-x, 3, 1, 1)
    ink = x > 127
    return ((apart > 127) & ink).to(torch.uint8) * 255


def label_maps(pixels: Tensor) -> Tensor:
    """Each pixel in the nearest of COLOURS colours of the set, after a 5x5 mean: flat regions, as a label map drawn in colours.

    The colours are k-means centres of pixels taken evenly from the whole set, from a fixed start.
    """
    smooth = avg_pool2d(pixels.float(), 5, 1, 2, count_include_pad=False)
    points = smooth.permute(0, 2, 3, 1).reshape(-1, 3)
    sample = points[:: max(1, len(points) // 20_000)]
    centres = sample[torch.from_numpy(np.random.default_rng(0).choice(len(sample), COLOURS, replace=False))]
    for _ in range(20):
        nearest = torch.cdist(sample, centres).argmin(1)
        centres = torch.stack([sample[nearest == i].mean(0) if (nearest == i).any() else centres[i] for i in range(COLOURS)])
    labels = torch.cat([torch.cdist(part, centres).argmin(1) for part in torch.split(points, 100_000)])
    n, _, height, width = pixels.shape
    return centres.round().to(torch.uint8)[labels].view(n, height, width, 3).permute(0, 3, 1, 2).contiguous()


def greys(pixels: Tensor) -> Tensor:
    """Luma in all three channels."""
    return fit(fit(pixels, pixels.shape[-1], 1), pixels.shape[-1], 3)


DERIVED: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "digit-outlines": ("mnist-5k", outlines),
    "photo-colours": ("photo-patches", greys),
    "photo-labels": ("photo-patches", label_maps),
}
"""Slug -> the images that are the targets, and how their inputs are made."""
