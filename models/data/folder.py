"""Images of the user's own: a folder, or an npz file."""

from __future__ import annotations

import hashlib
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from models.data.dataset import BadData, Images

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
"""What a file may hold whatever its name: Pillow would hand others, such as EPS, to a program."""
MOST_PIXELS = 64_000_000
"""A larger picture counts as broken: a decompression bomb, or no training image."""
MOST_BROKEN = 0.1
MOST_BYTES = 4_000_000_000
"""Of decoded training data; it is held in memory."""


def image_files(folder: Path) -> Iterator[Path]:
    """Image files under a folder in a fixed order. Links that lead out of it are not followed."""
    root = folder.resolve()
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file() and path.resolve().is_relative_to(root):
            yield path


def read_folder(folder: Path, resolution: int, channels: int) -> Images:
    """Every image of a folder, shorter side scaled to the resolution, centre cropped; folders directly inside are the classes.

    Transparent pixels become white, 16-bit greys keep their upper eight bits. Raises BadData when there is no folder, no image, more
    than a tenth of them is broken, or they would not fit in memory.
    """
    if not folder.is_dir():
        raise BadData(f"{folder} is not a folder")
    files = list(image_files(folder))
    if len(files) * resolution**2 * channels > MOST_BYTES:
        raise BadData(f"{len(files)} images at {resolution} px are more than {MOST_BYTES / 1e9:.0f} GB; take a lower resolution")
    names = sorted({path.relative_to(folder).parts[0] for path in files if len(path.relative_to(folder).parts) > 1})
    pixels, labels, skipped, digest = list[np.ndarray](), list[int](), list[str](), hashlib.sha256()
    for path in files:
        inside = path.relative_to(folder)
        try:
            pixels.append(read_image(path, resolution, channels))
        except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            skipped.append(f"{inside}: {str(error)[:100]}")
            if len(skipped) > max(1, MOST_BROKEN * len(files)):
                raise BadData(f"too many of {len(files)} images are broken, such as {'; '.join(skipped[:3])}") from error
            continue
        labels.append(names.index(inside.parts[0]) if len(inside.parts) > 1 else -1)
        digest.update(f"{inside}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    if not pixels:
        raise BadData(f"no image in {folder}; read are {', '.join(sorted(SUFFIXES))}")
    known = np.array(labels) if names and min(labels) >= 0 else None
    return Images(np.stack(pixels), known, digest.hexdigest(), skipped)


def read_image(path: Path, resolution: int, channels: int) -> np.ndarray:
    """One image as uint8 CxSxS. Raises OSError, ValueError or SyntaxError for a file Pillow cannot read, ValueError for a huge one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"{image.width} x {image.height} pixels")
            image.draft("RGB", (resolution, resolution))
            return fitted(image, resolution, channels)


def fitted(image: Image.Image, resolution: int, channels: int) -> np.ndarray:
    """Eight bits, no transparency, square, uint8 CxSxS."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, np.float32)
        image = Image.fromarray((values / 257 if values.max(initial=0) > 255 else values).clip(0, 255).astype(np.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L" if channels == 1 else "RGB")
    scale = resolution / min(image.size)
    width, height = (max(resolution, round(side * scale)) for side in image.size)
    image = image.resize((width, height), Image.Resampling.LANCZOS)
    left, top = (width - resolution) // 2, (height - resolution) // 2
    square = np.asarray(image.crop((left, top, left + resolution, top + resolution)))
    return square[None] if channels == 1 else np.ascontiguousarray(square.transpose(2, 0, 1))


def read_npz(path: Path) -> Images:
    """`images` (uint8 or float in 0..1, NxHxW, NxHxWxC or NxCxHxW) and, when there, `labels` (N whole numbers) of an npz file.

    Raises BadData for another shape, an object array, or more bytes than fit in memory; nothing is unpickled.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                raise BadData(f"{path.name} unpacks to more than {MOST_BYTES / 1e9:.0f} GB")
        with np.load(path, allow_pickle=False) as arrays:
            name = "images" if "images" in arrays else arrays.files[0]
            pixels = arrays[name]
            labels = arrays["labels"].astype(np.int64).ravel() if "labels" in arrays else None
    except (OSError, ValueError, IndexError, zipfile.BadZipFile) as error:
        raise BadData(f"{path.name} cannot be read: {error}") from error
    if pixels.ndim == 3:
        pixels = pixels[:, None]
    elif pixels.ndim == 4 and pixels.shape[-1] in (1, 3):
        pixels = pixels.transpose(0, 3, 1, 2)
    if pixels.ndim != 4 or pixels.shape[1] not in (1, 3):
        raise BadData(f"{name} in {path.name} has shape {pixels.shape}, wanted is NxHxW, NxHxWxC or NxCxHxW with 1 or 3 channels")
    if labels is not None and (len(labels) != len(pixels) or labels.min(initial=0) < 0):
        raise BadData(f"{len(labels)} labels for {len(pixels)} images in {path.name}, or one below zero")
    if pixels.dtype != np.uint8:
        if not np.isfinite(pixels).all() or pixels.min() < 0 or pixels.max() > 1:
            raise BadData(f"{name} in {path.name} is {pixels.dtype} outside 0..1")
        pixels = np.rint(pixels * 255).astype(np.uint8)
    pixels = np.ascontiguousarray(pixels)
    return Images(pixels, labels, hashlib.sha256(pixels.tobytes() + (b"" if labels is None else labels.tobytes())).hexdigest())
