"""Shapes as clouds of points: of the user's files, or handwritten digits as reliefs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.contract import Recipe
from models.data import images, known, path_of
from models.data.dataset import BadData, Dataset
from models.data.grid import keep
from models.data.own import array, files, parts

LENGTH = 256
"""Points where the recipe does not say; publications take 2,048."""
MOST_LENGTH = 16_384
MOST_BYTES = 1_000_000_000
SHOWN = 16
SIDE = 128
"""Pixels of a drawn shape."""


@dataclass(frozen=True, kw_only=True)
class Points(Dataset):
    """`points`: N x P x 3 in no order, each shape centred in the unit ball."""

    kind: ClassVar[str] = "point-cloud"
    output: ClassVar[str] = "points"

    def picture(self, samples: Tensor, path: Path) -> None:
        """Each shape turned a little to the side; nearer points are darker."""
        columns = 4
        rows = -(-min(len(samples), SHOWN) // columns)
        page = np.full((rows * SIDE, columns * SIDE), 255, np.uint8)
        angle = torch.tensor(0.6)
        for i, cloud in enumerate(samples[:SHOWN].float().cpu()):
            x = cloud[:, 0] * angle.cos() + cloud[:, 2] * angle.sin()
            near = cloud[:, 2] * angle.cos() - cloud[:, 0] * angle.sin()
            across, down = (((v + 1.1) / 2.2 * (SIDE - 2)).clamp(0, SIDE - 2).long().numpy() for v in (x, -cloud[:, 1]))
            shade = (160 - 160 * ((near + 1) / 2).clamp(0, 1)).to(torch.uint8).numpy()
            for dx in (0, 1):
                for dy in (0, 1):
                    page[i // columns * SIDE + down + dy, i % columns * SIDE + across + dx] = shade
        keep(Image.fromarray(page).resize((columns * SIDE * 2, rows * SIDE * 2), Image.Resampling.NEAREST), path)


def load(recipe: Recipe) -> Points:
    """Raises BadData for an unknown slug, files that hold no points, or shapes of fewer points than the recipe wants."""
    length = recipe.length or LENGTH
    if length > MOST_LENGTH:
        raise BadData(f"a shape has at most {MOST_LENGTH} points here, the recipe wants {length}")
    path = path_of(recipe.dataset)
    if path is not None:
        shapes = (
            list(array(path, "points", 3))
            if path.suffix == ".npz"
            else [_text(one) for one in files(path, (".xyz", ".pts"), MOST_BYTES)]
        )
        whole = torch.stack([chosen(shape, length) for shape in shapes])
    elif recipe.dataset == "digits-points":
        digits = images.load(replace(recipe, dataset="digits", channels=1, classes=0, samples=None, resolution=32))
        whole = relief(digits, length)
    else:
        raise BadData(
            f"data set {recipe.dataset!r} is not known; known are {', '.join(known())}, npz:PATH and folder:PATH of .xyz files"
        )
    whole = unit(whole)
    return Points(
        slug=recipe.dataset, sha256=hashlib.sha256(whole.numpy().tobytes()).hexdigest(), **parts({"points": whole}, recipe)
    )


def chosen(shape: np.ndarray, length: int) -> Tensor:
    """`length` points of a shape, drawn without repeating, the same each time. Raises BadData when it has fewer."""
    if shape.ndim != 2 or shape.shape[1] < 3 or len(shape) < length:
        raise BadData(f"a shape holds {' x '.join(map(str, shape.shape))} numbers, wanted are at least {length} x 3")
    if not np.isfinite(shape[:, :3]).all():
        raise BadData("a shape holds numbers that are not finite")
    return torch.from_numpy(shape[np.random.default_rng(0).permutation(len(shape))[:length], :3]).float()


def unit(shapes: Tensor) -> Tensor:
    """Each shape moved and scaled so that its box is centred and its farthest point has distance 1."""
    centre = (shapes.amax(1, keepdim=True) + shapes.amin(1, keepdim=True)) / 2
    centred = shapes - centre
    whole: Tensor = centred / centred.norm(dim=2).amax(1)[:, None, None].clamp(min=1e-9)
    return whole


def relief(digits: Dataset, length: int) -> Tensor:
    """N x P x 3: points inside each digit, denser where it is darker, which is also where it is thicker."""
    pixels = torch.cat(
        (digits.fields["image"], digits.reference["image"]) if digits.reference_held_out else (digits.fields["image"],)
    )
    side = pixels.shape[-1]
    ink = (pixels.flatten(1).float() / 255 - 0.5).clamp(min=0)  # the faint edges of an enlarged digit are no stroke
    rng = torch.Generator().manual_seed(0)
    place = torch.multinomial(ink + 1e-9, length, replacement=True, generator=rng)
    x, y = place % side, side - 1 - place // side
    jitter = torch.rand(3, *place.shape, generator=rng)
    depth = ink.gather(1, place) * side / 4 * (2 * jitter[2] - 1)
    return torch.stack((x + jitter[0], y + jitter[1], depth), 2)


def _text(path: Path) -> np.ndarray:
    """Numbers of a text file, a point a line."""
    try:
        return np.loadtxt(path, ndmin=2)
    except (OSError, ValueError) as error:
        raise BadData(f"{path.name} cannot be read as rows of numbers: {str(error)[:100]}") from error
