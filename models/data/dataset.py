"""A data set in memory, and the order in which it is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from models.data.grid import grid


class BadData(Exception):
    """The data cannot be used; the message says why, to the user."""


@dataclass
class Images:
    """What a source gives: uint8 NxCxHxW of one size, labels, digest of the source, names of files that could not be read."""

    pixels: np.ndarray
    labels: np.ndarray | None
    sha256: str
    skipped: list[str] = field(default_factory=list)
    held: np.ndarray | None = None
    """Which samples the source itself wants held out; None leaves it to chance."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Training samples and the held-out ones that only the metric sees; a kind of data with more to say of itself is a subclass.

    `fields` has equal lengths within a stream; each stream is drawn in an order of its own (unpaired domains are two streams).
    uint8 fields are pixels NxCxHxW and reach the networks as float in [-1, 1]; every other field reaches them as it is.
    """

    kind: ClassVar[str] = "image"
    """As `data` in tasks.yaml."""
    output: ClassVar[str] = "image"
    """The field that generated samples look like."""
    slug: str
    sha256: str
    fields: Mapping[str, Tensor]
    streams: tuple[tuple[str, ...], ...]
    reference: Mapping[str, Tensor]
    """The held-out samples, by the same names as `fields`."""
    reference_held_out: bool
    """False where there are too few samples to hold any out: the metric then compares with the training samples."""
    conditions: tuple[str, ...] = ()
    """Fields of `reference` that a sample is generated from, one held-out sample each: a label, an image, a spectrogram."""
    skipped: tuple[str, ...] = ()

    @property
    def held(self) -> int:
        """Samples in `reference`."""
        return max(len(values) for values in self.reference.values())

    def given(self, start: int, n: int, device: torch.device) -> dict[str, Tensor]:
        """The conditions of n generated samples, from the held-out one at `start` on; beyond the last they begin anew."""
        indices = torch.arange(start, start + n)
        return {name: self.cast((values := self.reference[name])[indices % len(values)].to(device)) for name in self.conditions}

    @property
    def samples(self) -> int:
        """Training samples, of the longest stream."""
        return max(len(values) for values in self.fields.values())

    def batch(self, stream: tuple[str, ...], indices: Tensor, device: torch.device) -> dict[str, Tensor]:
        return {name: self.cast(self.fields[name][indices].to(device)) for name in stream}

    @staticmethod
    def cast(values: Tensor) -> Tensor:
        """Pixels 0..255 to [-1, 1]."""
        return values.float().div_(127.5).sub_(1) if values.dtype == torch.uint8 else values

    @staticmethod
    def uncast(samples: Tensor) -> Tensor:
        """[-1, 1] to pixels 0..255; what is outside is clipped."""
        return samples.mul(127.5).add(127.5).round().clamp(0, 255).to(torch.uint8)

    def bare(self, samples: Tensor) -> Tensor:
        """Generated samples as `output` has them, without what a kind of data has them carry beside."""
        return samples

    def picture(self, samples: Tensor, path: Path) -> None:
        """Writes generated samples as a person would look at them, as one PNG."""
        grid(self.uncast(samples), path)


class Order:
    """Endless passes over n samples, each a new permutation. `origin` (random state before this pass) and `at` are all its state."""

    def __init__(self, n: int, seed: int) -> None:
        self.n = n
        self._generator = torch.Generator().manual_seed(seed)
        self._shuffle()

    def _shuffle(self) -> None:
        self.origin = self._generator.get_state()
        self._permutation = torch.randperm(self.n, generator=self._generator)
        self.at = 0

    def take(self, count: int) -> Tensor:
        """The next indices; a batch may reach over the end of a pass."""
        parts: list[Tensor] = []
        while count:
            if self.at == self.n:
                self._shuffle()
            part = self._permutation[self.at : self.at + count]
            parts.append(part)
            self.at += len(part)
            count -= len(part)
        return torch.cat(parts)

    def restore(self, origin: Tensor, at: int) -> None:
        self._generator.set_state(origin)
        self._shuffle()
        self.at = at
