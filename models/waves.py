"""Spectra of sound: the short-time Fourier transform of HiFi-GAN, its mel bands, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import fold, pad

FLOOR = 1e-5
"""Below this a magnitude counts as silence."""


@dataclass(frozen=True)
class Bands:
    """How a sound of this rate (Hz) becomes mel bands; at 22,050 Hz as arXiv:2010.05646 has it: 1,024 samples every 256, 80 bands."""

    rate: int

    @property
    def hop(self) -> int:
        """Samples between frames."""
        return 256 if self.rate >= 16_000 else 128

    @property
    def window(self) -> int:
        return 4 * self.hop

    @property
    def count(self) -> int:
        """Mel bands."""
        return 80 if self.rate >= 16_000 else 40

    def spectrum(self, wave: Tensor) -> Tensor:
        """N x L -> complex N x (window/2 + 1) x L/hop; the edges are mirrored."""
        return self.frames(pad(wave[:, None], [(self.window - self.hop) // 2] * 2, mode="reflect")[:, 0])

    def frames(self, padded: Tensor) -> Tensor:
        """The spectrum of a wave that has its edges already."""
        shape = torch.hann_window(self.window, device=padded.device)
        return torch.stft(padded, self.window, self.hop, window=shape, center=False, return_complex=True)

    def log_mel(self, wave: Tensor) -> Tensor:
        """N x L in -1..1 -> N x bands x L/hop, natural logarithm."""
        with torch.autocast(wave.device.type, enabled=False):
            magnitude = (self.spectrum(wave.float()).abs().square() + 1e-9).sqrt()
            return (filters(self).to(wave.device) @ magnitude).clamp(min=FLOOR).log()

    def wave(self, spectrum: Tensor) -> Tensor:
        """The padded wave whose spectrum is nearest: overlap-add with the window, weighted by its square."""
        shape = torch.hann_window(self.window, device=spectrum.device)
        frames = torch.fft.irfft(spectrum, n=self.window, dim=1) * shape[:, None]
        size = (1, (spectrum.shape[2] - 1) * self.hop + self.window)
        whole = fold(frames, size, (1, self.window), stride=(1, self.hop))[:, 0, 0]
        weight = fold((shape**2)[None, :, None].expand(1, -1, spectrum.shape[2]), size, (1, self.window), stride=(1, self.hop))[
            :, 0, 0
        ]
        return whole / weight.clamp(min=1e-3)


@cache
def filters(bands: Bands) -> Tensor:
    """bands x (window/2 + 1): triangles even on Slaney's mel scale from 0 Hz to half the rate, each of the same area."""

    def hertz(mel: Tensor) -> Tensor:
        return torch.where(mel < 15, mel * 200 / 3, 1000 * (6.4 ** ((mel - 15) / 27)))

    half = bands.rate / 2
    top = half * 3 / 200 if half < 1000 else 15 + 27 * torch.tensor(half / 1000).log() / torch.tensor(6.4).log()
    edges = hertz(torch.linspace(0, float(top), bands.count + 2))
    at = torch.linspace(0, half, bands.window // 2 + 1)
    rising = (at - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - at) / (edges[2:] - edges[1:-1])[:, None]
    return torch.minimum(rising, falling).clamp(min=0) * (2 / (edges[2:] - edges[:-2]))[:, None]
