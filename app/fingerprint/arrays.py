"""Arrays of numpy: shape and type from the header alone, so nothing is unpickled and a false size costs nothing."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from app.fingerprint.facts import Progress, Refused, file_digest
from app.fingerprint.unpack import METHODS, Archive
from app.vocabulary import ArrayFacts, Data, DataType, Fingerprint, Labels, Task

MOST_BYTES = 50_000_000_000
MOST_HEADER = 65_536


@dataclass(frozen=True)
class Header:
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype


def read(path: Path, progress: Progress) -> Fingerprint:
    """The largest array of the file; `labels` beside it counts. Raises Refused for object arrays, damage, shapes of no known data."""
    try:
        found = list(_headers(path))
    except (
        OSError,
        ValueError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
        SyntaxError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise Refused(f"{path.name} is no array of numpy: {str(error)[:200]}", "malformed") from error
    if not found:
        raise Refused(f"{path.name} holds no array", "empty")
    for header in found:
        if header.dtype.hasobject:
            raise Refused(f"{header.name} in {path.name} holds Python objects, which are never unpickled", "pickle")
        if (claimed := int(np.prod(header.shape, dtype=object)) * header.dtype.itemsize) > MOST_BYTES:
            raise Refused(f"{header.name} in {path.name} claims {claimed:,} bytes; {MOST_BYTES:,} are allowed", "too_large")
    main = max(found, key=lambda h: (h.name == "images", int(np.prod(h.shape, dtype=object)) * h.dtype.itemsize))
    labelled = any(h.name == "labels" and h.shape[:1] == main.shape[:1] for h in found)
    task = Task(data=_data(path, main, labelled))
    progress(1, 1)
    return Fingerprint(
        type=task.data.type,
        samples=main.shape[0],
        bytes=path.stat().st_size,
        sha256=file_digest(path).hex(),
        arrays=tuple(ArrayFacts(name=h.name, shape=h.shape, dtype=str(h.dtype)) for h in found),
        task=task,
    )


def _headers(path: Path) -> list[Header]:
    if path.suffix.lower() == ".npy":
        with path.open("rb") as file:
            return [_header(path.stem, file)]
    with Archive(path) as raw, zipfile.ZipFile(raw) as archive:
        found = []
        for entry in archive.infolist():
            if entry.compress_type not in METHODS:
                raise Refused(f"{entry.filename[:100]!r} is packed by method {entry.compress_type}; deflate it", "method")
            if entry.filename.endswith(".npy"):
                with archive.open(entry) as file:
                    found.append(_header(entry.filename.removesuffix(".npy"), file))
        return found


def _header(name: str, file: IO[bytes]) -> Header:
    file = io.BytesIO(file.read(MOST_HEADER))  # what it claims of its length may be 4 GB, from 4 MB that are packed
    version = npy.read_magic(file)
    shape, _, dtype = npy.read_array_header_1_0(file) if version == (1, 0) else npy.read_array_header_2_0(file)
    return Header(name, shape, dtype)


def _data(path: Path, main: Header, labelled: bool) -> Data:
    shape, labels = main.shape, Labels.CLASS if labelled else Labels.NONE
    if main.dtype.kind not in "fiub":
        raise Refused(f"{main.name} in {path.name} is {main.dtype}; numbers are wanted", "wrong_type")
    if 0 in shape or len(shape) < 2:
        raise Refused(
            f"{main.name} in {path.name} has shape {shape}; the first side must count samples, others describe one", "shape"
        )
    small = main.dtype == np.uint8
    match shape:
        case (n, h, w) if small and min(h, w) >= 4:
            return Data(type=DataType.IMAGE, samples=n, resolution=_side(min(h, w)), channels=1, labels=labels)
        case (n, h, w, 1 | 3 | 4 as c) | (n, 1 | 3 | 4 as c, h, w) if min(h, w) >= 4:
            return Data(type=DataType.IMAGE, samples=n, resolution=_side(min(h, w)), channels=min(c, 3), labels=labels)
        case (n, a, b, c) if a == b == c and a >= 4:
            return Data(type=DataType.VOXEL, samples=n, resolution=_side(a), labels=labels)
        case (n, t, h, w, 1 | 3 as c) | (n, t, 1 | 3 as c, h, w) if min(h, w) >= 4:
            return Data(type=DataType.VIDEO, samples=n, length=t, resolution=_side(min(h, w)), channels=c, labels=labels)
        case (n, points, 3) if points >= 256 and main.dtype.kind == "f":
            return Data(type=DataType.POINT_CLOUD, samples=n, length=points, labels=labels)
        case (n, length, variables) if variables <= 1000:
            return Data(type=DataType.TIME_SERIES, samples=n, length=length, columns=variables, labels=labels)
        case (n, length):
            return Data(type=DataType.TIME_SERIES, samples=n, length=length, columns=1, labels=labels)
    wanted = "NxHxW(xC) images, NxRxRxR voxels, NxTxHxWxC videos, NxPx3 points or NxTxV series"
    raise Refused(f"{main.name} in {path.name} has shape {shape}; known are {wanted}", "shape")


def _side(pixels: int) -> int:
    return max(4, min(4096, pixels))
