"""What the operators of a stretch of training do: FLOPs, bytes moved, bytes alive. The same on fake and on real tensors.

The sum is exact for tensors. What a kernel takes inside itself (workspace) and what an allocator keeps back are not seen.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from models import recurrent
from models.fake import faked, played, tensors

UNWRITTEN = ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided")
"""Operators that take memory and leave it as it is."""


class Operator(NamedTuple):
    """One kernel: its name, its work, what it reads and writes, and the bytes alive after it."""

    name: str
    flops: int
    moved: int
    alive: int


class Trace(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The operators since `restart`, and the most that was alive. A storage counts from the operator that made it until Python
    lets it go; what was there before counts nothing."""

    counting = True
    watch: Callable[[], None] = staticmethod(lambda: None)
    """Called at every new peak."""

    def __init__(self, fake: FakeTensorMode | None = None) -> None:
        """`fake` is the mode in which the operators run, if any."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.fake = fake
        self.alive = 0
        self._held: dict[int, weakref.ref[Any]] = {}
        self.restart()

    def restart(self) -> None:
        """Forgets what was done; what is alive stays."""
        self.operators: list[Operator] = []
        self.peak = self.alive

    def hold(self, tensors: Iterable[Tensor]) -> None:
        """Counts what no operator made: a tensor from Python numbers."""
        for tensor in tensors:
            self._hold(tensor if self.fake is None else faked(self.fake, tensor))

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if self.fake is None:
            out = func(*args, **kwargs)
        else:
            args, kwargs, out = played(self.fake, func, args, kwargs)
        if not self.counting:
            return out
        before, after = list(tensors((args, kwargs))), list(tensors(out))
        there = {tensor.untyped_storage()._cdata for tensor in before}
        made = [tensor for tensor in after if tensor.untyped_storage()._cdata not in there]
        for tensor in made:
            self._hold(tensor)
        packet = func._overloadpacket
        if (made or func._schema.is_mutable) and packet.__name__ not in UNWRITTEN:
            flops = _flops(func, args, kwargs, out)
            moved = sum(map(_bytes, before)) + sum(map(_bytes, made)) + sum(map(_bytes, _changed(func, args, kwargs)))
            self.operators.append(Operator(packet.__name__, flops, moved, self.alive))
        return out

    def _hold(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._held:
            return

        def gone(_: object) -> None:
            del self._held[key]
            self.alive -= size

        self._held[key] = weakref.ref(storage, gone)
        self.alive += size
        if self.alive > self.peak:
            self.peak = self.alive
            self.watch()


def _flops(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], out: Any) -> int:
    """As torch counts them, but the way back through a convolution is the way forward once for each gradient asked for: torch
    takes the one of the weights for as many times that as there are groups."""
    if func is torch.ops.aten.convolution_backward.default:
        grad, x, weight, *_, transposed, _, _, wanted = args
        places = math.prod((x if transposed else grad).shape[2:])
        counted: int = 2 * x.shape[0] * places * weight.numel() * sum(wanted[:2])
    elif known := flop_registry.get(func._overloadpacket):
        counted = known(*args, **kwargs, out_val=out)
    else:
        counted = recurrent.flops(func, args)
    return counted


def _changed(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Tensor]:
    """The arguments that an operator writes."""
    if not func._schema.is_mutable:
        return []
    given = zip(func._schema.arguments, args, strict=False)
    written = [value for argument, value in given if argument.is_write]
    written += [kwargs[argument.name] for argument in func._schema.arguments if argument.is_write and argument.name in kwargs]
    return list(tensors(written))


def _bytes(tensor: Tensor) -> int:
    """What reading or writing a tensor touches; a broadcast one is touched once."""
    return min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())
