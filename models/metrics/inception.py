"""Inception v3 of published FIDs (arXiv:1512.00567, with the pooling of the 2015 TensorFlow graph): 2,048 numbers an image.

No package ships its weights and nothing is downloaded here: they are taken from torch's hub cache when pytorch-fid, torchmetrics or
the user has put them there. Resized to 299 px without antialiasing, as pytorch-fid does.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d

WEIGHTS = "pt_inception-2015-12-05-6726825d.pth"
"""Its last part is the beginning of its SHA-256, as in every name of torch's hub."""
SIDE = 299
BATCH = 16
Size = int | tuple[int, int]
Chain = tuple[tuple[str, int, Size, int], ...]
"""Convolutions one after another: name, channels, kernel, stride."""


class Inception(nn.Module):
    """uint8 NxCxHxW (C 1 or 3) -> float Nx2048. Raises ValueError where the weights are not found or are others."""

    def __init__(self, weights: Path | None = None) -> None:
        super().__init__()
        self.layers = _layers()
        if weights is not None:
            self._load(weights)
        self.eval().requires_grad_(False)

    @classmethod
    def found(cls) -> Inception:
        """The network with the weights of torch's hub cache."""
        return cls(Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS)

    def _load(self, path: Path) -> None:
        if not path.exists():
            raise ValueError(
                f"the Inception weights are not at {path}; nothing is downloaded: put {WEIGHTS} there, or use efflite0"
            )
        if hashlib.sha256(path.read_bytes()).hexdigest()[:8] != WEIGHTS.rpartition("-")[2][:8]:
            raise ValueError(f"{path} does not hold the weights of published FIDs: its SHA-256 is another")
        state = torch.load(path, weights_only=True, map_location="cpu")
        self.layers.load_state_dict({k: v for k, v in state.items() if not k.startswith(("fc.", "AuxLogits."))})

    def forward(self, pixels: Tensor) -> Tensor:
        x = interpolate(pixels.float(), (SIDE, SIDE), mode="bilinear") / 127.5 - 1
        return self.layers(x.expand(-1, 3, -1, -1)).mean((2, 3))  # type: ignore[no-any-return]

    @torch.inference_mode()
    def of(self, batches: Iterable[Tensor]) -> np.ndarray:
        """Features of uint8 batches as float64 NxD."""
        device = next(self.parameters()).device
        parts = [self(part.to(device)).cpu() for batch in batches for part in torch.split(batch, BATCH)]
        return torch.cat(parts).double().numpy()


