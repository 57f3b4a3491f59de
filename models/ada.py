"""Adaptive discriminator augmentation, Karras et al. 2020, arXiv:2006.06676: every image network takes it as `augment: [ada]`.

Pixel blitting, geometry and colour (`bgc`, the set of section 4). Images are warped at twice their side with bilinear filters
where the paper has wavelets. All decisions stay on the device: the strength is a buffer and survives a resume.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample, interpolate

from models import ranks

TARGET = 0.6
"""Of r_t, the mean sign of the discriminator's logits on training images: section 3."""
KIMG = 500.0
"""Thousands of images in which the strength can go from 0 to 1."""
EVERY = 4
"""Updates of the discriminator between two changes of the strength."""


class Ada(nn.Module):
    """Augments NxCxHxW in [-1, 1], each transformation of each image with probability `strength`, and follows the discriminator.

    `first` are augmentations that are applied always, before.
    """

    strength: Tensor
    signs: Tensor
    seen: Tensor
    updates: Tensor

    def __init__(self, first: Callable[[Tensor], Tensor], target: float = TARGET, kimg: float = KIMG) -> None:
        super().__init__()
        self.first, self.target, self.images = first, target, kimg * 1000
        for name in ("strength", "signs", "seen", "updates"):
            self.register_buffer(name, torch.zeros(()))

    @torch.no_grad()
    def watch(self, logits: Tensor) -> None:
        """Notes what the discriminator says of a batch of augmented training images."""
        self.signs += logits.sign().mean() * len(logits)
        self.seen += len(logits)

    @torch.no_grad()
    def adapt(self) -> None:
        """After an update of the discriminator: at every fourth the strength rises where r_t is above its target, or falls."""
        self.updates += 1
        due = (self.updates % EVERY == 0).float()
        signs, seen = ranks.total(torch.stack((self.signs, self.seen)))  # of the whole batch, so that the strength is one
        towards = (signs / seen.clamp(min=1) - self.target).sign()
        self.strength.add_(due * towards * seen / self.images).clamp_(0, 1)
        self.signs *= 1 - due
        self.seen *= 1 - due

    def forward(self, x: Tensor) -> Tensor:
        return self._recoloured(self._warped(self.first(x)))

    def _chosen(self, n: int) -> Tensor:
        return torch.rand(n, device=self.strength.device) < self.strength

    def _maybe(self, values: Tensor, neutral: float) -> Tensor:
        """`values` where this transformation is applied, elsewhere what changes nothing."""
        return torch.where(self._chosen(len(values)), values, neutral)

    def _warped(self, x: Tensor) -> Tensor:
        """Flip, quarter turns and whole shifts, then scale, turn, stretch, turn and fractional shifts, as one resampling; mirrored
        beyond the edge."""
        n, device = len(x), x.device

        def uniform() -> Tensor:
            return torch.rand(n, device=device)

        def normal() -> Tensor:
            return torch.randn(n, device=device)

        one = torch.ones(n, device=device)
        half = (uniform() < 0.5).float()
        map_ = _scaling(1 - 2 * self._maybe(half, 0), one)
        map_ = _rotation(self._maybe((uniform() * 4).floor() * (pi / 2), 0)) @ map_
        whole = (torch.rand(2, n, device=device) * 2 - 1) * 0.125
        steps = (whole * x.shape[-1]).round() / x.shape[-1]
        applied = self._chosen(n)
        shift = 2 * torch.where(applied, steps, 0.0)
        scale = torch.exp2(self._maybe(normal() * 0.2, 0))
        map_ = _scaling(scale, scale) @ map_
        # Each of the two turns with a probability that makes one or both happen with the strength: appendix B.
        rare = 1 - (1 - self.strength).clamp(min=0).sqrt()
        before, after = (torch.where(uniform() < rare, (uniform() * 2 - 1) * pi, 0.0) for _ in range(2))
        stretch = torch.exp2(self._maybe(normal() * 0.2, 0))
        map_ = _rotation(after) @ _scaling(stretch, 1 / stretch) @ _rotation(before) @ map_
        shift = shift + 2 * torch.where(self._chosen(n), torch.randn(2, n, device=device) * 0.125, 0.0)
        theta = torch.cat((map_, shift.T[:, :, None]), 2)
        wide = interpolate(x, scale_factor=2, mode="bilinear")
        grid = affine_grid(theta, list(wide.shape), align_corners=False).to(x.dtype)
        return avg_pool2d(grid_sample(wide, grid, padding_mode="reflection", align_corners=False), 2)

    def _recoloured(self, x: Tensor) -> Tensor:
        """Brightness, contrast and inverted luma; on colour images also turned hue and saturation: one affine map of the channels."""
        n, count, device = len(x), x.shape[1], x.device
        brightness = self._maybe(torch.randn(n, device=device) * 0.2, 0)
        contrast = torch.exp2(self._maybe(torch.randn(n, device=device) * 0.5, 0))
        flip = self._maybe((torch.rand(n, device=device) < 0.5).float(), 0)
        matrix = contrast[:, None, None] * torch.eye(count, device=device)
        grey = torch.full((count, count), 1 / count, device=device)  # onto the line of greys
        mirror = torch.eye(count, device=device) - 2 * flip[:, None, None] * grey
        matrix, offset = mirror @ matrix, mirror.sum(2) * brightness[:, None]
        if count == 3:
            angle = self._maybe((torch.rand(n, device=device) * 2 - 1) * pi, 0)
            saturation = torch.exp2(self._maybe(torch.randn(n, device=device), 0))
            colours = torch.eye(3, device=device) - grey
            turn = grey + angle.cos()[:, None, None] * colours + angle.sin()[:, None, None] * _across(device)
            matrix = (grey + saturation[:, None, None] * colours) @ turn @ matrix
        changed = torch.einsum("noc,nchw->nohw", matrix.to(x.dtype), x)
        return changed + offset[:, :, None, None].to(x.dtype)


def _rotation(angle: Tensor) -> Tensor:
    c, s = angle.cos(), angle.sin()
    return torch.stack((c, -s, s, c), 1).view(-1, 2, 2)


def _scaling(x: Tensor, y: Tensor) -> Tensor:
    return torch.diag_embed(torch.stack((x, y), 1))


def _across(device: torch.device) -> Tensor:
    """The cross product with the direction of grey: a quarter turn of hue."""
    a = 1 / sqrt(3)
    return torch.tensor([[0.0, -a, a], [a, 0.0, -a], [-a, a, 0.0]], device=device)
