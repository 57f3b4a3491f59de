"""Clips of equal length: of the user's animations, folders of frames or npz file, or real digits that a program moves."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torch.nn.functional import grid_sample

from models.contract import Recipe
from models.data import images, known, path_of
from models.data.dataset import BadData, Dataset
from models.data.folder import FORMATS, MOST_BROKEN, MOST_PIXELS, fitted, image_files
from models.data.grid import grid
from models.data.own import array

LENGTH = 16
"""Frames of a clip where neither the recipe nor the data set says."""
MOST_LENGTH = 128
MOST_BYTES = 2_000_000_000
SHOWN = 12
"""Clips in a picture, and at most so many frames of each."""
MOVING = {"moving-digits": ("digits", 1 / 2), "moving-mnist": ("mnist-5k", 28 / 64)}
"""Slug -> the images of digits that are moved, and the side of one relative to the frame."""
SLOWEST, FASTEST = 0.05, 0.15
"""Way of a digit from one frame to the next, as parts of the way that there is."""


@dataclass(frozen=True, kw_only=True)
class Videos(Dataset):
    """`video`: uint8 N x T x C x H x W."""

    kind: ClassVar[str] = "video"
    output: ClassVar[str] = "video"

    def picture(self, samples: Tensor, path: Path) -> None:
        """Each clip as a film strip: a row of frames from left to right, evenly taken where there are many."""
        clips = self.uncast(samples[:SHOWN])
        taken = torch.linspace(0, clips.shape[1] - 1, min(SHOWN, clips.shape[1])).round().long()
        grid(clips[:, taken].flatten(0, 1), path, columns=len(taken))


def load(recipe: Recipe) -> Videos:
    """Raises BadData for an unknown slug, for what is no video, and for clips that are too few, too short or too large."""
    length, path, skipped = recipe.length, path_of(recipe.dataset), list[str]()
    if length == 1 or length > MOST_LENGTH:
        raise BadData(f"a clip has 2 to {MOST_LENGTH} frames here, the recipe wants {length}")
    if recipe.channels not in (1, 3):
        raise BadData(f"videos have 1 or 3 channels, the recipe wants {recipe.channels}")
    if path is not None and path.suffix == ".npz":
        whole = _fit(_array(path), recipe)
        clips, of = cut(list(whole), length or min(LENGTH, whole.shape[1]), skipped, [f"video {i}" for i in range(len(whole))])
    elif path is not None:
        names, videos = _folder(path, recipe, skipped)
        clips, of = cut(videos, length or LENGTH, skipped, names)
    elif recipe.dataset in MOVING:
        base, share = MOVING[recipe.dataset]
        digits = torch.from_numpy(images.source(replace(recipe, dataset=base)).pixels)
        digits = images.fit(digits, max(4, round(recipe.resolution * share)), 1)
        clips = moving(digits, recipe.resolution, length or known()[recipe.dataset]["length"])
        clips, of = clips.expand(-1, -1, recipe.channels, -1, -1), np.arange(len(clips))
    else:
        raise BadData(
            f"data set {recipe.dataset!r} is no video; known are {', '.join(MOVING)}, npz:PATH, and folder:PATH of "
            "gif, webp or frames"
        )
    train, held = divided(of)
    if len(train) < 2:
        raise BadData(f"{recipe.dataset} yields {len(clips)} clips; two are the least that can be trained on")
    fields = {"video": clips[train[: recipe.samples]].contiguous()}
    return Videos(
        slug=recipe.dataset,
        sha256=hashlib.sha256(clips.contiguous().numpy().tobytes()).hexdigest(),
        fields=fields,
        streams=(("video",),),
        reference={"video": clips[held].contiguous()} if len(held) else fields,
        reference_held_out=len(held) > 0,
        skipped=tuple(skipped),
    )


def moving(digits: Tensor, side: int, length: int) -> Tensor:
    """Each of N x 1 x s x s digits on a way of its own across a black frame, reflected at its edges: N x length x 1 x side x side.

    As in arXiv:1502.04681 section 4.1: a random start, a direction from the whole circle, a speed from a range; one digit to a clip
    where they have two. The ways are always the same.
    """
    rng, n, size = np.random.default_rng(0), len(digits), digits.shape[-1]
    start, angle = rng.uniform(0, 1, (n, 2)), rng.uniform(0, 2 * np.pi, n)
    speed = rng.uniform(SLOWEST, FASTEST, n)[:, None] * np.stack((np.cos(angle), np.sin(angle)), 1)
    along = (start[:, None] + speed[:, None] * np.arange(length)[:, None]) % 2
    corner = torch.from_numpy((side - size) * (1 - np.abs(1 - along))).float()
    pixel = torch.arange(side) + 0.5
    clips = torch.empty(n, length, 1, side, side, dtype=torch.uint8)
    for t in range(length):
        across, down = (2 * (pixel - corner[:, t, axis, None]) / size - 1 for axis in (0, 1))
        points = torch.stack((across[:, None].expand(n, side, side), down[:, :, None].expand(n, side, side)), 3)
        clips[:, t] = grid_sample(digits.float(), points, align_corners=False).round().to(torch.uint8)
    return clips


def cut(videos: list[Tensor], length: int, skipped: list[str], names: list[str]) -> tuple[Tensor, np.ndarray]:
    """N x length x C x H x W, one clip after the other of each video, and the number of the video each is of.

    Raises BadData when no video is long enough; those that are too short are named in `skipped`.
    """
    clips, of = list[Tensor](), list[int]()
    for number, (name, video) in enumerate(zip(names, videos, strict=True)):
        found = len(video) // length
        if not found:
            skipped.append(f"{name}: {len(video)} frames, a clip has {length}")
        clips += video[: found * length].view(found, length, *video.shape[1:]) if found else []
        of += [number] * found
    if not clips:
        raise BadData(f"no video has the {length} frames of a clip, such as {'; '.join(skipped[:3])}")
    return torch.stack(clips), np.array(of)


def divided(of: np.ndarray) -> tuple[Tensor, Tensor]:
    """Shuffled indices of clips for training and held out: whole videos, as many as `images.split` would hold out of so many clips,
    none where half of the clips would not be left."""
    wanted, order = len(images.split(len(of))[1]), np.random.default_rng(images.SPLIT_SEED).permutation(int(of.max()) + 1)
    enough = np.cumsum(np.bincount(of, minlength=len(order))[order])
    chosen = order[: int(np.searchsorted(enough, wanted)) + 1] if wanted else order[:0]
    clips = np.random.default_rng(images.SPLIT_SEED).permutation(len(of))
    held = np.isin(of[clips], chosen)
    held &= held.sum() <= len(of) / 2
    return torch.from_numpy(clips[~held]), torch.from_numpy(clips[held])


def _array(path: Path) -> Tensor:
    """uint8 N x T x C x H x W of `videos`, N x T x H x W, N x T x H x W x C or N x T x C x H x W, uint8 or 0..1."""
    found = array(path, "videos", (4, 5))
    if found.ndim == 4:
        found = found[:, :, None]
    elif found.shape[-1] in (1, 3):
        found = found.transpose(0, 1, 4, 2, 3)
    if found.shape[2] not in (1, 3) or min(found.shape[1:2] + found.shape[3:]) < 2:
        raise BadData(f"videos in {path.name} are {found.shape}; wanted are N x T x H x W, or with 1 or 3 channels at either end")
    if found.dtype != np.uint8:
        if found.min() < 0 or found.max() > 1:
            raise BadData(f"videos in {path.name} are {found.dtype} outside 0..1")
        found = np.rint(found * 255).astype(np.uint8)
    return torch.from_numpy(np.ascontiguousarray(found))


def _fit(videos: Tensor, recipe: Recipe) -> Tensor:
    frames = images.fit(videos.flatten(0, 1), recipe.resolution, recipe.channels)
    return frames.view(*videos.shape[:2], *frames.shape[1:])


def _folder(folder: Path, recipe: Recipe, skipped: list[str]) -> tuple[list[str], list[Tensor]]:
    """Names and T x C x S x S frames of every animation under a folder, and of every folder of stills, in the order of their names.

    Raises BadData when there are none, more than a tenth of the files is broken, or they would not fit in memory.
    """
    if not folder.is_dir():
        raise BadData(f"{folder} is neither a folder nor an npz file")
    files, broken, room = list(image_files(folder)), 0, MOST_BYTES
    videos: dict[str, list[np.ndarray]] = {}
    for path in sorted(files, key=lambda path: _numbered(path.relative_to(folder))):
        name = str(path.relative_to(folder))
        try:
            frames = list(_frames(path, recipe, room))
        except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            skipped.append(f"{name}: {str(error)[:100]}")
            broken += 1
            if broken > max(1, MOST_BROKEN * len(files)):
                raise BadData(f"too many of {len(files)} files are broken, such as {'; '.join(skipped[:3])}") from error
            continue
        room -= sum(frame.nbytes for frame in frames)
        if room < 0:
            raise BadData(f"{folder.name} holds more than {MOST_BYTES / 1e9:.0f} GB of frames; take a lower resolution")
        videos.setdefault(name if len(frames) > 1 else str(path.parent.relative_to(folder)), []).extend(frames)
    if not videos:
        raise BadData(f"no animation and no frames in {folder}; read are gif, webp and png files, and folders of stills")
    return list(videos), [torch.from_numpy(np.stack(frames)) for frames in videos.values()]


def _frames(path: Path, recipe: Recipe, room: int) -> Iterator[np.ndarray]:
    """The frames of one file as C x S x S. Raises what Pillow does, and ValueError where they are huge or there is no room for them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path, formats=FORMATS) as image:
            count = getattr(image, "n_frames", 1)
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"{image.width} x {image.height} pixels")
            if count * recipe.channels * recipe.resolution**2 > room or count * image.width * image.height > 100 * MOST_PIXELS:
                raise ValueError(f"{count} frames of {image.width} x {image.height} pixels")
            for number in range(count):
                image.seek(number)
                yield fitted(image.copy(), recipe.resolution, recipe.channels)


def _numbered(path: Path) -> list[tuple[int, str]]:
    """A key by which frame 10 comes after frame 9."""
    text, parts, digits = str(path), list[tuple[int, str]](), ""
    for letter in f"{text}\0":
        if letter.isdecimal():
            digits += letter
            continue
        if digits:
            parts.append((int(digits), ""))
        digits = ""
        parts.append((-1, letter))
    return parts
