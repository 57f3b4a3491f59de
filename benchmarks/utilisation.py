"""Model-FLOPs utilisation of every network at the width of its paper: what of the rate of a convolution its training steps come to.

    python -m benchmarks.utilisation [SLUG ...]

The FLOPs are those of the operators of a step in the last phase of its game (models/trace.py), the rate is that of a 3 x 3 convolution
of 64 channels, timed before each turn; one thread, fp32, at most 16 samples a batch, images of 32 px. What an optimiser, a norm or a
copy takes counts in the time alone. `most time in` are the operators that took most of a step, with their share.
"""

from __future__ import annotations

import importlib
import math
import statistics
import sys
from dataclasses import dataclass, replace
from functools import partial

from torch.profiler import ProfilerActivity
from torch.profiler import profile as watched

from benchmarks.learning import RACES
from benchmarks.plain import CPU, convolution, timed
from models.data import load
from models.game import Game
from models.hardware import settle
from models.networks import build
from models.profile import profile
from models.profiles import recipes

TURNS, SECONDS, MOST = 3, 0.5, 16
"""Of a turn at least; samples in a batch at most."""


@dataclass(frozen=True)
class Row:
    """`used` is the utilisation, 0..1."""

    network: str
    batch_size: int
    gflop_per_step: float
    steps_per_second: float
    convolution_gflops: float
    used: float
    hottest: str


def main(*names: str) -> list[Row]:
    """Prints the table and returns its rows."""
    print(f"{'network':<18}{'batch':>6}{'GFLOP/step':>12}{'steps/s':>9}{'conv':>6}{'used':>6}  most time in")
    return [used(slug) for slug in names or RACES]


def used(slug: str) -> Row:
    """One network."""
    settle(0, 1)
    first = next(recipes(slug))
    usual = importlib.import_module(f"models.networks.{slug.replace('-', '_')}").DEFAULTS["batch_size"]
    one = replace(first, batch_size=min(usual, MOST))
    data = load(one)
    steps = profile(one, data, fake=False).steps
    traced = [step for step in steps if step.phase == steps[-1].phase]
    flops = sum(step.share * sum(o.flops for o in step.operators) for step in traced) / sum(step.share for step in traced)
    game = Game(build(one, data), one, data, CPU)
    game.begin()
    game.phase = len(game.adversary.phases) - 1
    period = math.lcm(*(move.every for move in game.adversary.phases[-1].moves))
    play = partial(timed, partial(game.play, 1.0))
    play(period)
    count = period * max(1, round(SECONDS / play(period)))
    rates, times = [], []
    for _ in range(TURNS):
        rates.append(convolution())
        times.append(play(count) / count)
    share = statistics.median(flops / (seconds * rate) for seconds, rate in zip(times, rates, strict=True))
    speed, rate = 1 / statistics.median(times), statistics.median(rates) / 1e9
    row = Row(slug, one.batch_size, flops / 1e9, speed, rate, share, hottest(game, period))
    print(f"{slug:<18}{one.batch_size:>6}{flops / 1e9:>12.3g}{speed:>9.3g}{rate:>6.0f}{share:>6.0%}  {row.hottest}", flush=True)
    return row


def hottest(game: Game, period: int) -> str:
    """The operators in which a period spends most of its time."""
    with watched(activities=[ProfilerActivity.CPU]) as seen:
        timed(partial(game.play, 1.0), period)
    own = [(event.self_cpu_time_total, event.key.removeprefix("aten::")) for event in seen.key_averages()]
    whole = sum(time for time, _ in own)
    return ", ".join(f"{name} {time / whole:.0%}" for time, name in sorted(own, reverse=True)[:4])


if __name__ == "__main__":
    main(*sys.argv[1:])
