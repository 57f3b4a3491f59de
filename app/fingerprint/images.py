"""Folders of pictures: sizes, channels, classes or pairs, duplicates."""

from __future__ import annotations

import math
import warnings
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from app.fingerprint.facts import MOST_BROKEN, Progress, Refused, fault, file_digest, spread, tree_digest
from app.vocabulary import ClassCount, Data, DataType, Fault, Fingerprint, Labels, Pairing, Task

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"})
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
MOST_PIXELS = 64_000_000
DECODED = 2_000
"""So many pictures, evenly spread, are decoded to find broken and near-identical ones; of the others the header is read."""
NEAR = 4
"""Bits of 64 by which the difference hashes of near-identical pictures differ at most."""
ALIGNED = 0.9
"""Share of names that two folders must have in common to hold pairs."""
DOMAINS = ({"a", "b"}, {"traina", "trainb"}, {"x", "y"}, {"source", "target"}, {"input", "target"})
IMBALANCE = 10
_BITS = {"1": 1, "I;16": 16, "I;16B": 16, "I;16L": 16, "I": 32, "F": 32}
_BROKEN = (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError)


@dataclass(frozen=True)
class Picture:
    path: Path
    size: tuple[int, int]
    grey: bool
    bits: int
    alpha: bool
    digest: bytes
    look: int | None
    """Difference hash, of decoded ones."""


