"""What every kind of data shares: the user's own files, and the cut into training and held-out samples."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from models.contract import Recipe
from models.data.dataset import BadData
from models.data.images import split

MOST_BYTES = 4_000_000_000
"""Of an unpacked array; it is held in memory."""


def files(path: Path, suffixes: tuple[str, ...], most_bytes: int) -> list[Path]:
    """The file itself, or every file of these suffixes under a folder, in a fixed order; links that lead out are not followed.

    Raises BadData when there is none or they hold more bytes than `most_bytes`.
    """
    root = path.resolve()
    inside = sorted(path.rglob("*")) if path.is_dir() else [path]
    found = [p for p in inside if p.suffix.lower() in suffixes and p.is_file() and p.resolve().is_relative_to(root)]
    if not found:
        raise BadData(f"no file with {', '.join(suffixes)} at {path}")
    size = sum(p.stat().st_size for p in found)
    if size > most_bytes:
        raise BadData(f"{path.name} holds {size / 1e6:.0f} MB, the most that is read is {most_bytes / 1e6:.0f} MB")
    return found


def parts(whole: Mapping[str, Tensor], recipe: Recipe) -> dict[str, Any]:
    """The arguments of a Dataset that say which samples are trained on and which are held out: one stream of all fields."""
    n = len(next(iter(whole.values())))
    if n < 2:
        raise BadData(f"{recipe.dataset} has {n} usable samples; two are the least that can be trained on")
    train, held = split(n)
    fields = {name: values[train[: recipe.samples]] for name, values in whole.items()}
    reference = {name: values[held] for name, values in whole.items()} if len(held) else fields
    return {"fields": fields, "streams": (tuple(fields),), "reference": reference, "reference_held_out": len(held) > 0}


def array(path: Path, name: str, dimensions: int | tuple[int, ...]) -> np.ndarray:
    """The array of this name, or the first, of an npz file. Raises BadData for another shape, or more bytes than fit in memory;
    nothing is unpickled."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                raise BadData(f"{path.name} unpacks to more than {MOST_BYTES / 1e9:.0f} GB")
        with np.load(path, allow_pickle=False) as arrays:
            found: np.ndarray = arrays[name if name in arrays else arrays.files[0]]
    except (OSError, ValueError, IndexError, zipfile.BadZipFile) as error:
        raise BadData(f"{path.name} cannot be read as npz: {error}") from error
    wanted = dimensions if isinstance(dimensions, tuple) else (dimensions,)
    if found.ndim not in wanted or not len(found) or found.dtype.kind not in "buif" or not np.isfinite(found).all():
        raise BadData(
            f"{name} in {path.name} is {found.dtype} of shape {found.shape}, wanted are numbers in "
            f"{' or '.join(map(str, wanted))} dimensions"
        )
    return found
