"""A finished run again, by its steps: on the same CPU and versions it gives the same bits. `python -m models.replay PATH`.

PATH is a report.json, of a run or of a validation with all its runs, or a folder that holds one. Time decided how many steps the
first run made, when it measured and how fast it went through what depends on its budget; all of this stands in its report.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from models import contract
from models.contract import Recipe, RunBudget
from models.health import Finding
from models.journal import Journal
from models.outcome import Refused
from models.run import Run
from models.train import play

EXIT_DIFFERENT = 2
COMPARED = ("dataset", "steps", "parameters", "history", "metric", "ema_sha256")
"""Parts of a report that have nothing of the clock in them."""


class Replay(Run):
    """Goes by what is written in a report, never by the clock."""

    def __init__(self, run_dir: Path, told: Mapping[str, Any]) -> None:
        """Raises Refused when the report does not say enough."""
        self._told, self._measured = told, {row["step"] for row in told["history"]}
        recipe = Recipe(**{**told["recipe"], "augment": tuple(told["recipe"]["augment"])})
        budget = RunBudget(**told["budget"])
        if budget.devices > 1:
            raise Refused(
                contract.EXIT_BAD_RECIPE, "devices", f"it ran on {budget.devices} devices at once; a replay runs on one"
            )
        if told.get("setbacks"):
            raise Refused(
                contract.EXIT_BAD_RECIPE, "setbacks", "it fell back to a checkpoint, and when it did was a matter of time"
            )
        if "pace" not in told:
            raise Refused(
                contract.EXIT_BAD_RECIPE, "no_pace", "its report is of an earlier version, which did not write down its pace"
            )
        torch.set_num_threads(told["hardware"]["threads"])
        super().__init__(run_dir, recipe, budget, Journal(run_dir), lambda: False)

    @property
    def done(self) -> bool:
        return bool(self.game.step >= self._told["steps"])

    @property
    def pace(self) -> float:
        if self.budget.seconds is None:
            return self.fraction
        return float(next((level for step, level in reversed(self._told["pace"]) if step <= self.game.step), 0.0))

    def measurement_due(self) -> bool:
        return self.game.step in self._measured

    def _tell(self, *findings: Finding) -> None:
        """What the watch says ends no replay."""


def replay(told: Mapping[str, Any]) -> dict[str, Any]:
    """The report of a run that is played again. Raises Refused."""
    with tempfile.TemporaryDirectory(prefix="gan-advisor-replay-") as name:
        play(Replay(Path(name), told))
        found: dict[str, Any] = json.loads((Path(name) / contract.REPORT).read_text())
        return found


def differences(told: Mapping[str, Any], again: Mapping[str, Any]) -> Iterator[str]:
    """The compared parts that are not the same to the last bit."""
    for part in COMPARED:
        if json.dumps(told[part], sort_keys=True) != json.dumps(again[part], sort_keys=True):
            yield part


def reports(path: Path) -> dict[str, dict[str, Any]]:
    """Name -> report of each run that a report, or the folder of one, tells of. Raises OSError, ValueError."""
    body = json.loads((path / contract.REPORT if path.is_dir() else path).read_text())
    if "runs" not in body:
        return {str(body["architecture"]): body}
    return {name: report for name, report in body["runs"].items() if report is not None}


def main() -> int:
    """Prints a line for each run. 0: all the same; 2: some differ; 64: one cannot be replayed."""
    parser = argparse.ArgumentParser(
        prog="python -m models.replay", description="Plays finished runs again and compares every figure."
    )
    parser.add_argument("path", type=Path, metavar="REPORT_OR_FOLDER")
    parser.add_argument("--dataset", metavar="PATH", help="where the data set lies that a report names without its place")
    arguments = parser.parse_args()
    try:
        found = reports(arguments.path)
    except (OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"{arguments.path} is no report: {error}\n")
        return contract.EXIT_BAD_RECIPE
    worst = contract.EXIT_OK
    for name, told in found.items():
        if arguments.dataset:
            told["recipe"]["dataset"] = told["dataset"]["slug"] = arguments.dataset
        try:
            again = replay(told)
        except (Refused, KeyError) as error:
            sys.stdout.write(f"{name}: cannot be replayed: {error}\n")
            worst = max(worst, contract.EXIT_BAD_RECIPE)
            continue
        parts = list(differences(told, again))
        figure = (again.get("metric") or {}).get("last") or {}
        what = f"{name}: {again['steps']} steps, {figure.get('value')}"
        if not parts:
            sys.stdout.write(f"{what}: the same to the last bit\n")
            continue
        worst = max(worst, EXIT_DIFFERENT)
        machine = [key for key in ("device", "cpu", "threads", "torch") if told["hardware"][key] != again["hardware"][key]]
        why = f"; another {', '.join(machine)} than then" if machine else ""
        sys.stdout.write(f"{what}: differs in {', '.join(parts)}{why}\n")
    return worst


if __name__ == "__main__":
    sys.exit(main())
