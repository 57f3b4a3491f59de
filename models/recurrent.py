"""The fused LSTM layer of a CPU, whose FLOPs torch does not count and whose workspace it does not size on fake tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

LAYER = torch.ops.aten.mkldnn_rnn_layer.default
BACKWARD = torch.ops.aten.mkldnn_rnn_layer_backward.default
WORKSPACE = (13, 5)
"""Floats kept for the backward pass, a time step and sample: so many for each hidden unit and input. Of seven real ones within 20 %."""


def flops(func: Any, args: tuple[Any, ...]) -> int:
    """Four gates on input and state, two operations a weight; twice that on the way back. 0 for any other operator."""
    if func not in (LAYER, BACKWARD):
        return 0
    x, of_input, of_state = args[:3]
    forward: int = 2 * x.shape[0] * x.shape[1] * (of_input.numel() + of_state.numel())
    return forward if func is LAYER else 2 * forward


def sized(args: tuple[Any, ...], out: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """What the layer gave on fake tensors, with a workspace of about the real size in place of none."""
    x, hidden = args[0], args[1].shape[0] // 4
    floats = x.shape[0] * x.shape[1] * (WORKSPACE[0] * hidden + WORKSPACE[1] * x.shape[2])
    return *out[:3], out[3].new_empty(4 * floats)
