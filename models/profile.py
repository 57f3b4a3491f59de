"""FLOPs, traffic and memory of a training step without training: the real game on fake tensors, which have shapes and no bytes.

`python -m models.profile RUN_DIR` tells a person what the recipe of a run takes; models/profiles.py keeps those of all networks.

The figures are those of tensors: models/trace.py says what that leaves out.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from models.contract import RECIPE, Recipe, read_recipe
from models.data import load
from models.data.dataset import Dataset
from models.fake import faking
from models.game import Game
from models.networks import build
from models.trace import Operator, Trace

LAST = 0.999
"""Fraction of the budget at which steps are looked at: what grows has grown."""


@dataclass(frozen=True)
class Parts:
    """Bytes by what they are for; buffers count with the parameters."""

    parameters: int
    gradients: int
    optimiser: int
    average: int
    activations: int = 0

    @property
    def total(self) -> int:
        return self.parameters + self.gradients + self.optimiser + self.average + self.activations


@dataclass(frozen=True)
class Step:
    """One of the different steps of a game; `share` of all steps are like it."""

    share: float
    phase: str
    due: tuple[str, ...]
    """Players that move, in order."""
    operators: tuple[Operator, ...]
    peak: Parts
    """What is alive when most is."""


@dataclass(frozen=True)
class Profile:
    """What training takes, a step; means are over one whole period of the game, and over its phases by their shares."""

    recipe: Recipe
    parameters: dict[str, int]
    """Of each network."""
    parameters_g: int
    """Of those of which an average is kept: samples come from them."""
    static: Parts
    """What is alive between two steps: weights, gradients, optimiser states, average."""
    steps: tuple[Step, ...]

    @property
    def peak(self) -> Step:
        """The step in which most is alive."""
        return max(self.steps, key=lambda step: step.peak.total)

    def mean(self, of: Callable[[Operator], float]) -> float:
        """Sum of a figure over the operators of a step, in the mean step."""
        return sum(step.share * sum(map(of, step.operators)) for step in self.steps)


def profile(recipe: Recipe, data: Dataset, *, fake: bool = True) -> Profile:
    """Traces each different step of a recipe's game once, among what other steps leave behind.

    With `fake=False` the steps are played on real tensors: same figures, and sooner where a step is small. Raises ValueError for a
    recipe that cannot be built, and what torch raises where a game looks at values, which fake tensors lack; a number read is 1.
    """
    with faking() if fake else nullcontext() as mode, Trace(mode) as trace:
        trace.counting = False
        game = Game(build(recipe, data), recipe, data, torch.device("cpu"))
        game.begin()
        trace.counting = True
        return _Profiler(game, trace).run()


class _Profiler:
    def __init__(self, game: Game, trace: Trace) -> None:
        self.game, self.trace = game, trace
        self.at_peak = (0, 0)
        trace.watch = self._watch
        self.weights = [tensor for network in game.networks.values() for tensor in _tensors(network)]
        self.averages = [tensor for network in game.average.values() for tensor in _tensors(network)]

    def run(self) -> Profile:
        game = self.game
        self.trace.hold([*self.weights, *self.averages])
        self._warm()
        steps = [step for index in range(len(game.adversary.phases)) for step in self._phase(index)]
        parameters = {name: sum(p.numel() for p in network.parameters()) for name, network in game.networks.items()}
        made = sum(parameters[name] for name in game.adversary.averaged)
        return Profile(game.recipe, parameters, made, self._parts(), tuple(steps))

    def _phase(self, index: int) -> Iterator[Step]:
        game, trace, phases = self.game, self.trace, self.game.adversary.phases
        moves, game.phase = phases[index].moves, index
        period = math.lcm(*(move.every for move in moves))
        alike: dict[tuple[int, ...], list[int]] = {}
        for number in range(1, period + 1):
            due = tuple(place for place, move in enumerate(moves) if number % move.every == 0)
            alike.setdefault(due, []).append(number)
        part = phases[index].share / sum(phase.share for phase in phases)
        for due, numbers in alike.items():
            trace.restart()
            self._watch()
            self._play(numbers[0])
            players = tuple(moves[place].player for place in due)
            peak = self._parts(*self.at_peak)
            yield Step(part * len(numbers) / period, phases[index].name, players, tuple(trace.operators), peak)

    def _warm(self) -> None:
        """Gradients and optimiser states as a step leaves them."""
        for name, optimiser in self.game.optimisers.items():
            for weight in self.game.parameters[name]:
                weight.grad = torch.zeros_like(weight)
            optimiser.step()

    def _play(self, number: int) -> None:
        self.game.step = number - 1
        self.game.play(LAST)

    def _watch(self) -> None:
        self.at_peak = self.trace.alive, self._gradients()

    def _gradients(self) -> int:
        return sum(_size(p.grad) for group in self.game.parameters.values() for p in group if p.grad is not None)

    def _parts(self, alive: int | None = None, gradients: int | None = None) -> Parts:
        slots = [s for o in self.game.optimisers.values() for state in o.state.values() for s in state.values()]
        static = Parts(
            parameters=sum(map(_size, self.weights)),
            gradients=self._gradients() if gradients is None else gradients,
            optimiser=sum(_size(slot) for slot in slots if isinstance(slot, Tensor)),
            average=sum(map(_size, self.averages)),
        )
        return static if alive is None else Parts(**{**vars(static), "activations": alive - static.total})


def _tensors(network: torch.nn.Module) -> Iterator[Tensor]:
    yield from network.parameters()
    yield from network.buffers()


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m models.profile", description="What a training step takes, without training.")
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="a folder with recipe.yaml")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recipe, _ = read_recipe(arguments.run_dir / RECIPE)
    sys.stdout.write(told(profile(recipe, load(recipe))))
    return 0


def told(traced: Profile) -> str:
    """A profile as lines of text."""
    peak = traced.peak
    lines = [
        "traced, not measured; no figure here was checked on a GPU",
        f"{traced.recipe.architecture}, batch {traced.recipe.batch_size}, {traced.recipe.precision}",
        f"parameters   {', '.join(f'{name} {count:,}' for name, count in traced.parameters.items())}",
        f"a step       {traced.mean(lambda o: o.flops) / 1e9:.2f} GFLOP, {traced.mean(lambda o: o.moved) / 1e9:.2f} GB moved, "
        f"{traced.mean(lambda o: 1):.0f} kernels",
        f"between      {traced.static.total / 1e6:.1f} MB",
        f"at its peak  {peak.peak.total / 1e6:.1f} MB in a step of {' + '.join(peak.due)}:",
        *(f"  {name:<12}{size / 1e6:>10.1f} MB" for name, size in vars(peak.peak).items()),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
