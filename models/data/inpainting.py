"""Images with holes: `mask` is 1 where pixels are missing, `input` is the `target` with mid grey there.

A third of the holes are boxes, the others strokes of a brush. Each image has one of a thousand holes, by its place in the set.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from PIL import Image, ImageDraw

from models.contract import Recipe
from models.data.images import fit, source
from models.data.pairs import ImagePairs, portions

GREY = 128
SEED = 20
HOLES = 1000
STROKES = (2, 5)
LEAST, MOST = 0.1, 0.5
"""Part of an image that is missing."""


@dataclass(frozen=True, kw_only=True)
class Inpainting(ImagePairs):
    """Beside `input` and `target`: `mask`, bool Nx1xHxW."""

    kind: ClassVar[str] = "inpainting"


def load(recipe: Recipe) -> Inpainting:
    """Any set or folder of images, with holes. Raises BadData as images do."""
    images = source(recipe)
    target = fit(torch.from_numpy(images.pixels), recipe.resolution, recipe.channels)
    holes = np.stack([hole(recipe.resolution, number) for number in range(min(HOLES, len(target)))])
    mask = torch.from_numpy(holes)[torch.arange(len(target)) % len(holes), None]
    given = target.masked_fill(mask, GREY)
    data = Inpainting(**portions({"input": given, "target": target, "mask": mask}, images, recipe))
    return replace(data, conditions=("input", "mask"))


def hole(side: int, number: int) -> np.ndarray:
    """Bool side x side, between a tenth and a half of it true; the same for the same number."""
    rng = np.random.default_rng((SEED, number))
    while True:
        canvas = Image.new("1", (side, side))
        draw = ImageDraw.Draw(canvas)
        (_box if rng.random() < 1 / 3 else _strokes)(draw, side, rng)
        found: np.ndarray = np.asarray(canvas)
        if LEAST <= found.mean() <= MOST:
            return found


def _box(draw: ImageDraw.ImageDraw, side: int, rng: np.random.Generator) -> None:
    width, height = rng.uniform(0.3, 0.7, 2) * side
    left, top = rng.uniform(0, 1, 2) * (side - width, side - height)
    draw.rectangle((left, top, left + width, top + height), fill=1)


def _strokes(draw: ImageDraw.ImageDraw, side: int, rng: np.random.Generator) -> None:
    for _ in range(rng.integers(*STROKES)):
        at, thick = rng.uniform(0, side, 2), max(1, round(rng.uniform(0.08, 0.2) * side))
        for _ in range(rng.integers(1, 5)):
            angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.5) * side
            to = (at + far * np.array((np.cos(angle), np.sin(angle)))).clip(0, side)
            draw.line((*at, *to), fill=1, width=thick)
            draw.ellipse((*(to - thick / 2), *(to + thick / 2)), fill=1)
            at = to
