"""KID of clips: of what their frames show and of what changes from one to the next. It is no FVD: that needs the network I3D."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from models.data.dataset import Dataset
from models.metrics.features import EffLite0
from models.metrics.kid import LEAST, Kid

SIDE = 64
"""Frames are resized to it; at the 112 px of images a clip takes three times as long."""
NOISE = 24.0
"""Standard deviation, of 255, of the noise that is added to real and generated clips alike, always the same. Without it faint noise on
a black ground weighs more than frames in a wrong order, and an untrained network is nearer to real clips than a trained one."""
BATCH = 16


class MotionEffLite0(EffLite0):
    """uint8 N x T x C x H x W -> 2 x 1280 numbers a clip: features of its frames, and of the pictures of what changes between two
    frames (grey where nothing does), each averaged over time."""

    @torch.inference_mode()
    def of(self, batches: Iterable[Tensor]) -> np.ndarray:
        """Features of uint8 batches as float64 N x 2560."""
        generator, device = torch.Generator().manual_seed(0), next(self.stem.parameters()).device
        parts = list[Tensor]()
        for batch in batches:
            for part in torch.split(batch, BATCH):
                noise = NOISE * torch.randn(part.shape, generator=generator)
                parts.append(self._clips((part.cpu() + noise).clamp(0, 255).to(device)).cpu())
        return torch.cat(parts).double().numpy()

    def _clips(self, frames: Tensor) -> Tensor:
        changes = (frames[:, 1:] - frames[:, :-1] + 255) / 2
        means = [self(part.flatten(0, 1), SIDE).view(*part.shape[:2], -1).mean(1) for part in (frames, changes)]
        return torch.cat(means, 1)


class KidMotion(Kid):
    """Of 250 clips, however many are asked for: each takes the time of as many images as it has frames, twice."""

    name = "kid_motion_efflite0_64"
    network = MotionEffLite0

    def __init__(self, dataset: Dataset, samples: int, device: torch.device) -> None:
        super().__init__(dataset, min(samples, LEAST), device)
