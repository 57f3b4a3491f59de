"""THE loop: step, measure, stop at the budget, survive NaN, checkpoint, resume. `python -m models.train RUN_DIR [--lease FILE]`.

Plays any Adversary and never asks which architecture it holds. Exit codes and files are those of models/contract.py. The process
dies with the thread that started it and, when a lease is given, at the deadline written there (models/lease.py). torch is imported
late: a wrong recipe is refused at once, and neither the lease nor a SIGTERM waits for it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from models import contract, lease
from models.crew import Crew
from models.journal import Journal
from models.outcome import Refused, Stopped

if TYPE_CHECKING:
    from models.run import Run

CHECK_STEPS = 16
"""Losses are read this often at least; reading waits for the device."""
PROGRESS_SECONDS = 1.0
CHECKPOINT_SECONDS = 10.0
ENDS = {contract.EXIT_OUT_OF_MEMORY: (contract.EXIT_OUT_OF_MEMORY, "out_of_memory")}
"""Of another process of the run, that say more than that it is gone."""


def play(run: Run) -> None:
    """Steps until the budget is spent, then reports. Raises Stopped, with a checkpoint left, or Refused."""
    game = run.game
    run.begin()
    try:
        while True:
            now, done = time.monotonic(), run.done
            told, measure, picture = run.stopping(), run.measurement_due(), run.picture_due()
            progress, save = now - run.reported >= PROGRESS_SECONDS, now - run.saved >= CHECKPOINT_SECONDS
            if done or told or measure or picture or progress or save or game.step % CHECK_STEPS == 0:
                if not run.sound():
                    continue
                if progress:
                    run.report_progress()
                if told:
                    raise Stopped
                if measure or done:
                    run.measure()
                elif picture:
                    run.picture()
                if measure or save or done:
                    run.save()
            if done:
                break
            run.step()
    except Stopped:
        run.save()
        raise
    run.finish()


def train(run_dir: Path, stopping: Callable[[], bool] = lambda: False) -> int:
    """Runs, or resumes, the recipe in `run_dir` up to its report; returns an exit code of the contract. `stopping` is asked after
    every step. A folder that has its report returns 0 at once. An error without an exit code is written as an event and raised."""
    if not run_dir.is_dir():
        sys.stderr.write(f"{run_dir} is not a folder\n")
        return contract.EXIT_BAD_RECIPE
    try:
        return _to_its_end(run_dir, stopping)
    except OSError as error:  # also of a `failed` that found no room, whatever the failure was: a full disk makes many kinds
        if error.errno in contract.NO_SPACE:
            return contract.EXIT_NO_SPACE
        raise


def _to_its_end(run_dir: Path, stopping: Callable[[], bool]) -> int:
    """Raises OSError where there is no room, and what has no exit code."""
    journal = Journal(run_dir)
    try:
        if not (run_dir / contract.REPORT).exists():
            _train(run_dir, journal, stopping)
        if journal.last is None or journal.last.type != "finished":
            journal.write("finished", report=contract.REPORT)
        return contract.EXIT_OK
    except Stopped:
        return contract.EXIT_STOPPED
    except Refused as refused:
        journal.write("failed", code=refused.code, detail=str(refused))
        return refused.exit_code
    except Exception as error:
        if isinstance(error, OSError) and error.errno in contract.NO_SPACE:
            raise
        from models.hardware import out_of_memory

        if out_of_memory(error):
            journal.write("failed", code="out_of_memory", detail=str(error).partition("\n")[0][:500] or "memory ran out")
            return contract.EXIT_OUT_OF_MEMORY
        journal.write("failed", code="internal", detail=f"{type(error).__name__}: {error}"[:500])
        raise


def _train(run_dir: Path, journal: Journal, stopping: Callable[[], bool]) -> None:
    try:
        recipe, budget = contract.read_recipe(run_dir / contract.RECIPE)
        if recipe.batch_size % budget.devices:
            raise ValueError(f"recipe.batch_size {recipe.batch_size} cannot be split among {budget.devices} devices")
    except (OSError, ValueError) as error:
        raise Refused(contract.EXIT_BAD_RECIPE, "bad_recipe", str(error)) from error
    if budget.devices == 1:
        from models.run import Run

        play(Run(run_dir, recipe, budget, journal, stopping))
    else:
        _train_together(run_dir, recipe, budget, journal, stopping)


def _train_together(
    run_dir: Path, recipe: contract.Recipe, budget: contract.RunBudget, journal: Journal, stopping: Callable[[], bool]
) -> None:
    """As process 0 of several. Raises Refused where another has ended before it was told to."""

    def fail(why: str) -> None:
        try:
            journal.write("failed", code="rank_lost", detail=why)
        finally:
            os._exit(contract.EXIT_RANK_LOST)  # the main thread may wait for a device for ever; the others die with this process

    crew = Crew(run_dir, budget.devices, fail)
    from models import ranks
    from models.run import Run

    def asked() -> bool:
        crew.pulse = time.monotonic()
        return stopping()

    grace = 0.0
    try:
        ranks.join(crew.meeting, 0, crew.count)
        play(Run(run_dir, recipe, budget, journal, asked))
        ranks.tell(ranks.END)
        grace = 10.0
    except (Refused, Stopped):  # the others listen, or have been refused the same
        with contextlib.suppress(RuntimeError):
            ranks.tell(ranks.END)
        grace = 2.0
        raise
    except Exception as error:
        lost = crew.lost(wait=3.0)
        if lost is None:
            raise
        code, name = ENDS.get(lost[1], (contract.EXIT_RANK_LOST, "rank_lost"))
        raise Refused(code, name, crew.said(lost)) from error
    finally:
        crew.dismiss(grace)
        ranks.leave()


def follow(run_dir: Path, rank: int, meeting: Path) -> int:
    """As another process than 0: returns an exit code once it is told to end."""
    recipe, budget = contract.read_recipe(run_dir / contract.RECIPE)
    from models import ranks
    from models.hardware import out_of_memory
    from models.run import follow as obey

    try:
        ranks.join(meeting, rank, budget.devices)
        obey(run_dir, recipe, budget.devices, rank)
        ranks.leave()
        return contract.EXIT_OK
    except Exception as error:
        if out_of_memory(error):
            return contract.EXIT_OUT_OF_MEMORY
        raise


def main() -> int:
    """The command: lease and signals first, since the worker may vanish while torch is still being imported."""
    parser = argparse.ArgumentParser(prog="python -m models.train", description="Runs or resumes the recipe in RUN_DIR.")
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR")
    parser.add_argument("--lease", type=Path, metavar="FILE", help="holds the epoch second at which this run must be dead")
    parser.add_argument("--rank", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--meeting", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    # Spinning threads that wait for each other made a step up to 5 times slower when another process wanted the cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for library in ("GLOO", "NCCL"):  # processes of one machine: nothing listens to the outside
        os.environ.setdefault(f"{library}_SOCKET_IFNAME", "lo")
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, _frame: told.append(signum))
    lease.die_with_parent()
    if arguments.rank:
        return follow(arguments.run_dir, arguments.rank, arguments.meeting)  # told to stop or not, process 0 decides
    if arguments.lease is not None:
        lease.hold(arguments.lease)
    return train(arguments.run_dir, stopping=lambda: bool(told))


if __name__ == "__main__":
    sys.exit(main())
