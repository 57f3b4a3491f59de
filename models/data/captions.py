"""Images with a caption each, as rows of word numbers.

A folder holds images and, beside each, a text file of the same name. The captions of captioned-digits are made from real facts: the
digit's label, its amount of ink and its slant, each in thirds; nobody wrote them.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError
from torch import Tensor

from models.contract import Recipe
from models.data import path_of
from models.data.dataset import BadData, Dataset, Images
from models.data.folder import MOST_BROKEN, MOST_BYTES, image_files, read_image
from models.data.images import divided, fit, source

LENGTH = 20
"""Words of a caption that are read, where the recipe does not say; later ones are left out."""
MOST_WORDS = 5000
MOST_TEXT = 10_000
SHOWN = 24
WORD = re.compile(r"\w+(?:['\-]\w+)*")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
INK = ("thin", "plain", "bold")
SLANT = ("upright", "slanted", "leaning")
"""From the least slant to the most."""


@dataclass(frozen=True, kw_only=True)
class Captioned(Dataset):
    """`image`, uint8 NxCxHxW, and `tokens`, N x length numbers of words, 0 after the last."""

    kind: ClassVar[str] = "image-text"
    output: ClassVar[str] = "image"
    vocabulary: tuple[str, ...]
    """The word of each number; that of 0 is empty."""

    def written(self, row: Tensor) -> str:
        return " ".join(self.vocabulary[i] for i in row.tolist() if i)

    def picture(self, samples: Tensor, path: Path) -> None:
        """Each image above its caption."""
        side, wide, font = 96, 220, ImageFont.load_default(11)
        made = self.uncast(samples[:SHOWN]).cpu()
        columns = 4
        page = Image.new("RGB", (columns * wide, -(-len(made) // columns) * (side + 26)), "white")
        draw = ImageDraw.Draw(page)
        for i, image in enumerate(made):
            left, top = i % columns * wide, i // columns * (side + 26)
            shown = Image.fromarray(image.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy())
            page.paste(shown.resize((side, side), Image.Resampling.NEAREST), (left + 4, top + 4))
            draw.text((left + 4, top + side + 6), self.written(self.reference["tokens"][i % self.held])[:38], "black", font)
        path.parent.mkdir(parents=True, exist_ok=True)
        page.save(path)


def load(recipe: Recipe) -> Captioned:
    """Raises BadData for an unknown slug, a folder without captions, or fewer than two captioned images."""
    if (path := path_of(recipe.dataset)) is not None:
        images, captions = _folder(path, recipe)
    elif recipe.dataset == "captioned-digits":
        images = source(replace(recipe, dataset="mnist-5k"))
        captions = described(images)
    else:
        raise BadData(f"data set {recipe.dataset!r} has no captions; known are captioned-digits and folder:PATH")
    if len(captions) < 2:
        raise BadData(f"{recipe.dataset} has {len(captions)} captioned images; two are the least that can be trained on")
    train, held = divided(images)
    words = [WORD.findall(caption.lower())[: recipe.length or LENGTH] for caption in captions]
    vocabulary = _vocabulary(words[i] for i in train.tolist())
    tokens = _numbered(words, vocabulary, recipe.length or max(map(len, words)) or 1)
    pixels = fit(torch.from_numpy(images.pixels), recipe.resolution, recipe.channels)
    whole = {"image": pixels, "tokens": tokens}
    fields = {name: values[train[: recipe.samples]] for name, values in whole.items()}
    return Captioned(
        slug=recipe.dataset,
        sha256=hashlib.sha256(images.sha256.encode() + "\0".join(captions).encode()).hexdigest(),
        fields=fields,
        streams=(tuple(fields),),
        reference={name: values[held] for name, values in whole.items()} if len(held) else fields,
        reference_held_out=len(held) > 0,
        conditions=("tokens",),
        skipped=tuple(images.skipped),
        vocabulary=vocabulary,
    )


def described(images: Images) -> list[str]:
    """Captions of digits such as "a bold upright three"."""
    assert images.labels is not None
    x = images.pixels[:, 0].astype(np.float64)
    mass = x.sum((1, 2))
    rows, columns = np.mgrid[: x.shape[1], : x.shape[2]]
    row, column = ((x * at).sum((1, 2)) / mass for at in (rows, columns))
    up, across = rows - row[:, None, None], columns - column[:, None, None]
    slant = -(x * up * across).sum((1, 2)) / (x * up**2).sum((1, 2))
    ink, lean = (np.searchsorted(np.quantile(value, (1 / 3, 2 / 3)), value) for value in (mass, slant))
    return [f"a {INK[i]} {SLANT[s]} {DIGITS[d]}" for i, s, d in zip(ink, lean, images.labels, strict=True)]


def _vocabulary(captions: Iterable[list[str]]) -> tuple[str, ...]:
    """The commonest words of the training captions."""
    counts = Counter(word for words in captions for word in words)
    return ("", *sorted(word for word, _ in counts.most_common(MOST_WORDS)))


def _numbered(captions: list[list[str]], vocabulary: tuple[str, ...], length: int) -> Tensor:
    """N x length; words that are not known are left out."""
    number = {word: i for i, word in enumerate(vocabulary)}
    tokens = torch.zeros(len(captions), length, dtype=torch.int64)
    for row, words in zip(tokens, captions, strict=True):
        known = [number[word] for word in words if word in number][:length]
        row[: len(known)] = torch.tensor(known, dtype=torch.int64)
    return tokens


def _folder(folder: Path, recipe: Recipe) -> tuple[Images, list[str]]:
    """Images that have a caption; those without, and broken ones, by name."""
    if not folder.is_dir():
        raise BadData(f"{folder} is not a folder")
    files = list(image_files(folder))
    if len(files) * recipe.resolution**2 * recipe.channels > MOST_BYTES:
        raise BadData(f"{len(files)} images at {recipe.resolution} px are more than {MOST_BYTES / 1e9:.0f} GB")
    pixels, captions, skipped, broken = list[np.ndarray](), list[str](), list[str](), 0
    root = folder.resolve()
    for path in files:
        text = path.with_suffix(".txt")
        if not text.is_file() or not text.resolve().is_relative_to(root):
            skipped.append(f"{path.name} has no caption")
            continue
        try:
            if text.stat().st_size > MOST_TEXT:
                raise ValueError(f"a caption of more than {MOST_TEXT} bytes")
            caption = text.read_text(encoding="utf-8")
            pixels.append(read_image(path, recipe.resolution, recipe.channels))
            captions.append(" ".join(caption.split()))
        except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            skipped.append(f"{path.name}: {str(error)[:100]}")
            broken += 1
            if broken > max(1, MOST_BROKEN * len(files)):
                raise BadData(f"too many of {len(files)} images are broken, such as {skipped[-1]}") from error
    if not pixels:
        raise BadData(f"no image in {folder} has a caption beside it, a .txt of the same name")
    stacked = np.stack(pixels)
    return Images(stacked, None, hashlib.sha256(stacked.tobytes()).hexdigest(), skipped), captions
