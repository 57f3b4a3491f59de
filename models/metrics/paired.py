"""Figures of outputs that have a right answer: each sample is compared with the target of its own input, then averaged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from models.data.dataset import BadData, Dataset
from models.metrics.features import BATCH, EffLite0
from models.metrics.measured import Measured

LEAST = 50
"""Below this many pairs the interval of the mean says little; none is given."""
REPLICATES = 100
WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03


class Paired:
    """Mean over pairs of one of PSNR, SSIM and the perceptual distance, the others beside. Raises BadData below 50 held-out pairs.

    `floor` is what the targets themselves get.
    """

    name: str
    direction: str
    floor: float | None

    def __init__(self, dataset: Dataset, samples: int, device: torch.device) -> None:
        self.samples = min(samples, dataset.held)
        if self.samples < LEAST:
            raise BadData(f"{self.name} needs {LEAST} pairs, here are {self.samples}; `metric: none` trains without")
        self._real = dataset.reference[dataset.output][: self.samples]
        self._uncast = dataset.uncast
        network = EffLite0().to(device)
        self._perceptual = Perceptual(network)
        self._figures: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
            Psnr.name: psnr,
            LpipsLike.name: lambda a, b: self._perceptual(a.to(device), b.to(device)).cpu(),
        }
        if min(self._real.shape[-2:]) >= WINDOW:
            self._figures = {**self._figures, Ssim.name: ssim}
        if self.name not in self._figures:
            raise BadData(f"{self.name} needs images of {WINDOW} pixels at least, these have {min(self._real.shape[-2:])}")

    @torch.inference_mode()
    def __call__(self, batches: Iterable[Tensor]) -> Measured:
        found: dict[str, list[Tensor]] = {name: [] for name in self._figures}
        start = 0
        for batch in batches:
            for part in torch.split(self._uncast(batch).cpu(), BATCH):
                real = self._real[start : start + len(part)]
                start += len(part)
                for name, figure in self._figures.items():
                    found[name].append(figure(part[: len(real)].float(), real.float()))
        each = {name: torch.cat(parts).double().numpy() for name, parts in found.items()}
        values = means(each[self.name])
        return Measured.of(
            float(each[self.name].mean()),
            values,
            {name: float(figures.mean()) for name, figures in each.items() if name != self.name},
        )


class Psnr(Paired):
    """Peak signal-to-noise ratio of 8-bit images in dB, each image's capped at 60."""

    name, direction, floor = "psnr", "max", 60.0


class Ssim(Paired):
    """Structural similarity, Wang et al. 2004, doi:10.1109/TIP.2003.819861; 1 for equal images."""

    name, direction, floor = "ssim", "max", 1.0


class LpipsLike(Paired):
    """Distance of deep features, 0 for equal images. Not LPIPS: other network, no learnt weights; figures do not compare with it."""

    name, direction, floor = "lpips_efflite0_like", "min", 0.0


def means(each: np.ndarray, count: int = REPLICATES, seed: int = 0) -> np.ndarray:
    """Mean of `count` bootstrap resamples, drawn from `seed` alone: the same pairs for every run of as many samples."""
    draws = np.random.default_rng(seed).multinomial(len(each), np.full(len(each), 1 / len(each)), size=count)
    values: np.ndarray = draws @ each / len(each)
    return values


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """N figures in dB of two NxCxHxW in 0..255."""
    error = (a - b).square().flatten(1).mean(1)
    return (10 * torch.log10(255**2 / error)).clamp(max=60)


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """N figures of two NxCxHxW in 0..255: Gaussian window of 11 with deviation 1.5, inner pixels only, mean over channels."""
    n, channels, height, width = a.shape
    a, b = a.double(), b.double()  # a variance is a difference of large numbers
    ramp = torch.arange(WINDOW, device=a.device, dtype=a.dtype) - (WINDOW - 1) / 2
    line = torch.exp(-ramp.square() / (2 * SIGMA**2))
    line = (line / line.sum()).view(1, 1, 1, -1)

    def local(x: Tensor) -> Tensor:
        x = x.reshape(n * channels, 1, height, width)
        return conv2d(conv2d(x, line), line.transpose(2, 3))

    mean_a, mean_b = local(a), local(b)
    var_a, var_b = local(a * a) - mean_a.square(), local(b * b) - mean_b.square()
    both = local(a * b) - mean_a * mean_b
    c1, c2 = (K1 * 255) ** 2, (K2 * 255) ** 2
    index = (2 * mean_a * mean_b + c1) * (2 * both + c2) / ((mean_a.square() + mean_b.square() + c1) * (var_a + var_b + c2))
    return index.view(n, -1).mean(1)


class Perceptual:
    """Squared distance of EfficientNet-Lite0 features, of unit length over channels at each point, averaged over space and stages.

    The form of arXiv:1801.03924 eq. 1 with equal weights.
    """

    def __init__(self, network: EffLite0) -> None:
        self._network = network

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """N distances of two NxCxHxW in 0..255."""
        both = self._network.stages(torch.cat((a, b)))
        apart = [_unit(stage[: len(a)]) - _unit(stage[len(a) :]) for stage in both]
        return torch.stack([difference.square().sum(1).mean((1, 2)) for difference in apart]).mean(0)


def _unit(x: Tensor) -> Tensor:
    return x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)
