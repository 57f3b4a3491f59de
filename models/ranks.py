"""One run on several devices of a machine: each step's batch is split among processes, and their gradients are averaged by hand.

Process 0 is the run: it decides, measures and writes. The others hold the same weights and play the steps they are told to, each on
its part of the batch with noise of its own. Gradients are averaged after the backward pass instead of inside it, as a wrapped module
(DistributedDataParallel) would: so a network may be passed several times in a step, its gradient may have a gradient, and moves may
touch some parameters only, which is what games do. Statistics of a batch, as in batch normalisation, are of a process's own part.

Without a process group every function here is that of a single process and costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from models.contract import Recipe

BEGIN, STEP, SAVE, BACK, END = range(5)
"""What process 0 tells the others: fit what is fitted, one step, give your part of a checkpoint, go back to the last one, end."""


def join(meeting: Path, rank: int, count: int) -> None:
    """Makes this process one of `count`; they meet through a file. Waits for the others. GPUs talk through NCCL."""
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    store = dist.FileStore(str(meeting), count)  # type: ignore[attr-defined]
    dist.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=timedelta(hours=1))


def leave() -> None:
    if count() > 1:
        dist.destroy_process_group()


def count() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    return dist.get_rank() if count() > 1 else 0


def part(recipe: Recipe, of: int) -> Recipe:
    """The recipe as the networks of one process of `of` see it."""
    return replace(recipe, batch_size=recipe.batch_size // of)


def mine(indices: Tensor) -> Tensor:
    """The part of a batch that is this process's own; all draw the same batch."""
    return indices.chunk(count())[rank()]


def mean(value: Tensor) -> Tensor:
    """The mean over the processes, of a loss without a graph."""
    return total(value) / count() if count() > 1 else value


def total(value: Tensor) -> Tensor:
    if count() == 1:
        return value
    summed = value.clone()
    dist.all_reduce(summed)
    return summed


@torch.no_grad()
def average(parameters: Sequence[Tensor]) -> None:
    """The gradients become their mean over the processes. Which parameters have one follows from the step, never from chance."""
    grads = [p.grad for p in parameters if p.grad is not None]
    if count() == 1 or not grads:
        return
    flat = torch.cat([grad.reshape(-1) for grad in grads])
    dist.all_reduce(flat)
    flat /= count()
    for grad, mean_ in zip(grads, torch.split(flat, [grad.numel() for grad in grads]), strict=True):
        grad.copy_(mean_.view(grad.shape))


@torch.no_grad()
def gathered(noise: Mapping[str, Tensor], weights: Sequence[Tensor]) -> dict[str, Tensor]:
    """The bytes of every process by name, those of another than 0 as NAME/RANK. Raises RuntimeError when the weights are not the same
    for all."""
    if count() == 1:
        return dict(noise)
    check = torch.stack([w.norm().double().cpu() for w in weights]).sum()
    checks = [torch.empty_like(check) for _ in range(count())]
    dist.all_gather(checks, check)
    if not torch.allclose(torch.stack(checks), check.expand(count()), rtol=1e-4, equal_nan=True):
        raise RuntimeError(f"the processes of the run no longer hold the same weights: {[float(c) for c in checks]}")
    found: dict[str, Tensor] = {}
    for name, value in noise.items():
        parts = [torch.empty_like(value) for _ in range(count())]
        dist.all_gather(parts, value)
        found |= {f"{name}/{n}" if n else name: each for n, each in enumerate(parts)}
    return found


def tell(order: int, value: float = 0.0) -> None:
    """From process 0 to all others; of no effect in a single process."""
    if count() > 1:
        dist.broadcast(torch.tensor([order, value], dtype=torch.float64), 0)


def listen() -> tuple[int, float]:
    """What process 0 tells; waits for it."""
    told = torch.empty(2, dtype=torch.float64)
    dist.broadcast(told, 0)
    return int(told[0]), float(told[1])
