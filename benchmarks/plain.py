"""Steps a second of every network through our loop, as a ratio to a loop that a tutorial would write.

    python -m benchmarks.plain [SLUG ...]

Both play the same networks, losses and batches in fp32 on one thread and take turns in one process, so that a machine whose speed
wanders hits both alike. The plain loop has Adam as torch gives it, gradients of everything a loss reaches and rows-first images;
ours adds a moving average of the generator. `of conv` is the share of the rate of a 3 x 3 convolution, timed between the turns,
that the FLOPs of our steps come to.
"""

from __future__ import annotations

import inspect
import math
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from benchmarks.learning import RACES, recipe
from models.adversary import Turn
from models.contract import Recipe
from models.data import load
from models.data.dataset import Dataset
from models.game import BEGIN_SAMPLES, Game
from models.hardware import settle
from models.networks import build
from models.profile import profile

TURNS, SECONDS = 5, 0.7
"""Of each loop, and of a turn at least."""
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Row:
    """`ratio` is the median of the ratios of neighbouring turns, above 1 where our loop is faster."""

    network: str
    steps_per_second: float
    plain_steps_per_second: float
    ratio: float
    of_convolution: float


def main(*names: str) -> list[Row]:
    """Prints the table and returns its rows."""
    print(f"{'network':<18}{'steps/s':>9}{'plain':>9}{'ratio':>7}{'of conv':>9}")
    return [race(recipe(slug, *RACES[slug], 0)) for slug in names or RACES]


def race(one: Recipe) -> Row:
    """One network at the size at which a validation trains it on a CPU."""
    settle(0, 1)
    data = load(one)
    adversary = build(one, data)
    game = Game(adversary, one, data, CPU)
    game.begin()
    game.phase = len(adversary.phases) - 1
    period = math.lcm(*(move.every for move in adversary.phases[game.phase].moves))
    plain = plain_loop(one, data)
    for step in (game.play, plain):
        for _ in range(period):
            step()
    steps = period * math.ceil(SECONDS / timed(game.play, period))
    ours, theirs, rates = [], [], []
    for _ in range(TURNS):
        rates.append(convolution())
        ours.append(timed(game.play, steps))
        theirs.append(timed(plain, steps))
    flops = profile(one, data, fake=False).mean(lambda operator: operator.flops)
    found = Row(
        one.architecture,
        steps / statistics.median(ours),
        steps / statistics.median(theirs),
        statistics.median(b / a for a, b in zip(ours, theirs, strict=True)),
        flops * steps / statistics.median(ours) / statistics.median(rates),
    )
    cells = f"{found.steps_per_second:>9.3g}{found.plain_steps_per_second:>9.3g}{found.ratio:>7.2f}{found.of_convolution:>9.0%}"
    print(f"{found.network:<18}{cells}", flush=True)
    return found


def plain_loop(one: Recipe, data: Dataset) -> Callable[[], None]:
    """The last phase of a network's game, played as a tutorial would."""
    adversary = build(one, data)
    for network in adversary.networks.values():
        network.train()
    if adversary.begin is not None:
        adversary.begin({name: data.cast(values[:BEGIN_SAMPLES]) for name, values in data.fields.items()})
    optimisers = {}
    for name, player in adversary.players.items():
        weights = [w for network in player.networks for w in adversary.networks[network].parameters() if w.requires_grad]
        optimisers[name] = as_it_comes(player.optimiser(weights))
    number = 0

    def step() -> None:
        nonlocal number
        number += 1
        moves = [move for move in adversary.phases[-1].moves if number % move.every == 0]
        batch: dict[str, torch.Tensor] = {}
        for stream in data.streams:
            batch |= data.batch(stream, torch.randint(len(data.fields[stream[0]]), (one.batch_size,)), CPU)
        turn = Turn(batch, number, 0.0, frozenset(move.player for move in moves))
        for move in moves:
            loss = move.loss(turn)
            if move.above is not None and not loss.item() > move.above:
                continue
            optimisers[move.player].zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimisers[move.player].step()
            if move.then is not None:
                move.then()

    return step


def as_it_comes(optimiser: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """The same optimiser without its faster forms."""
    taken = inspect.signature(type(optimiser)).parameters.keys() - {"fused", "foreach"}
    plain = {name: value for name, value in optimiser.defaults.items() if name in taken}
    return type(optimiser)(optimiser.param_groups[0]["params"], **plain)


def timed(step: Callable[[], None], times: int) -> float:
    """Seconds of the processor that so many steps took: on one thread what else the machine does hardly counts."""
    began = time.process_time()
    for _ in range(times):
        step()
    return time.process_time() - began


def convolution() -> float:
    """FLOP/s of a 3 x 3 convolution of 64 images, best of a few."""
    layer, images = nn.Conv2d(64, 64, 3, padding=1, bias=False), torch.randn(64, 64, 32, 32)
    layer, images = layer.to(memory_format=torch.channels_last), images.contiguous(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.no_grad():
        best = min(timed(lambda: layer(images), 1) for _ in range(5))
    return 2 * images.shape[0] * 64 * 64 * 9 * 32 * 32 / best


if __name__ == "__main__":
    main(*sys.argv[1:])
