"""Images side by side in one PNG."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

GAP = 2


def grid(images: Tensor, path: Path, columns: int | None = None) -> None:
    """Writes uint8 NxCxHxW (C 1 or 3) as a grid, square unless `columns` says how many stand in a row.

    Small images are enlarged by a whole factor to 64 pixels at least.
    """
    n, channels, height, width = images.shape
    columns = columns or math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    canvas = torch.full((channels, rows * (height + GAP) + GAP, columns * (width + GAP) + GAP), 255, dtype=torch.uint8)
    for i, image in enumerate(images.cpu()):
        top, left = i // columns * (height + GAP) + GAP, i % columns * (width + GAP) + GAP
        canvas[:, top : top + height, left : left + width] = image
    picture = Image.fromarray(canvas[0].numpy() if channels == 1 else canvas.permute(1, 2, 0).contiguous().numpy())
    if scale := 64 // height:
        picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
    keep(picture, path)


def keep(picture: Image.Image, path: Path) -> None:
    """Writes one PNG; the file appears by rename, so a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new.png")
    picture.save(new, optimize=True)
    new.replace(path)
