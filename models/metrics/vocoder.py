"""How near a sound made from mel bands comes to the recording they were taken from."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from models.data.audio import Sounds
from models.data.dataset import BadData, Dataset
from models.metrics.measured import Measured

LEAST = 50
MOST = 10_000
REPLICATES = 100
SIZES = (256, 512, 1024)


class MelDistance:
    """Mean absolute difference of the log mel bands, in nepers, over held-out recordings: the mel error of arXiv:2010.05646.

    0 is the recording itself. It says nothing of phase; a second figure compares linear spectra of three window sizes. At most
    `samples` recordings. Raises BadData below 50.
    """

    name = "mel_l1"
    direction = "min"
    floor: float | None = 0.0

    def __init__(self, dataset: Dataset, samples: int, device: torch.device) -> None:
        assert isinstance(dataset, Sounds)
        self._wave = dataset.reference["wave"][: min(samples, MOST), 0]
        self._bands = dataset.bands
        self.samples = len(self._wave)
        if self.samples < LEAST:
            raise BadData(f"{self.name} needs {LEAST} samples, here are {self.samples}; `metric: none` trains without")

    def __call__(self, batches: Iterable[Tensor]) -> Measured:
        mel, linear = list[Tensor](), list[Tensor]()
        start = 0
        for batch in batches:
            made, wanted = batch[:, 0].float().cpu(), self._wave[start : start + len(batch)]
            start += len(batch)
            mel.append((self._bands.log_mel(made) - self._bands.log_mel(wanted)).abs().mean((1, 2)))
            linear.append(
                torch.stack([(log_spectrum(made, n) - log_spectrum(wanted, n)).abs().mean((1, 2)) for n in SIZES]).mean(0)
            )
        apart = torch.cat(mel).double().numpy()
        draws = np.random.default_rng(0).integers(0, len(apart), (REPLICATES, len(apart)))
        values = apart[draws].mean(1)
        return Measured.of(
            float(apart.mean()),
            values,
            {"log_stft_l1": float(torch.cat(linear).mean())},
        )


def log_spectrum(wave: Tensor, window: int) -> Tensor:
    """N x L -> N x (window/2 + 1) x frames: natural logarithm of the magnitude."""
    shape = torch.hann_window(window)
    return torch.stft(wave, window, window // 4, window=shape, return_complex=True).abs().clamp(min=1e-4).log()
