"""Tensors with a shape and no bytes, in which whole networks are built, copied and trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._pytree import tree_map_only

from models import recurrent

READ = torch.ops.aten._local_scalar_dense.default
PICK = torch.ops.aten.index.Tensor


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


def faked(mode: FakeTensorMode, tensor: Tensor) -> Tensor:
    """The tensor as a fake one; of a real one always the same, so that its storage keeps its name."""
    return tensor if isinstance(tensor, FakeTensor) else mode.from_tensor(tensor)


def played(mode: FakeTensorMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, Any]:
    """An operator's arguments as fake tensors, and what it gives.

    What fake tensors cannot know is assumed: a number that is read is 1, a mask is true everywhere, an LSTM has its usual workspace.
    """
    if func is READ:
        return args, kwargs, _number(args[0])
    if not all(isinstance(tensor, FakeTensor) for tensor in tensors((args, kwargs))):
        args, kwargs = tree_map_only(Tensor, lambda tensor: faked(mode, tensor), (args, kwargs))
    if func is PICK:
        args = args[0], _everywhere(args[1])
    out = func(*args, **kwargs)
    return args, kwargs, recurrent.sized(args, out) if func is recurrent.LAYER else out


def tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in the arguments or the results of an operator."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from tensors(part)
    elif isinstance(value, dict):
        yield from tensors(list(value.values()))


def _number(tensor: Tensor) -> float | int | bool:
    with unset_fake_temporarily():
        return torch.ones((), dtype=tensor.dtype).item() if isinstance(tensor, FakeTensor) else tensor.item()


def _everywhere(indices: Iterable[Tensor | None]) -> list[Tensor | None]:
    """Masks as the numbers of what they pick."""
    numbers: list[Tensor | None] = []
    for index in indices:
        if index is not None and index.dtype in (torch.bool, torch.uint8):
            numbers += [index.new_zeros(index.numel(), dtype=torch.long)] * index.ndim
        else:
            numbers.append(index)
    return numbers


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
