"""The perceptual loss: how far two images are apart in the features of EfficientNet-Lite0.

The papers use VGG-19, whose weights no package ships. The figure lpips_efflite0_like looks through the same network, though at
another size and on features of unit length, so PSNR and SSIM stand beside it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.metrics.features import EffLite0

LEAST_SIDE = 64
"""Smaller images are enlarged to it."""
LAST = 4
"""Block of the last stage compared, an eighth of the side: textures rather than objects."""


class Content:
    """Squared distance of the features of three stages, each relative to the mean square of the real one's: 0 for equal images.

    Its network is fixed and no part of the game: it is neither trained nor saved.
    """

    def __init__(self) -> None:
        self._network = EffLite0()

    def __call__(self, made: Tensor, real: Tensor) -> Tensor:
        """Mean over the batch, of two NxCxSxS in -1..1."""
        network = self._network.to(real.device)
        side = max(LEAST_SIDE, real.shape[-1])
        with torch.no_grad():
            wanted = network.stages(127.5 * (real + 1), LAST, side)
        found = network.stages(127.5 * (made + 1), LAST, side)
        apart = [(a.float() - b.float()).square().mean() / b.float().square().mean() for a, b in zip(found, wanted, strict=True)]
        return torch.stack(apart).mean()
