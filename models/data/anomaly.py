"""Normal images to learn from, and held-out ones to judge: normal ones and anomalies.

A folder with `train` and `test` inside is taken as it is: everything under `train` is normal, under `test` the folder `good` or
`normal`, the others are anomalies (the layout of MVTec AD). Of labelled images one class is the anomaly, `options.anomaly` (0), and
is never trained on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from models.contract import Recipe
from models.data import path_of
from models.data.dataset import BadData, Dataset
from models.data.folder import image_files, read_folder
from models.data.grid import keep
from models.data.images import fit, source, split

NORMAL = ("good", "normal")
SEED = 20
SHOWN = 16
SIDE = 64
"""Pixels of an image in the picture."""


@dataclass(frozen=True, kw_only=True)
class Anomalies(Dataset):
    """`image`; in the reference also `odd`, whether it is an anomaly.

    A sample is N x (C + 1) x H x W: the image that was given, as a model of normal ones rebuilds it, and a map of how odd it is there.
    """

    kind: ClassVar[str] = "anomaly"

    def bare(self, samples: Tensor) -> Tensor:
        """The rebuilt images alone."""
        return samples[:, :-1]

    @staticmethod
    def scores(samples: Tensor) -> Tensor:
        """One number a sample, the mean of its map: the higher the odder."""
        return samples[:, -1].float().mean((1, 2))

    def picture(self, samples: Tensor, path: Path) -> None:
        """From least to most odd: the image over what it was rebuilt as; anomalies stand on red, normal ones on green."""
        samples = samples.cpu()
        order = self.scores(samples).argsort()
        order = order[torch.linspace(0, len(order) - 1, min(SHOWN, len(order))).round().long()]
        page = Image.new("RGB", ((SIDE + 8) * len(order), 2 * SIDE + 36), "white")
        draw = ImageDraw.Draw(page)
        given, rebuilt = self.reference["image"], self.uncast(self.bare(samples))
        for column, i in enumerate(order.tolist()):
            left, odd = (SIDE + 8) * column, bool(self.reference["odd"][i % self.held])
            draw.rectangle((left, 0, left + SIDE + 7, 2 * SIDE + 12), fill="firebrick" if odd else "seagreen")
            for row, pixels in enumerate((given[i % self.held], rebuilt[i])):
                page.paste(_shown(pixels), (left + 4, 4 + row * (SIDE + 4)))
            draw.text((left + 4, 2 * SIDE + 18), f"{self.scores(samples[i : i + 1]).item():.3g}", fill="black")
        keep(page, path)


def _shown(pixels: Tensor) -> Image.Image:
    array = pixels.permute(1, 2, 0).contiguous().numpy()
    image = Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array).convert("RGB")
    return image.resize((SIDE, SIDE), Image.Resampling.NEAREST)


def load(recipe: Recipe) -> Anomalies:
    """Raises BadData as images do, and where there is nothing normal to learn from or nothing of either kind to judge by; ValueError
    for an option that is no class."""
    path = path_of(recipe.dataset)
    if path is not None and (path / "train").is_dir() and (path / "test").is_dir():
        return _laid_out(path, recipe)
    images = source(recipe)
    if images.labels is None:
        raise BadData(
            f"{recipe.dataset} does not say what is normal: folders train and test inside, and under test one called good or normal "
            "beside those of anomalies, or classes of which one is the anomaly"
        )
    anomaly = recipe.options.get("anomaly", 0)
    classes = np.unique(images.labels).tolist()
    if anomaly not in classes:
        raise ValueError(f"recipe.options.anomaly must be one of the classes {classes}, not {anomaly!r}")
    pixels = fit(torch.from_numpy(images.pixels), recipe.resolution, recipe.channels)
    odd = torch.from_numpy(images.labels == anomaly)
    normal = pixels[~odd]
    train, held = split(len(normal))
    return _divided(normal[train], normal[held], pixels[odd], recipe, f"{anomaly}\0{images.sha256}", images.skipped)


def _laid_out(path: Path, recipe: Recipe) -> Anomalies:
    train, test = (read_folder(path / part, recipe.resolution, recipe.channels) for part in ("train", "test"))
    names = sorted({file.relative_to(path / "test").parts[0] for file in image_files(path / "test")})
    normal = next((name for name in NORMAL if name in names), None)
    if normal is None or test.labels is None or len(names) < 2:
        raise BadData(
            f"under {path.name}/test are {', '.join(names)}; wanted is a folder good or normal, and others with anomalies"
        )
    pixels, good = torch.from_numpy(test.pixels), torch.from_numpy(test.labels == names.index(normal))
    digest = f"{train.sha256}\0{test.sha256}"
    return _divided(torch.from_numpy(train.pixels), pixels[good], pixels[~good], recipe, digest, [*train.skipped, *test.skipped])


def _divided(train: Tensor, normal: Tensor, odd: Tensor, recipe: Recipe, digest: str, skipped: Sequence[str]) -> Anomalies:
    """The held-out ones of both kinds in a random order that is always the same."""
    if len(train) < 2 or not len(normal) or not len(odd):
        raise BadData(
            f"{recipe.dataset} has {len(train)} normal images to learn from, and to judge by {len(normal)} normal ones and "
            f"{len(odd)} anomalies; of classes, 750 normal images are the least of which some are held out"
        )
    order = torch.from_numpy(np.random.default_rng(SEED).permutation(len(normal) + len(odd)))
    return Anomalies(
        slug=recipe.dataset,
        sha256=hashlib.sha256(f"anomalies\0{digest}".encode()).hexdigest(),
        fields={"image": train[: recipe.samples]},
        streams=(("image",),),
        reference={"image": torch.cat((normal, odd))[order], "odd": (torch.arange(len(order)) >= len(normal))[order]},
        reference_held_out=True,
        conditions=("image",),
        skipped=tuple(skipped),
    )
