"""Two sets of images without pairs: `a` is given, the outputs shall look like `b`. Each is drawn in an order of its own.

A folder holds two folders of images, the given ones in the first by name. The sets by slug are parts of real sets, or derived from
them, as each function here says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import Image, ImageFilter, ImageOps
from torch import Tensor

from models.contract import Recipe
from models.data import path_of
from models.data.dataset import BadData, Dataset, Images
from models.data.folder import read_folder
from models.data.grid import grid
from models.data.images import divided, fit, source
from models.data.photos import patches, photographs

SHOWN = 32
BRUSH = 7
SHADES = 3
"""Bits that a painted colour keeps."""


@dataclass(frozen=True, kw_only=True)
class Unpaired(Dataset):
    """`a` and `b`, uint8 NxCxHxW, of different N."""

    kind: ClassVar[str] = "image-unpaired"
    output: ClassVar[str] = "b"

    def picture(self, samples: Tensor, path: Path) -> None:
        """Input and what was made of it, side by side."""
        made = self.uncast(samples[:SHOWN]).cpu()
        given = self.reference["a"][torch.arange(len(made)) % len(self.reference["a"])]
        grid(torch.cat((given, made), dim=3), path)


def load(recipe: Recipe) -> Unpaired:
    """Raises BadData for an unknown slug, a folder of another form, or fewer than two images on a side."""
    sides = _folder(recipe) if path_of(recipe.dataset) is not None else _known(recipe)
    fields, reference = dict[str, Tensor](), dict[str, Tensor]()
    for name, images in zip("ab", sides, strict=True):
        if len(images.pixels) < 2:
            raise BadData(f"side {name} of {recipe.dataset} has {len(images.pixels)} images; two are the least")
        pixels = fit(torch.from_numpy(images.pixels), recipe.resolution, recipe.channels)
        train, held = divided(images)
        fields[name] = pixels[train[: recipe.samples]]
        reference[name] = pixels[held]
    if not all(map(len, reference.values())):
        reference = fields
    return Unpaired(
        slug=recipe.dataset,
        sha256=hashlib.sha256("".join(images.sha256 for images in sides).encode()).hexdigest(),
        fields=fields,
        streams=(("a",), ("b",)),
        reference=reference,
        reference_held_out=reference is not fields,
        conditions=("a",),
        skipped=tuple(name for images in sides for name in images.skipped),
    )


def _known(recipe: Recipe) -> tuple[Images, Images]:
    if recipe.dataset not in SIDES:
        raise BadData(f"data set {recipe.dataset!r} is not in two parts; known are {', '.join(SIDES)} and folder:PATH")
    return SIDES[recipe.dataset](recipe)


def _folder(recipe: Recipe) -> tuple[Images, Images]:
    path = path_of(recipe.dataset)
    assert path is not None
    images = read_folder(path, recipe.resolution, recipe.channels)
    names = sorted({inside.name for inside in path.iterdir() if inside.is_dir()})
    if images.labels is None or images.labels.max() != 1:
        raise BadData(f"{path} must hold two folders of images, not {', '.join(names) or 'none'}")
    return _only(images, images.labels == 0), _only(images, images.labels == 1)


def _only(images: Images, chosen: np.ndarray) -> Images:
    digest = hashlib.sha256(images.sha256.encode() + chosen.tobytes()).hexdigest()
    return Images(np.ascontiguousarray(images.pixels[chosen]), None, digest, images.skipped if chosen[0] else [])


def thin_and_thick(recipe: Recipe) -> tuple[Images, Images]:
    """Of each digit the third with the least ink, and the third with the most. Real digits, nothing is derived."""
    images = source(replace(recipe, dataset="mnist-5k"))
    assert images.labels is not None
    ink = images.pixels.mean((1, 2, 3))
    thin, thick = np.zeros(len(ink), bool), np.zeros(len(ink), bool)
    for label in np.unique(images.labels):
        mine = images.labels == label
        low, high = np.quantile(ink[mine], (1 / 3, 2 / 3))
        thin |= mine & (ink <= low)
        thick |= mine & (ink >= high)
    return _only(images, thin), _only(images, thick)


def photos_and_paintings(recipe: Recipe) -> tuple[Images, Images]:
    """Squares of photographs, and of the same photographs as a program paints them: the commonest colour under a brush, few shades."""

    def painted(photo: np.ndarray) -> np.ndarray:
        canvas = ImageOps.posterize(Image.fromarray(photo).filter(ImageFilter.ModeFilter(BRUSH)), SHADES)
        return np.asarray(ImageOps.autocontrast(canvas))

    return patches(), patches([painted(photo) for photo in photographs()])


SIDES: dict[str, Callable[[Recipe], tuple[Images, Images]]] = {
    "thin-thick-digits": thin_and_thick,
    "photos-paintings": photos_and_paintings,
}
