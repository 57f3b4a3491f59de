"""The trivial baseline for time series: a vector autoregression of order one. The first step is normal, each next one is linear in the
last with normal noise, as least squares fits them. It knows no season, no curve and no change of spread.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.adversary import Adversary, Batch, Networks
from models.contract import Recipe
from models.data.dataset import Dataset

TASKS = ("time-series",)
DEFAULTS = {"ema_half_life_kimg": 0.0}


class Autoregression(nn.Module):
    """Noise N x T x C from the standard normal -> series."""

    start: Tensor
    start_root: Tensor
    slope: Tensor
    root: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name, shape in (("start", (channels,)), ("start_root", (channels, channels)), ("root", (channels, channels))):
            self.register_buffer(name, torch.zeros(shape))
        self.register_buffer("slope", torch.zeros(channels + 1, channels))

    def fit(self, batch: Batch) -> None:
        series = batch["series"].double()
        self.start.copy_(series[:, 0].mean(0))
        self.start_root.copy_(_root(series[:, 0] - series[:, 0].mean(0)))
        last, following = _with_one(series[:, :-1].flatten(0, 1)), series[:, 1:].flatten(0, 1)
        ridge = 1e-8 * len(last) * torch.eye(last.shape[1], dtype=last.dtype, device=last.device)
        slope = torch.linalg.solve(last.T @ last + ridge, last.T @ following)
        self.slope.copy_(slope)
        self.root.copy_(_root(following - last @ slope))

    def forward(self, noise: Tensor) -> Tensor:
        steps = [self.start + noise[:, 0] @ self.start_root.T]
        for each in noise[:, 1:].unbind(1):
            steps.append(_with_one(steps[-1]) @ self.slope + each @ self.root.T)
        return torch.stack(steps, 1)


def _root(centred: Tensor) -> Tensor:
    """L with L L^T the covariance of rows whose mean is 0."""
    size = centred.shape[1]
    covariance = centred.T @ centred / len(centred) + 1e-10 * torch.eye(size, dtype=centred.dtype, device=centred.device)
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = vectors * values.clamp(min=0).sqrt()
    return root


def _with_one(x: Tensor) -> Tensor:
    return torch.cat((x, torch.ones_like(x[:, :1])), 1)


def build(recipe: Recipe, data: Dataset) -> Adversary:
    length, channels = data.fields["series"].shape[1:]
    fitted = Autoregression(channels)

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        noise = torch.randn(n, length, channels, generator=generator)
        series: Tensor = networks["generator"](noise.to(fitted.start.device))
        return series

    return Adversary(
        networks={"generator": fitted}, players={}, phases=(), sample=sample, averaged=(), begin=fitted.fit, channels_last=False
    )
