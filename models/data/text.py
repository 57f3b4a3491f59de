"""Sentences as rows of word numbers. A sentence is a line of the user's file, or one of the prose in a package's documentation."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from models.contract import Recipe
from models.data import known, path_of
from models.data.dataset import BadData, Dataset
from models.data.grid import keep
from models.data.own import files, parts

END = 0
"""The number that ends a sentence and fills the rest of its row."""
LENGTH = 20
"""Words in a row where the recipe does not say: the length of arXiv:1609.05473."""
MOST_WORDS = 5000
LEAST_COUNT = 3
"""A rarer word cannot be learnt; sentences that hold one, and those longer than a row, are left out."""
MOST_BYTES = 200_000_000
SHOWN = 24
WORD = re.compile(r"\w+(?:['\-]\w+)*|[^\w\s]")


@dataclass(frozen=True, kw_only=True)
class Sentences(Dataset):
    """`tokens`: N x length numbers of words, END after the last."""

    kind: ClassVar[str] = "text"
    output: ClassVar[str] = "tokens"
    vocabulary: tuple[str, ...]
    """The word of each number; that of END is empty."""

    def written(self, row: Tensor) -> str:
        """A row as text, up to its first END."""
        numbers = row.long().tolist()
        words = [self.vocabulary[i] for i in numbers[: numbers.index(END) if END in numbers else None]]
        return re.sub(r" (?=[.,;:!?)])", "", " ".join(words))

    def picture(self, samples: Tensor, path: Path) -> None:
        """One sentence a line."""
        font = ImageFont.load_default(14)
        lines = [f"{i + 1:2d}  {self.written(row)}" for i, row in enumerate(samples[:SHOWN])]
        page = Image.new("RGB", (int(max(font.getlength(line) for line in lines)) + 24, 20 * len(lines) + 20), "white")
        ImageDraw.Draw(page).multiline_text((12, 10), "\n".join(lines), fill="black", font=font, spacing=6)
        keep(page, path)


def load(recipe: Recipe) -> Sentences:
    """Raises BadData for an unknown slug, a file that is no UTF-8 text, or one with too few sentences of known words."""
    sentences = _source(recipe)
    length = recipe.length or LENGTH
    split_up = {line: WORD.findall(line.lower()) for line in dict.fromkeys(sentences)}
    fitting = [words for words in split_up.values() if 0 < len(words) <= length]
    counts = Counter(word for words in fitting for word in words)
    words = ["", *(word for word, count in counts.most_common(MOST_WORDS) if count >= LEAST_COUNT)]
    number = {word: i for i, word in enumerate(words)}
    kept = [[number[word] for word in one] for one in fitting if all(word in number for word in one)]
    tokens = torch.tensor([row + [END] * (length - len(row)) for row in kept]).view(-1, length)
    left = len(split_up) - len(kept)
    return Sentences(
        slug=recipe.dataset,
        sha256=hashlib.sha256("\n".join(split_up).encode()).hexdigest(),
        **parts({"tokens": tokens}, recipe),
        skipped=(f"{left} of {len(split_up)} sentences are too long or hold a rare word",) if left else (),
        vocabulary=tuple(words),
    )


def _source(recipe: Recipe) -> list[str]:
    path = path_of(recipe.dataset)
    if path is not None:
        return [line.strip() for one in files(path, (".txt",), MOST_BYTES) for line in _read(one).splitlines() if line.strip()]
    if recipe.dataset == "sklearn-docs":
        return list(_documentation("sklearn"))
    raise BadData(f"data set {recipe.dataset!r} is not known; known are {', '.join(known())}, and folder:PATH of .txt files")


def _read(path: Path) -> str:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"{path.name} cannot be read as UTF-8: {error}") from error
    if "\0" in text:
        raise BadData(f"{path.name} holds zero bytes: it is no text")
    return text


def _documentation(package: str) -> Iterable[str]:
    """English sentences of plain words, 5 to 20 long, in the docstrings of an installed package, which stays unimported."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise BadData(f"the package {package} that holds this data set is not installed")
    root = Path(spec.origin).parent
    for path in sorted(root.rglob("*.py")):
        if {"tests", "externals"} & set(path.relative_to(root).parts):
            continue
        for body in re.findall(r'"""(.*?)"""', path.read_text("utf-8"), re.DOTALL):
            for paragraph in re.split(r"\n\s*\n|\n\s*-{3,}\s*\n", body):
                if ">>>" in paragraph or "::" in paragraph:
                    continue
                prose = " ".join(re.sub(r"^\s*\w[\w, ]* : [^\n]*\n", "", paragraph).split())
                for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z])", prose):
                    if re.fullmatch(r"[A-Z][a-z]*(?: [A-Za-z'\-]+[,;]?){4,19}\.", sentence):
                        yield sentence
