"""The generator of FastGAN, arXiv:2101.04775 section 3.1."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate
from torch.nn.utils.parametrizations import spectral_norm

from models.parts import doublings

MOST = 16
"""Channels at 4x4, in widths."""
BETWEEN = 16
"""An excitation goes from a side to one so many times as large, or as large as there is."""


def widths(resolution: int, width: int) -> list[int]:
    """Channels from 4x4 on: 16 widths there, halved down to 2 at 32 px, then 2, 1, 1/2, 1/4, 1/8 from 64 px on: figure 3."""
    shares = {4: 16.0, 8: 8.0, 16: 4.0, 32: 2.0, 64: 2.0, 128: 1.0, 256: 0.5, 512: 0.25, 1024: 0.125}
    return [max(1, int(width * shares.get(4 * 2**i, 0.125))) for i in range(doublings(resolution) + 1)]


class FastGenerator(nn.Module):
    """Latent -> 4x4 -> doubled by nearest neighbour and two or one convolutions in turn, or `always` two -> tanh."""

    def __init__(self, resolution: int, image: int, latent: int, width: int, *, always: bool = False) -> None:
        super().__init__()
        wide = widths(resolution, width)
        self.first = nn.Sequential(
            spectral_norm(nn.ConvTranspose2d(latent, 2 * wide[0], 4, bias=False)), nn.BatchNorm2d(2 * wide[0]), nn.GLU(1)
        )
        pairs = list(zip(wide, wide[1:], strict=False))  # noqa: RUF007 - indexed below
        self.grow = nn.ModuleList(Grow(a, b, noisy=always or i % 2 == 0) for i, (a, b) in enumerate(pairs))
        self.apart = min((BETWEEN.bit_length() - 1), len(pairs))
        self.excite = nn.ModuleList(Excite(wide[i], wide[i + self.apart]) for i in range(len(wide) - self.apart))
        self.image = spectral_norm(nn.Conv2d(wide[-1], image, 3, padding=1, bias=False))

    def forward(self, z: Tensor) -> Tensor:
        found = [self.first(z[:, :, None, None])]
        for i, grow in enumerate(self.grow):
            x = grow(found[-1])
            if i + 1 >= self.apart:
                source = i + 1 - self.apart
                x = self.excite[source](found[source], x)
            found.append(x)
        return torch.tanh(self.image(found[-1]))


class Grow(nn.Module):
    """Twice the side; the noisy kind has two convolutions, each followed by noise."""

    def __init__(self, inputs: int, outputs: int, *, noisy: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for n in (inputs, outputs) if noisy else (inputs,):
            layers.append(spectral_norm(nn.Conv2d(n, 2 * outputs, 3, padding=1, bias=False)))
            layers += [Noise()] if noisy else []
            layers += [nn.BatchNorm2d(2 * outputs), nn.GLU(1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        grown: Tensor = self.layers(interpolate(x, scale_factor=2))
        return grown


class Noise(nn.Module):
    """One plane of noise for all channels, with a learnt weight."""

    def __init__(self) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        plane = torch.randn(len(x), 1, *x.shape[2:], device=x.device, dtype=x.dtype)
        return x + self.strength * plane


class Excite(nn.Module):
    """Skip-layer excitation, eq. 2: a small map weighs the channels of a large one."""

    def __init__(self, small: int, large: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            spectral_norm(nn.Conv2d(small, large, 4, bias=False)),
            nn.LeakyReLU(0.1, inplace=True),
            spectral_norm(nn.Conv2d(large, large, 1, bias=False)),
            nn.Sigmoid(),
        )

    def forward(self, small: Tensor, large: Tensor) -> Tensor:
        excited: Tensor = large * self.layers(adaptive_avg_pool2d(small, 4))
        return excited
