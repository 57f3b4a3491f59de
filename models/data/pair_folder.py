"""Pairs of the user's own: two folders with the same file names, or pictures that hold both images side by side."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from models.data.dataset import BadData, Images
from models.data.folder import FORMATS, MOST_BROKEN, MOST_BYTES, MOST_PIXELS, fitted, image_files, read_image


def read_pairs(folder: Path, resolution: int, channels: int) -> tuple[Tensor, Images]:
    """Inputs as uint8 NxCxSxS, and the targets; of two folders the first by name holds the inputs.

    Raises BadData when nothing pairs, or more than a tenth is broken.
    """
    if not folder.is_dir():
        raise BadData(f"{folder} is not a folder")
    files = list(image_files(folder))
    if len(files) * 2 * resolution**2 * channels > MOST_BYTES:
        raise BadData(f"{len(files)} images at {resolution} px are more than {MOST_BYTES / 1e9:.0f} GB; take a lower resolution")
    inside = {path.relative_to(folder).parts[0] for path in files if len(path.relative_to(folder).parts) > 1}
    if not inside:
        return _read([(path,) for path in files], lambda path: _halves(path, resolution, channels))
    if len(inside) != 2:
        raise BadData(f"{folder} holds {len(inside)} folders with images ({', '.join(sorted(inside)[:5])}); pairs need two")
    first, second = sorted(inside, key=str.lower)
    by_name = [
        {path.relative_to(folder / side).with_suffix(""): path for path in image_files(folder / side)} for side in (first, second)
    ]
    both = sorted(set(by_name[0]) & set(by_name[1]))
    if not both:
        raise BadData(f"no file in {first} has the name of one in {second}")
    given, images = _read(
        [(by_name[0][name], by_name[1][name]) for name in both],
        lambda *pair: (read_image(pair[0], resolution, channels), read_image(pair[1], resolution, channels)),
    )
    images.skipped += [f"{name} has no partner" for name in sorted(set(by_name[0]) ^ set(by_name[1]))]
    return given, images


def _halves(path: Path, resolution: int, channels: int) -> tuple[np.ndarray, np.ndarray]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise ValueError(f"{width} x {height} pixels")
            if width != 2 * height:
                raise ValueError(f"{width} x {height} pixels, a pair side by side is twice as wide as high")
            boxes = (0, 0, height, height), (height, 0, width, height)
            left, right = (fitted(image.crop(box), resolution, channels) for box in boxes)
            return left, right


def _read(paths: Iterable[tuple[Path, ...]], read: Callable[..., Any]) -> tuple[Tensor, Images]:
    """Every pair that can be read; the names of the others."""
    paths, given, wanted, skipped, digest = list(paths), [], [], [], hashlib.sha256()
    for pair in paths:
        try:
            left, right = read(*pair)
        except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            skipped.append(f"{pair[0].name}: {str(error)[:100]}")
            if len(skipped) > max(1, MOST_BROKEN * len(paths)):
                raise BadData(f"too many of {len(paths)} pairs are broken, such as {'; '.join(skipped[:3])}") from error
            continue
        given.append(left)
        wanted.append(right)
        digest.update(left.tobytes() + right.tobytes())
    if not given:
        raise BadData("no pair of images could be read")
    return torch.from_numpy(np.stack(given)), Images(np.stack(wanted), None, digest.hexdigest(), skipped)
