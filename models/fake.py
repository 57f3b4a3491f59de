"""Tensors with a shape and no bytes, in which whole networks are built, copied and trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode


@contextmanager
def faking() -> Iterator[FakeTensorMode]:
    """Inside, every new tensor is fake; a real one is taken as fake by whatever uses it.

    Two things that torch refuses with fake tensors are done in its place meanwhile, for the whole process: the layout of a module's
    weights is changed in place, and weights are copied with the module that holds them.
    """
    with (
        patch.object(nn.Module, "_apply", _apply),
        patch.object(FakeTensor, "__deepcopy__", _deepcopy, create=True),
        FakeTensorMode(allow_non_fake_inputs=True) as mode,
    ):
        yield mode


def _apply(module: nn.Module, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
    if recurse:
        for child in module.children():
            child._apply(fn)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for weight in module._parameters.values():
            if isinstance(weight, FakeTensor):
                weight.data = fn(weight.data)
        module._buffers.update({name: None if kept is None else fn(kept) for name, kept in module._buffers.items()})
    return module


def _deepcopy(tensor: Tensor, memo: dict[int, Any]) -> Tensor:
    if id(tensor) not in memo:
        copy = tensor.detach().clone()
        memo[id(tensor)] = nn.Parameter(copy, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else copy
    return memo[id(tensor)]  # type: ignore[no-any-return]
