"""Kernel inception distance of images together with their captions."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from models.data.dataset import BadData, Dataset
from models.metrics.features import EffLite0
from models.metrics.kid import LEAST, MOST, kid, replicates
from models.metrics.measured import Measured


class CaptionedKid:
    """KID (arXiv:1801.01401) on image and caption joined: 0 when the images, and how they go with captions, are those of real pairs.

    Both parts are centred and scaled alike by the real ones; the kernel's mixed terms see which image goes with which caption.

    Good images that ignore their captions score worse than real ones; `kid_efflite0_112` beside sees the images alone. Raises BadData
    below 250 pairs, ValueError above 10,000.
    """

    name = "kid_captions_efflite0_112"
    direction = "min"

    def __init__(self, dataset: Dataset, samples: int, device: torch.device) -> None:
        if samples > MOST:
            raise ValueError(f"{self.name} takes at most {MOST} samples, not {samples}: it compares every pair")
        self.samples = min(samples, dataset.held)
        if self.samples < LEAST:
            raise BadData(f"{self.name} needs {LEAST} samples, here are {self.samples}; `metric: none` trains without")
        self._network = EffLite0().to(device)
        self._uncast = dataset.uncast
        self._images = self._network.of([dataset.reference["image"][: self.samples]])
        words = int(max(dataset.fields["tokens"].max(), dataset.reference["tokens"].max())) + 1
        self._captions = bags(dataset.reference["tokens"][: self.samples], words)
        self._like = [(part.mean(0), float(part.var(0).sum()) or 1.0) for part in (self._images, self._captions)]
        self._real = self._joined(self._images, self._captions)
        self.floor = None
        if dataset.reference_held_out and len(dataset.fields["image"]) >= LEAST:
            seen = self._network.of([dataset.fields["image"][:samples]])
            self.floor = kid(self._joined(seen, bags(dataset.fields["tokens"][:samples], words)), self._real)

    def __call__(self, batches: Iterable[Tensor]) -> Measured:
        """Sample i was made from the caption of held-out pair i."""
        fake = self._network.of(self._uncast(batch) for batch in batches)
        joined = self._joined(fake, self._captions)
        values = replicates(joined, self._real)
        value = kid(joined, self._real)
        return Measured.of(value, values, {"kid_efflite0_112": kid(fake, self._images)})

    def _joined(self, images: np.ndarray, captions: np.ndarray) -> np.ndarray:
        """N x D of which the kernel sees the sum of both inner products, each 1 in the mean for a real sample with itself."""
        parts = [(part - mean) / scale**0.5 for part, (mean, scale) in zip((images, captions), self._like, strict=True)]
        joined: np.ndarray = np.concatenate(parts, 1) * sum(part.shape[1] for part in parts) ** 0.5
        return joined


def bags(tokens: Tensor, words: int) -> np.ndarray:
    """N x words: how often each word stands in a caption, of length one; the padding does not count."""
    counts = torch.zeros(len(tokens), words, dtype=torch.float64).scatter_add_(
        1, tokens, torch.ones_like(tokens, dtype=torch.float64)
    )
    counts[:, 0] = 0
    found: np.ndarray = (counts / counts.norm(dim=1, keepdim=True).clamp(min=1)).numpy()
    return found
