"""Training speed of our loop as a ratio to packages that pip installs, at the same architecture and batch.

    pip install --no-deps torchgan vegans torch-mimicry stylegan2_pytorch pro-gan-pth ctgan gretel-synthetics
    python -m benchmarks.peers [NETWORK ...]

None is a dependency of ours; benchmarks/others.py says what each needs and how it differs. Each in a process of its own, on one thread.
Ours in fp32, ours in bf16 and the package take turns, a convolution is timed before each turn; ratios are medians of those of
neighbouring turns, above 1 where ours is faster. A sample counts where the discriminator learns from it. Ours also keeps a moving
average of the generator, which most packages do not.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

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


@dataclass(frozen=True)
class Row:
    """Samples a second; `fp32_ratio` and `bf16_ratio` are of ours in that precision to the package."""

    network: str
    package: str
    parameters: int
    their_parameters: int
    fp32: float
    bf16: float
    theirs: float
    fp32_ratio: float
    bf16_ratio: float
    convolution_gflops: float


def main(*names: str) -> list[Row]:
    """Prints a line for each package, also for those that are not there or fail, and returns the rows."""
    titles = f"{'parameters':>15}{'fp32/s':>9}{'bf16/s':>9}{'theirs':>9}{'fp32':>7}{'bf16':>7}{'conv GFLOP/s':>14}"
    print(f"{'network':<14}{'package':<26}{titles}", flush=True)
    rows = []
    for name in names or PEERS:
        line = f"import json; from benchmarks.peers import raced; print(json.dumps(raced({name!r})))"
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", line], capture_output=True, text=True, check=False)
        if done.returncode:  # one that fails takes no other with it
            print(f"{name:<14}failed: {done.stderr.strip().rpartition(chr(10))[2]}", flush=True)
            continue
        said = json.loads(done.stdout.splitlines()[-1])
        if isinstance(said, str):
            print(f"{name:<14}{said}", flush=True)
            continue
        rows.append(row := Row(**said))
        sizes = f"{row.parameters / 1e6:.3g} / {row.their_parameters / 1e6:.3g} M"
        speeds = f"{row.fp32:>9.3g}{row.bf16:>9.3g}{row.theirs:>9.3g}{row.fp32_ratio:>7.2f}{row.bf16_ratio:>7.2f}"
        print(f"{row.network:<14}{row.package:<26}{sizes:>15}{speeds}{row.convolution_gflops:>14.0f}", flush=True)
    return rows


def raced(name: str) -> dict[str, Any] | str:
    """One row, or why there is none."""
    settle(0, 1)
    peer = PEERS[name]
    one, data = peer.recipe, load(peer.recipe)
    try:
        package, theirs = peer.loop(one, data)
    except Absent as absent:
        return str(absent)
    games = [begun(Game(build(each, data), each, data, CPU)) for each in (replace(one, precision=p) for p in PRECISIONS)]
    plays = [partial(timed, partial(game.play, 1.0)) for game in games]
    theirs.seconds(1)
    for play in plays:  # once to warm up
        play(peer.period)
    counts = [peer.period * max(1, round(SECONDS / play(peer.period))) for play in plays]
    calls = max(1, round(SECONDS / theirs.seconds(1)))
    rates, ours, others = [], [list[float]() for _ in plays], []
    for _ in range(TURNS):
        rates.append(convolution() / 1e9)
        for play, count, found in zip(plays, counts, ours, strict=True):
            found.append(count * one.batch_size / play(count))
        others.append(calls * theirs.samples / theirs.seconds(calls))
    mine = sum(p.numel() for group in games[0].parameters.values() for p in group)
    speeds = [statistics.median(found) for found in (*ours, others)]
    ratios = [statistics.median(a / b for a, b in zip(found, others, strict=True)) for found in ours]
    return asdict(Row(one.architecture, package, mine, theirs.parameters, *speeds, *ratios, statistics.median(rates)))


def begun(game: Game) -> Game:
    """In its last phase."""
    game.begin()
    game.phase = len(game.adversary.phases) - 1
    return game


if __name__ == "__main__":
    main(*sys.argv[1:])
