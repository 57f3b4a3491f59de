"""THE loop: load, step, measure, stop at the budget, survive NaN, checkpoint, resume. `python -m models.train RUN_DIR [--lease FILE]`.

Plays any Adversary and never asks which architecture it holds. Exit codes and files are those of models/contract.py. The process
dies with the thread that started it and, when a lease is given, at the deadline written there (models/lease.py). torch is imported
late: a wrong recipe is refused at once, and neither the lease nor a SIGTERM waits for it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from models import contract, lease
from models.checkpoint import Damaged, load_checkpoint, save_checkpoint, write
from models.curves import curves
from models.journal import Journal
from models.record import Record

if TYPE_CHECKING:
    from torch import Tensor

CHECK_STEPS = 16
"""Losses are read this often at least; reading waits for the device."""
PROGRESS_SECONDS = 1.0
CHECKPOINT_SECONDS = 10.0
MEASURING_SHARE = 0.2
"""Under a budget in seconds a due measurement waits while measuring has taken more of the time than this."""
SETBACKS = 2
"""How often a run whose numbers are no longer finite goes on from its last checkpoint at half the learning rate."""
GRID = 64


class Refused(Exception):
    """The run cannot be done: an exit code and a code for the worker, a sentence for the user."""

    def __init__(self, exit_code: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.exit_code, self.code = exit_code, code


class Stopped(Exception):
    """Told to stop."""


def train(run_dir: Path, stopping: Callable[[], bool] = lambda: False) -> int:
    """Runs, or resumes, the recipe in `run_dir` up to its report; returns an exit code of the contract. `stopping` is asked after
    every step. A folder that has its report returns 0 at once. An error without an exit code is written as an event and raised."""
    if not run_dir.is_dir():
        sys.stderr.write(f"{run_dir} is not a folder\n")
        return contract.EXIT_BAD_RECIPE
    journal = Journal(run_dir)
    try:
        if not (run_dir / contract.REPORT).exists():
            Run(run_dir, journal, stopping).play()
        if journal.last is None or journal.last.type != "finished":
            journal.write("finished", report=contract.REPORT)
        return contract.EXIT_OK
    except Stopped:
        return contract.EXIT_STOPPED
    except Refused as refused:
        journal.write("failed", code=refused.code, detail=str(refused))
        return refused.exit_code
    except Exception as error:
        from models.hardware import out_of_memory

        if out_of_memory(error):
            journal.write("failed", code="out_of_memory", detail=str(error).partition("\n")[0][:500] or "memory ran out")
            return contract.EXIT_OUT_OF_MEMORY
        journal.write("failed", code="internal", detail=f"{type(error).__name__}: {error}"[:500])
        raise


class Run:
    """One run between two process starts."""

    def __init__(self, run_dir: Path, journal: Journal, stopping: Callable[[], bool]) -> None:
        """Reads the recipe, loads everything, and goes back to the last checkpoint if there is one. Raises Refused or Stopped."""
        self.run_dir, self.journal, self.stopping = run_dir, journal, stopping
        try:
            self.recipe, self.budget = contract.read_recipe(run_dir / contract.RECIPE)
        except (OSError, ValueError) as error:
            raise Refused(contract.EXIT_BAD_RECIPE, "bad_recipe", str(error)) from error
        from models import metrics
        from models.data import load
        from models.data.dataset import BadData
        from models.game import Game
        from models.hardware import settle
        from models.networks import build

        self.record = Record()
        try:
            self.hardware = settle(self.recipe.seed, self.recipe.options.get("threads"))
            self._leave_if_told()
            self.dataset = load(self.recipe)
            self.game = Game(build(self.recipe), self.recipe, self.dataset, self.hardware.device)
            self._leave_if_told()
            self.metric = metrics.load(self.recipe.metric, self.dataset, self.recipe.metric_samples, self.hardware.device)
        except BadData as error:
            raise Refused(contract.EXIT_BAD_DATA, "bad_data", str(error)) from error
        except ValueError as error:
            raise Refused(contract.EXIT_BAD_RECIPE, "bad_recipe", str(error)) from error
        self.reserve = 0.0
        self._losses: dict[str, float] = {}
        resumed = self._restore()
        self._start = self._progressed = self._saved = time.monotonic()
        self._rate_from = (self._start, self.game.step)
        self.journal.write(
            "started",
            architecture=self.recipe.architecture,
            dataset=self.recipe.dataset,
            device=self.hardware.device.type,
            resumed_from_step=self.game.step if resumed else None,
            skipped_files=list(self.dataset.skipped[:20]),
        )

    def play(self) -> None:
        """Steps until the budget is spent, then reports. Raises Stopped, with a checkpoint left, or Refused."""
        game, phases, record = self.game, self.game.adversary.phases, self.record
        if not record.history:
            game.begin()
        try:
            while True:
                fraction, now = self._fraction(), time.monotonic()
                done, told, measure = not phases or fraction >= 1, self.stopping(), self._measurement_due()
                progress, save = now - self._progressed >= PROGRESS_SECONDS, now - self._saved >= CHECKPOINT_SECONDS
                if done or told or measure or progress or save or game.step % CHECK_STEPS == 0:
                    if not self._sound():
                        continue
                    if progress:
                        self._progress(fraction)
                    if told:
                        raise Stopped
                    if measure or done:
                        self._measure()
                    if measure or save or done:
                        self._save()
                if done:
                    break
                game.enter_phase(fraction)
                game.play(fraction)
        except Stopped:
            self._save()
            raise
        self._finish()

    def _fraction(self) -> float:
        """Part of the budget spent; a budget in seconds keeps back what the last measurement will take."""
        parts = [0.0]
        if self.budget.steps is not None:
            parts.append(self.game.step / self.budget.steps)
        if self.budget.seconds is not None:
            parts.append((self._elapsed() + self.reserve) / self.budget.seconds)
        return min(max(parts), 1.0)

    def _elapsed(self) -> float:
        return self.record.seconds + time.monotonic() - self._start

    def _measurement_due(self) -> bool:
        if not self.record.history:
            return True
        if self.game.kimg - self.record.history[-1]["kimg"] < self.recipe.measure_every_kimg:
            return False
        if self.budget.seconds is None:
            return True
        spent = self._elapsed()
        return self.record.measuring_seconds <= MEASURING_SHARE * spent and spent + 3 * self.reserve < self.budget.seconds

    def _leave_if_told(self) -> None:
        if self.stopping():
            raise Stopped

    def _sound(self) -> bool:
        """Reads the losses; when they or the weights are not finite, goes back to the last checkpoint and returns False."""
        losses = self.game.losses()
        if all(math.isfinite(value) for value in losses.values()) and self.game.finite():
            self._losses = losses or self._losses
            return True
        self.record.setbacks += 1
        detail = f"losses or weights are not finite at step {self.game.step}: {losses}"
        if self.record.setbacks > SETBACKS:
            raise Refused(contract.EXIT_DIVERGED, "diverged", detail)
        remedy = f"back to the last checkpoint with learning rates halved, {self.record.setbacks} of {SETBACKS} times"
        health = {"code": "not_finite", "detail": detail, "remedy": remedy}
        self.record.health.append({"step": self.game.step, **health})
        self.journal.write("health", **health)
        self._restore(game_alone=True)
        self._save()
        return False

    # ------------------------------------------------------------------ what a run leaves behind

    def _progress(self, fraction: float) -> None:
        now, (then, before) = time.monotonic(), self._rate_from
        self._progressed, self._rate_from = now, (now, self.game.step)
        self.record.add_losses(self.game.kimg, self._losses)
        self.journal.write(
            "progress",
            step=self.game.step,
            kimg=self.game.kimg,
            phase=self.game.adversary.phases[self.game.phase].name if self.game.adversary.phases else None,
            fraction=fraction,
            eta_seconds=round(self._elapsed() * (1 / fraction - 1), 1) if fraction else None,
            images_per_second=round((self.game.step - before) * self.recipe.batch_size / (now - then), 1),
            loss_d=self._losses.get("discriminator"),
            loss_g=self._losses.get("generator"),
            losses=self._losses,
        )

    def _measure(self) -> None:
        """The metric, a grid of samples and the curves, of the averaged networks at this step."""
        at = {"step": self.game.step, "kimg": self.game.kimg}
        if self.record.history and self.record.history[-1]["step"] == self.game.step:
            return
        start, shown = time.monotonic(), list["Tensor"]()
        samples = self._samples(self.metric.samples if self.metric else GRID, shown)
        measured = self.metric(samples) if self.metric else None
        for _ in samples:
            pass
        self.record.add_measurement(at, measured, self.metric)
        name = f"samples/{self.game.step}.png"
        self.dataset.picture(shown[0][:GRID], self.run_dir / name)
        write(self.run_dir / contract.SAMPLES, (self.run_dir / name).read_bytes())
        metric = self.metric.name if self.metric else ""
        title = f"{self.recipe.architecture} on {self.recipe.dataset}"
        write(self.run_dir / contract.CURVES, curves(title, metric, self.record.history, self.record.losses).encode())
        if measured and self.metric:
            self.journal.write("metric", **self.record.history[-1], name=metric, samples=self.metric.samples)
        self.journal.write("samples", **at, path=name)
        took = time.monotonic() - start
        self.record.measuring_seconds += took
        self.reserve = 1.1 * took
        self._rate_from = (self._rate_from[0] + took, self._rate_from[1])

    def _samples(self, n: int, shown: list[Tensor]) -> Iterator[Tensor]:
        """n samples in batches, the first of which is shown. Raises Stopped between batches."""
        for batch in self.game.samples(n, self.recipe.seed):
            self._leave_if_told()
            if not shown:
                shown.append(batch)
            yield batch

    def _save(self) -> None:
        tensors, state = self.game.state()
        now, record = time.monotonic(), self.record
        record.seconds, self._start, self._saved = self._elapsed(), now, now
        record.peak_memory_bytes = max(record.peak_memory_bytes, self.hardware.peak_memory_bytes())
        save_checkpoint(self.run_dir, tensors, {"recipe": _digest(self.recipe), "game": state, "record": asdict(record)})
        self.journal.write("checkpoint", step=self.game.step, kimg=self.game.kimg, seconds=round(record.seconds, 2))

    def _restore(self, *, game_alone: bool = False) -> bool:
        """Goes back to the last checkpoint; False when there is none, or none that can be read."""
        try:
            found = load_checkpoint(self.run_dir)
        except Damaged as error:
            self.journal.write("health", code="checkpoint_damaged", detail=str(error), remedy="training starts afresh")
            return False
        if found is None:
            return False
        tensors, state = found
        if state["recipe"] != _digest(self.recipe):
            raise Refused(contract.EXIT_BAD_RECIPE, "bad_recipe", "this folder holds a run of another recipe; use a new folder")
        self.game.load(tensors, state["game"])
        if not game_alone:
            self.record = Record(**state["record"])
        self.game.scale_rates(0.5**self.record.setbacks)
        return True

    def _finish(self) -> None:
        """ema.safetensors, then report.json, whose presence says that the run is done."""
        record, seen = self.record, self.game.step * self.recipe.batch_size
        average = self.game.averages()
        write(self.run_dir / contract.GENERATOR, average)
        report = {
            "architecture": self.recipe.architecture,
            "dataset": {"slug": self.dataset.slug, "sha256": self.dataset.sha256, "samples": self.dataset.samples},
            "reference": {"samples": len(self.dataset.reference), "held_out": self.dataset.reference_held_out},
            "recipe": asdict(self.recipe),
            "budget": asdict(self.budget),
            "seconds": record.seconds,
            "measuring_seconds": record.measuring_seconds,
            "steps": self.game.step,
            "kimg": self.game.kimg,
            "images_per_second": seen / max(record.seconds - record.measuring_seconds, 1e-9),
            "parameters": {name: sum(p.numel() for p in net.parameters()) for name, net in self.game.networks.items()},
            "metric": record.metric(self.metric),
            "history": record.history,
            "health": record.health,
            "hardware": self.hardware.describe(),
            "peak_memory_bytes": record.peak_memory_bytes,
            "ema_sha256": hashlib.sha256(average).hexdigest(),
            "resumed": self.journal.starts - 1,
        }
        write(self.run_dir / contract.REPORT, json.dumps(report, indent=1).encode())


def _digest(recipe: contract.Recipe) -> str:
    return hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode()).hexdigest()


def main() -> int:
    """The command: lease and signals first, since the worker may vanish while torch is still being imported."""
    parser = argparse.ArgumentParser(prog="python -m models.train", description="Runs or resumes the recipe in RUN_DIR.")
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR")
    parser.add_argument("--lease", type=Path, metavar="FILE", help="holds the epoch second at which this run must be dead")
    arguments = parser.parse_args()
    # Spinning threads that wait for each other made a step up to 5 times slower when another process wanted the cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, _frame: told.append(signum))
    lease.die_with_parent()
    if arguments.lease is not None:
        lease.hold(arguments.lease)
    return train(arguments.run_dir, stopping=lambda: bool(told))


if __name__ == "__main__":
    sys.exit(main())