def read(folder: Path, files: Sequence[Path], progress: Progress) -> Fingerprint:
    """Raises Refused where more than a tenth of the files is broken, or nothing is left."""
    every = max(1, math.ceil(len(files) / DECODED))
    pictures, broken = list[Picture](), list[str]()
    for number, path in enumerate(files):
        try:
            pictures.append(_picture(path, decode=number % every == 0))
        except _BROKEN as error:
            why = "no image" if isinstance(error, UnidentifiedImageError) else str(error)[:80]  # the first names the whole path
            broken.append(f"{path.relative_to(folder)}: {why}")
        progress(number + 1, len(files))
    if not pictures or len(broken) > max(1, MOST_BROKEN * len(files)):
        raise Refused(f"{len(broken)} of {len(files)} images cannot be read, such as {'; '.join(broken[:3])}", "broken")
    groups = defaultdict(list)
    for picture in pictures:
        inside = picture.path.relative_to(folder).parts
        groups[inside[0] if len(inside) > 1 else ""].append(picture)
    pairing, faults = _pairs(groups)
    classes = sorted(groups) if pairing is Pairing.NONE and len(groups) > 1 and "" not in groups else []
    side = [min(picture.size) for picture in pictures]
    faults = [*_faults(folder, pictures, broken), *faults, *_imbalance(groups, classes)]
    greys = sum(picture.grey for picture in pictures)
    data = Data(
        type=DataType.IMAGE,
        resolution=max(8, min(1024, 1 << int(math.log2(sorted(side)[len(side) // 2])))) if max(side) >= 8 else 8,
        channels=1 if greys == len(pictures) else 3,
        samples=len(groups[sorted(groups)[0]]) if pairing is Pairing.PAIRED else len(pictures),
        classes=len(classes) or None,
        labels=Labels.CLASS if classes else Labels.NONE,
        pairing=pairing,
    )
    return Fingerprint(
        type=DataType.IMAGE,
        samples=len(pictures),
        bytes=sum(path.stat().st_size for path in files),
        sha256=tree_digest(folder, [(picture.path, picture.digest) for picture in pictures]),
        side=spread(side),
        aspect=spread([round(p.size[0] / p.size[1], 3) for p in pictures]),
        bit_depths=dict(Counter(str(picture.bits) for picture in pictures)),
        formats=dict(Counter(picture.path.suffix.lower() for picture in pictures)),
        classes=tuple(ClassCount(name=name, samples=len(groups[name])) for name in classes),
        faults=tuple(faults),
        task=Task(data=data),
    )


def _picture(path: Path, decode: bool) -> Picture:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"{image.width} x {image.height} pixels; {MOST_PIXELS:,} are allowed")
            mode, size = image.mode, image.size
            look = None
            if decode:
                image.draft("L", (64, 64))
                look = _look(image)
    grey = mode in ("1", "L", "LA", "F") or mode.startswith("I")
    return Picture(path, size, grey, _BITS.get(mode, 8), mode in ("LA", "RGBA", "PA"), file_digest(path), look)


def _look(image: Image.Image) -> int:
    """64 bits: whether each of 8 x 8 pixels is brighter than its right neighbour."""
    small = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BILINEAR), np.int16)
    bits = (small[:, 1:] > small[:, :-1]).ravel()
    return int(np.packbits(bits).view(">u8")[0])


def _pairs(groups: dict[str, list[Picture]]) -> tuple[Pairing, list[Fault]]:
    """Whether two folders hold two sides of the same pictures, or two domains."""
    if len(groups) != 2 or "" in groups:
        return Pairing.NONE, []
    left, right = ({picture.path.stem: picture for picture in groups[name]} for name in sorted(groups))
    both = left.keys() & right.keys()
    domains = {name.lower() for name in groups} in DOMAINS
    if len(both) < ALIGNED * max(len(left), len(right)) or (not domains and len(both) < len(left)):
        return (Pairing.UNPAIRED if domains else Pairing.NONE), []
    unlike = [name for name in sorted(both) if left[name].size != right[name].size]
    alone = sorted(left.keys() ^ right.keys())
    faults = [fault("pair_sizes", len(unlike), "the two sides of a pair differ in size", unlike)] if unlike else []
    return Pairing.PAIRED, faults + ([fault("pair_missing", len(alone), "a picture has no partner", alone)] if alone else [])


def _faults(folder: Path, pictures: Sequence[Picture], broken: Sequence[str]) -> list[Fault]:
    found = [fault("broken", len(broken), "a file cannot be read as an image", broken)] if broken else []
    copies = Counter(picture.digest for picture in pictures)
    if doubled := sum(count - 1 for count in copies.values()):
        names = [str(p.path.relative_to(folder)) for p in pictures if copies[p.digest] > 1]
        found.append(fault("duplicate", doubled, "a file is the copy of another, byte for byte", names))
    looks = np.array([p.look for p in pictures if p.look is not None], np.uint64)
    if near := _near(looks, [p for p in pictures if p.look is not None]):
        names = [str(p.path.relative_to(folder)) for p in near]
        found.append(fault("near_duplicate", len(near), f"a picture looks like an earlier one (of {len(looks)} compared)", names))
    if (sizes := {p.size for p in pictures}) and len(sizes) > 1:
        found.append(fault("sizes", len(sizes), "pictures have several sizes; they will be scaled and cropped to a square"))
    if any(p.alpha for p in pictures):
        found.append(fault("alpha", sum(p.alpha for p in pictures), "a picture is transparent; transparent pixels become white"))
    if len({p.grey for p in pictures}) > 1:
        found.append(fault("mixed_colour", sum(p.grey for p in pictures), "grey pictures among coloured ones"))
    if deep := [p for p in pictures if p.bits > 8]:
        found.append(fault("bit_depth", len(deep), "a picture has more than 8 bits a channel; the upper 8 are kept"))
    return found


def _near(looks: np.ndarray, pictures: Sequence[Picture]) -> list[Picture]:
    """Decoded pictures within NEAR bits of an earlier one; copies and flat pictures, whose hash is 0, do not count."""
    found = []
    for i in range(1, len(looks)):
        if not looks[i]:
            continue
        earlier = np.flatnonzero(np.bitwise_count(looks[:i] ^ looks[i]) <= NEAR)
        if any(pictures[int(j)].digest != pictures[i].digest for j in earlier):
            found.append(pictures[i])
    return found


def _imbalance(groups: dict[str, list[Picture]], classes: Sequence[str]) -> list[Fault]:
    if not classes:
        return []
    sizes = {name: len(groups[name]) for name in classes}
    least, most = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
    if sizes[most] < IMBALANCE * sizes[least]:
        return []
    text = f"{most} has {sizes[most]} pictures, {least} only {sizes[least]}"
    return [fault("imbalance", sum(count * IMBALANCE <= sizes[most] for count in sizes.values()), text, [least])]
