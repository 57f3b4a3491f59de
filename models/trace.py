"""What the operators of a stretch of training do: FLOPs, bytes moved, bytes alive. The same on fake and on real tensors.

The sum is exact for tensors. What a kernel takes inside itself (workspace) and what an allocator keeps back are not seen.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.flop_counter import flop_registry

READ = torch.ops.aten._local_scalar_dense.default
"""`tensor.item()`: a fake tensor holds no number to read."""
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
            self._hold(self._faked(tensor))

    def _faked(self, tensor: Tensor) -> Tensor:
        return tensor if self.fake is None or isinstance(tensor, FakeTensor) else self.fake.from_tensor(tensor)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func is READ and self.fake is not None:
            return _read(args[0])
        if self.fake is not None:  # real weights too, so that a storage keeps its name
            args, kwargs = tree_map_only(Tensor, self._faked, (args, kwargs))
        out = func(*args, **kwargs)
        before = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        after = [leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]
        there = {tensor.untyped_storage()._cdata for tensor in before}
        made = [tensor for tensor in after if tensor.untyped_storage()._cdata not in there]
        for tensor in made:
            self._hold(tensor)
        packet = func._overloadpacket
        if (made or func._schema.is_mutable) and packet.__name__ not in UNWRITTEN:
            flops = flop_registry[packet](*args, **kwargs, out_val=out) if packet in flop_registry else 0
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


def _read(tensor: Tensor) -> float | int | bool:
    """The number in a real tensor; 1 for a fake one."""
    with unset_fake_temporarily():
        return torch.ones((), dtype=tensor.dtype).item() if isinstance(tensor, FakeTensor) else tensor.item()


def _changed(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Tensor]:
    """The arguments that an operator writes."""
    if not func._schema.is_mutable:
        return []
    given = zip(func._schema.arguments, args, strict=False)
    written = [value for argument, value in given if argument.is_write]
    written += [kwargs[argument.name] for argument in func._schema.arguments if argument.is_write and argument.name in kwargs]
    return [leaf for leaf in tree_leaves(written) if isinstance(leaf, Tensor)]


def _bytes(tensor: Tensor) -> int:
    """What reading or writing a tensor touches; a broadcast one is touched once."""
    return min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())
