"""Training speed of our loop as a ratio to packages that pip installs, at the same architecture and batch.

    pip install --no-deps torchgan vegans torch-mimicry stylegan2_pytorch pro-gan-pth ctgan gretel-synthetics
    python -m benchmarks.peers [NETWORK ...]

None is a dependency of ours; benchmarks/others.py says what each needs and how it differs. Each in a process of its own, on one thread.
Ours in fp32, ours in bf16 and the package take turns, a convolution is timed before each turn; ratios are medians of those of
neighbouring turns, above 1 where ours is faster. A sample counts where the discriminator learns from it. Ours also keeps a moving
average of the generator, which most packages do not.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from dataclasses import replace
from functools import partial

from benchmarks.others import PEERS, Absent
from benchmarks.plain import CPU, convolution, timed
from models.contract import Precision
from models.data import load
from models.game import Game
from models.hardware import settle
from models.networks import build

TURNS, SECONDS = 5, 1.0
"""Of each, and of a turn at least."""
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
COLUMNS = {
    "network": 14,
    "package": 26,
    "parameters": 16,
    "fp32/s": 9,
    "bf16/s": 9,
    "theirs": 9,
    "fp32": 7,
    "bf16": 7,
    "conv G/s": 10,
}
"""Title and width. `conv G/s`: GFLOP/s of the convolution."""


def main(*names: str) -> None:
    """Prints a line for each package, also for those that are not installed."""
    tell(*COLUMNS)
    for name in names or PEERS:
        line = f"from benchmarks.peers import raced; raced({name!r})"
        subprocess.run([sys.executable, "-W", "ignore", "-c", line], check=False)  # one that fails takes no other with it


def tell(*cells: str) -> None:
    """As many cells as there are, names to the left."""
    widths = [-width if i < 2 else width for i, width in enumerate(COLUMNS.values())]
    print("".join(f"{cell:{'<' if w < 0 else '>'}{abs(w)}}" for cell, w in zip(cells, widths, strict=False)), flush=True)


def raced(name: str) -> None:
    """One line of the table."""
    settle(0, 1)
    peer = PEERS[name]
    one, data = peer.recipe, load(peer.recipe)
    try:
        package, theirs = peer.loop(one, data)
    except Absent as absent:
        tell(one.architecture, str(absent))
        return
    games = [begun(Game(build(each, data), each, data, CPU)) for each in (replace(one, precision=p) for p in PRECISIONS)]
    plays = [partial(timed, partial(game.play, 1.0)) for game in games]
    for play in (*plays, theirs.seconds):  # once to warm up
        play(peer.period if play is not theirs.seconds else 1)
    counts = [peer.period * max(1, round(SECONDS / play(peer.period))) for play in plays]
    calls = max(1, round(SECONDS / theirs.seconds(1)))
    rates, ours, others = [], [list[float]() for _ in plays], []
    for _ in range(TURNS):
        rates.append(convolution() / 1e9)
        for play, count, found in zip(plays, counts, ours, strict=True):
            found.append(count * one.batch_size / play(count))
        others.append(calls * theirs.samples / theirs.seconds(calls))
    mine = sum(p.numel() for group in games[0].parameters.values() for p in group)
    speeds = [f"{statistics.median(found):.3g}" for found in (*ours, others)]
    ratios = [f"{statistics.median(a / b for a, b in zip(found, others, strict=True)):.2f}" for found in ours]
    sizes = f"{mine / 1e6:.3g} / {theirs.parameters / 1e6:.3g} M"
    tell(one.architecture, package, sizes, *speeds, *ratios, f"{statistics.median(rates):.0f}")


def begun(game: Game) -> Game:
    """In its last phase."""
    game.begin()
    game.phase = len(game.adversary.phases) - 1
    return game


if __name__ == "__main__":
    main(*sys.argv[1:])