class _Conv(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: Size, stride: int = 1, *, pad: bool = True) -> None:
        super().__init__()
        sides = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (sides[0] // 2, sides[1] // 2) if pad and stride == 1 else (0, 0)
        self.conv = nn.Conv2d(inputs, outputs, sides, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.bn(self.conv(x)))


class _Mixed(nn.Module):
    """Chains side by side and a pooled branch; chains with a common beginning name it alike, and it is there once."""

    def __init__(self, inputs: int, chains: tuple[Chain, ...], pooled: int, pool: str) -> None:
        super().__init__()
        self.chains, self.pool = [[name for name, *_ in chain] for chain in chains], pool
        for chain in chains:
            wide = inputs
            for name, outputs, kernel, stride in chain:
                if not hasattr(self, name):
                    self.add_module(name, _Conv(wide, outputs, kernel, stride))
                wide = outputs
        if pooled:
            self.branch_pool = _Conv(inputs, pooled, 1)
        self.outputs = sum(chain[-1][1] for chain in chains) + (pooled or inputs)

    def forward(self, x: Tensor) -> Tensor:
        made: dict[str, Tensor] = {}
        parts = []
        for chain in self.chains:
            y = x
            for name in chain:
                if name not in made:
                    made[name] = self.get_submodule(name)(y)
                y = made[name]
            parts.append(y)
        if self.pool == "halve":
            parts.append(max_pool2d(x, 3, 2))
        else:
            # The graph's averages leave the padding out, and its last block takes the largest instead.
            y = max_pool2d(x, 3, 1, 1) if self.pool == "largest" else avg_pool2d(x, 3, 1, 1, count_include_pad=False)
            parts.append(self.branch_pool(y))
        return torch.cat(parts, 1)


def _layers() -> nn.Sequential:
    """The layers under the names of the weights."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        Conv2d_1a_3x3=_Conv(3, 32, 3, 2),
        Conv2d_2a_3x3=_Conv(32, 32, 3, pad=False),
        Conv2d_2b_3x3=_Conv(32, 64, 3),
        pool_1=nn.MaxPool2d(3, 2),
        Conv2d_3b_1x1=_Conv(64, 80, 1),
        Conv2d_4a_3x3=_Conv(80, 192, 3, pad=False),
        pool_2=nn.MaxPool2d(3, 2),
    )
    wide = 192
    for name, (chains, pooled, pool) in _mixed().items():
        block = _Mixed(wide, chains, pooled, pool)
        layers[name], wide = block, block.outputs
    return nn.Sequential(layers)


def _mixed() -> dict[str, tuple[tuple[Chain, ...], int, str]]:
    """Blocks by name: chains, channels of the pooled branch, kind of pooling. Tables 1 and figures 5 to 7 of the paper."""
    row, column = (1, 7), (7, 1)
    triple = (("branch3x3dbl_1", 64, 1, 1), ("branch3x3dbl_2", 96, 3, 1))
    fine: tuple[Chain, ...] = (
        (("branch1x1", 64, 1, 1),),
        (("branch5x5_1", 48, 1, 1), ("branch5x5_2", 64, 5, 1)),
        (*triple, ("branch3x3dbl_3", 96, 3, 1)),
    )
    first: tuple[Chain, ...] = ((("branch3x3", 384, 3, 2),), (*triple, ("branch3x3dbl_3", 96, 3, 2)))
    second: tuple[Chain, ...] = (
        (("branch3x3_1", 192, 1, 1), ("branch3x3_2", 320, 3, 2)),
        (
            ("branch7x7x3_1", 192, 1, 1),
            ("branch7x7x3_2", 192, row, 1),
            ("branch7x7x3_3", 192, column, 1),
            ("branch7x7x3_4", 192, 3, 2),
        ),
    )
    coarse: tuple[Chain, ...] = (
        (("branch1x1", 320, 1, 1),),
        (("branch3x3_1", 384, 1, 1), ("branch3x3_2a", 384, (1, 3), 1)),
        (("branch3x3_1", 384, 1, 1), ("branch3x3_2b", 384, (3, 1), 1)),
        (("branch3x3dbl_1", 448, 1, 1), ("branch3x3dbl_2", 384, 3, 1), ("branch3x3dbl_3a", 384, (1, 3), 1)),
        (("branch3x3dbl_1", 448, 1, 1), ("branch3x3dbl_2", 384, 3, 1), ("branch3x3dbl_3b", 384, (3, 1), 1)),
    )

    def middle(n: int) -> tuple[Chain, ...]:
        return (
            (("branch1x1", 192, 1, 1),),
            (("branch7x7_1", n, 1, 1), ("branch7x7_2", n, row, 1), ("branch7x7_3", 192, column, 1)),
            (
                *(("branch7x7dbl_1", n, 1, 1), ("branch7x7dbl_2", n, column, 1), ("branch7x7dbl_3", n, row, 1)),
                *(("branch7x7dbl_4", n, column, 1), ("branch7x7dbl_5", 192, row, 1)),
            ),
        )

    return {
        **{f"Mixed_5{letter}": (fine, pooled, "mean") for letter, pooled in (("b", 32), ("c", 64), ("d", 64))},
        "Mixed_6a": (first, 0, "halve"),
        **{f"Mixed_6{letter}": (middle(n), 192, "mean") for letter, n in (("b", 128), ("c", 160), ("d", 160), ("e", 192))},
        "Mixed_7a": (second, 0, "halve"),
        "Mixed_7b": (coarse, 192, "mean"),
        "Mixed_7c": (coarse, 192, "largest"),
    }
