"""The trivial baseline for video: a still picture, drawn from a multivariate normal over the pixels of training frames, in every
frame of a clip. A network that does not beat it has learnt no motion, or pays for it with worse frames.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.adversary import Adversary, Batch, Networks
from models.baselines.pixel_gaussian import AXES, PixelGaussian
from models.contract import Recipe
from models.data.dataset import Dataset

TASKS = ("video",)
DEFAULTS = {"ema_half_life_kimg": 0.0}


def build(recipe: Recipe, data: Dataset) -> Adversary:
    length, *shape = data.fields["video"].shape[1:]
    gaussian = PixelGaussian(tuple(shape), 1)

    def fit(batch: Batch) -> None:
        clips = batch["video"]
        chosen = torch.randint(length, (len(clips),), device=clips.device)
        gaussian.fit({"image": clips[torch.arange(len(clips), device=clips.device), chosen]})

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        device = gaussian.mean.device
        label = torch.zeros(n, dtype=torch.long, device=device)
        frames: Tensor = networks["generator"](torch.randn(n, AXES, generator=generator).to(device), label)
        return frames[:, None].expand(-1, length, -1, -1, -1)

    return Adversary(networks={"generator": gaussian}, players={}, phases=(), sample=sample, averaged=(), begin=fit)
