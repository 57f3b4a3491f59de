"""One run between two process starts: what it loads, what it leaves behind. The loop itself is models/train.py."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from torch import Tensor

from models import contract, metrics, ranks
from models.checkpoint import Damaged, load_checkpoint, save_checkpoint, write
from models.contract import Recipe, RunBudget
from models.curves import curves
from models.data import load
from models.data.dataset import BadData, Dataset
from models.game import Game
from models.hardware import Hardware, settle
from models.health import Evidence, Finding, Watch
from models.journal import Journal
from models.networks import build
from models.outcome import Refused, Stopped
from models.record import Record

GRID = 64
PICTURES = 8
"""Grids of a run at least, evenly over its budget: a metric is slow and measured more seldom."""
PACES = 256
MEASURING_SHARE = 0.2
"""Under a budget in seconds a due measurement waits while measuring has taken more of the time than this."""
SETBACKS = 2
"""How often a run whose numbers are no longer finite goes on from its last checkpoint at half the learning rate."""


class Run:
    def __init__(self, run_dir: Path, recipe: Recipe, budget: RunBudget, journal: Journal, stopping: Callable[[], bool]) -> None:
        """Loads data, networks and metric, and goes back to the last checkpoint if there is one. Raises Refused or Stopped."""
        self.run_dir, self.recipe, self.budget, self.journal, self.stopping = run_dir, recipe, budget, journal, stopping
        self.record, self.losses = Record(), dict[str, float]()
        try:
            self.game, self.dataset, self.hardware = _game(recipe, budget.devices, 0, self._leave_if_told)
            self._leave_if_told()
            self.metric = metrics.load(recipe.metric, self.dataset, recipe.metric_samples, self.hardware.device)
        except BadData as error:
            raise Refused(contract.EXIT_BAD_DATA, "bad_data", str(error)) from error
        except ValueError as error:
            raise Refused(contract.EXIT_BAD_RECIPE, "bad_recipe", str(error)) from error
        resumed = self._restore()
        self._start = self.reported = self.saved = time.monotonic()
        self._rate_from = (self._start, self.game.step)
        self._drawn = int(self.fraction * PICTURES)
        self.journal.write(
            "started",
            architecture=recipe.architecture,
            dataset=recipe.dataset,
            device=self.hardware.device.type,
            resumed_from_step=self.game.step if resumed else None,
            skipped_files=list(self.dataset.skipped[:20]),
        )

    @property
    def elapsed(self) -> float:
        """Seconds spent, over all resumes."""
        return self.record.seconds + time.monotonic() - self._start

    @property
    def fraction(self) -> float:
        """Part of the budget spent; a budget in seconds keeps back what the last measurement will take."""
        parts = [0.0]
        if self.budget.steps is not None:
            parts.append(self.game.step / self.budget.steps)
        if self.budget.seconds is not None:
            parts.append((self.elapsed + self.record.reserve) / self.budget.seconds)
        return min(max(parts), 1.0)

    @property
    def done(self) -> bool:
        """The share of the budget is spent, or there is nothing more to learn."""
        return not self.game.adversary.phases or self.fraction >= self.budget.share or self.record.hopeless

    @property
    def pace(self) -> float:
        """The fraction that training goes by; where time decides, in steps of 1/PACES that are written down, for a replay."""
        fraction = self.fraction
        if self.budget.seconds is None:
            return fraction
        level = round(fraction * PACES) / PACES
        if not self.record.pace or self.record.pace[-1][1] != level:
            self.record.pace.append((self.game.step, level))
        return level

    def measurement_due(self) -> bool:
        """At the start, then every so many images; not so close to the end of the time that the last measurement says the same."""
        record, budget = self.record, self.budget
        if not record.history:
            return True
        if self.game.kimg - record.history[-1]["kimg"] < self.recipe.measure_every_kimg:
            return False
        if budget.seconds is None:
            return True
        end = budget.share * budget.seconds
        return record.measuring_seconds <= MEASURING_SHARE * self.elapsed and self.elapsed + 3 * record.reserve < end

    def sound(self) -> bool:
        """Reads the losses; when they or the weights are not finite, goes back to the last checkpoint and returns False.
        Raises Refused when that has been tried SETBACKS times."""
        losses = self.game.losses()
        if all(math.isfinite(value) for value in losses.values()) and self.game.finite():
            self.losses = losses or self.losses
            if losses:
                with self._watch() as watch:
                    self._tell(*watch.gradients(self.game.gradient_norms()), *watch.losses(self.losses))
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
        self.save()
        return False

    def report_progress(self) -> None:
        fraction = self.fraction
        now, (then, before) = time.monotonic(), self._rate_from
        self.reported, self._rate_from = now, (now, self.game.step)
        self.record.add_losses(self.game.kimg, self.losses)
        self.journal.write(
            "progress",
            step=self.game.step,
            kimg=self.game.kimg,
            phase=self.game.adversary.phases[self.game.phase].name if self.game.adversary.phases else None,
            fraction=fraction,
            eta_seconds=round(self.elapsed * (1 / fraction - 1), 1) if fraction else None,
            images_per_second=round((self.game.step - before) * self.recipe.batch_size / (now - then), 1),
            loss_d=self.losses.get("discriminator"),
            loss_g=self.losses.get("generator"),
            losses=self.losses,
        )

    def measure(self) -> None:
        """The metric, a grid of samples and the curves, of the averaged networks at this step."""
        at = {"step": self.game.step, "kimg": self.game.kimg}
        if self.record.history and self.record.history[-1]["step"] == self.game.step:
            return
        start, shown = time.monotonic(), list[Tensor]()
        samples = self._samples(self.metric.samples if self.metric else GRID, shown)
        measured = self.metric(samples) if self.metric else None
        for _ in samples:
            pass
        self.record.add_measurement(at, measured, self.metric)
        self._look(shown[0])
        metric = self.metric.name if self.metric else ""
        title = f"{self.recipe.architecture} on {self.recipe.dataset}"
        write(self.run_dir / contract.CURVES, curves(title, metric, self.record.history, self.record.losses).encode())
        if measured and self.metric:
            self.journal.write("metric", **self.record.history[-1], name=metric, samples=self.metric.samples)
        self._draw(shown[0])
        self.record.reserve = 1.1 * self._spent(start)

    def picture_due(self) -> bool:
        """Another part of the budget is over."""
        return int(self.fraction * PICTURES) > self._drawn

    def picture(self) -> None:
        """A grid of samples of the averaged networks at this step."""
        start, shown = time.monotonic(), list[Tensor]()
        for _ in self._samples(GRID, shown):
            pass
        self._draw(shown[0])
        self._spent(start)

    def _draw(self, samples: Tensor) -> None:
        name = f"{contract.GRIDS}/{self.game.step}.png"
        self.dataset.picture(samples[:GRID], self.run_dir / name)
        write(self.run_dir / contract.SAMPLES, (self.run_dir / name).read_bytes())
        self.journal.write("samples", step=self.game.step, kimg=self.game.kimg, path=name)
        self._drawn = int(self.fraction * PICTURES)

    def _spent(self, start: float) -> float:
        """Seconds since then, which are not training's."""
        took = time.monotonic() - start
        self.record.measuring_seconds += took
        self._rate_from = (self._rate_from[0] + took, self._rate_from[1])
        return took

    @contextmanager
    def _watch(self) -> Iterator[Watch]:
        watch = Watch(**self.record.watch)
        yield watch
        self.record.watch = asdict(watch)

    def _tell(self, *findings: Finding) -> None:
        """Each finding as an event, and in the report."""
        for finding in findings:
            self.record.hopeless |= finding.hopeless
            self.record.health.append({"step": self.game.step, **finding.event()})
            self.journal.write("health", step=self.game.step, **finding.event())

    def _look(self, shown: Tensor) -> None:
        """The watch sees samples and figures; not those of a baseline, which does not learn, nor of a phase before any are meant."""
        phases = self.game.adversary.phases
        if not phases or not phases[self.game.phase].watched:
            self.record.unwatched = len(self.record.history)
            return
        data, field, m = self.dataset, self.dataset.output, 256
        some = {name: data.cast(values[:m]) for name, values in data.fields.items() if len(values) == len(data.fields[field])}
        held = {name: data.cast(values[:m]) for name, values in data.reference.items()} if data.reference_held_out else None
        fake = data.bare(shown[:100]).cpu()
        judged = None
        if held is not None and field in held and set(some) <= set(held):
            alike = {name: values[: len(fake)] for name, values in held.items()} | {field: fake.to(held[field].dtype)}
            parts = some, held, alike
            where = self.hardware.device
            logits = self.game.judged(*({k: v.to(where) for k, v in part.items()} for part in parts))
            judged = None if logits is None else (logits[0], logits[1], logits[2])
        real = data.cast(data.fields[field][: 4 * m])
        evidence = Evidence(fake, real, data.cast(data.reference[field][: 4 * m]) if held else None, self.recipe.augment, judged)
        told = self.record.history[:1] + self.record.history[max(1, self.record.unwatched) :]
        values = [row["value"] for row in told if "value" in row]
        with self._watch() as watch:
            self._tell(*watch.samples(evidence, self.fraction))
            if self.metric and values:
                self._tell(*watch.figures(values, self.metric.direction, self.fraction))

    def _samples(self, n: int, shown: list[Tensor]) -> Iterator[Tensor]:
        """n samples in batches, the first of which is shown. Raises Stopped between batches."""
        for batch in self.game.samples(n, self.recipe.seed):
            self._leave_if_told()
            if not shown:
                shown.append(batch)
            yield batch

    def save(self) -> None:
        ranks.tell(ranks.SAVE)
        tensors, state = self.game.state()
        now, record = time.monotonic(), self.record
        record.seconds, self._start, self.saved = self.elapsed, now, now
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
        ranks.tell(ranks.BACK, 0.5**self.record.setbacks)
        return True

    def begin(self) -> None:
        """What is fitted before the first step of a run that has none yet."""
        if not self.record.history:
            ranks.tell(ranks.BEGIN)
            self.game.begin()

    def step(self) -> None:
        """One step of every process."""
        pace = self.pace
        ranks.tell(ranks.STEP, pace)
        self.game.enter_phase(pace)
        self.game.play(pace)

    def finish(self) -> None:
        """ema.safetensors, then report.json, whose presence says that the run is done."""
        record, seen = self.record, self.game.step * self.recipe.batch_size
        average = self.game.averages()
        write(self.run_dir / contract.GENERATOR, average)
        report = {
            "architecture": self.recipe.architecture,
            "dataset": {"slug": self.dataset.slug, "sha256": self.dataset.sha256, "samples": self.dataset.samples},
            "reference": {"samples": self.dataset.held, "held_out": self.dataset.reference_held_out},
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
            "stopped_early": record.hopeless,
            "setbacks": record.setbacks,
            "pace": record.pace,
            "hardware": self.hardware.describe(),
            "peak_memory_bytes": record.peak_memory_bytes,
            "ema_sha256": hashlib.sha256(average).hexdigest(),
            "resumed": self.journal.starts - 1,
        }
        write(self.run_dir / contract.REPORT, json.dumps(report, indent=1).encode())

    def _leave_if_told(self) -> None:
        if self.stopping():
            raise Stopped


def follow(run_dir: Path, recipe: Recipe, devices: int, rank: int) -> None:
    """A process of a run that is not its first: does as it is told, to the end."""
    game, _, _ = _game(recipe, devices, rank)
    while True:
        order, value = ranks.listen()
        if order == ranks.BEGIN:
            game.begin()
        elif order == ranks.STEP:
            game.enter_phase(value)
            game.play(value)
        elif order == ranks.SAVE:
            game.noise()
        elif order == ranks.BACK:
            tensors, state = load_checkpoint(run_dir) or (b"", {})
            game.load(tensors, state["game"])
            game.scale_rates(value)
        else:
            return


def _game(recipe: Recipe, devices: int, rank: int, between: Callable[[], None] = lambda: None) -> tuple[Game, Dataset, Hardware]:
    """The game as every process of a run begins it, with the same weights. Raises BadData, ValueError, and what `between` raises."""
    hardware = settle(recipe.seed, recipe.options.get("threads"), rank, devices)
    between()
    own = ranks.part(recipe, devices)
    dataset = load(recipe)
    return Game(build(own, dataset), recipe, dataset, hardware.device), dataset, hardware


def _digest(recipe: contract.Recipe) -> str:
    return hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode()).hexdigest()
