"""Runs the planned runs of one validation in turn, relays what they report, and publishes the verdict.

Everything here may be cut off at any instant and begun again by another worker: finished runs have a report and are passed
over, an unfinished one resumes from its checkpoint, and events that are in the log already are passed over by number.
"""

from __future__ import annotations

import json
import logging
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from app import tracing
from app.settings import settings
from app.tables import LedgerRow, Measurement
from app.validations import ledger, record
from app.validations.child import Child, report_of
from app.validations.devices import Device
from app.validations.lease import Lease
from app.validations.record import Claim
from app.validations.rungs import cut, legs
from app.validations.tail import Leg, Tail
from app.validations.verdict import judge
from app.vocabulary import Status, Verdict
from models import contract

log = logging.getLogger("gan_advisor")
LOOK_SECONDS = 0.25
STARTS = 4
"""Of a child that ends by no fault of its recipe; it goes on from its checkpoint."""
PASSING = (contract.EXIT_STOPPED, contract.EXIT_NO_SPACE, contract.EXIT_RANK_LOST, -signal.SIGKILL)
"""Exit codes that may not come again: stopped by someone, the disk was full, killed as the kernel does when memory runs out."""
PAUSES = (0.5, 2.0, 8.0)
"""Seconds before it is started again, so that there may be room by then."""
T = TypeVar("T")


class Canceled(Exception):
    """The user wants it canceled."""


class Expired(Exception):
    """It took much longer than its budget."""


class Failed(Exception):
    """A run failed; the message says why."""


class Drained(Exception):
    """The worker was told to end; the child has written its checkpoint."""


@dataclass
class Seat:
    """What a worker lends to the validation it runs. `leave` ends the process."""

    device: Device
    lease: Lease
    leave: Callable[[], None]
    draining: threading.Event = field(default_factory=threading.Event)
    child: Child | None = None


class Race:
    """One attempt at one validation."""

    def __init__(self, held: Claim, seat: Seat) -> None:
        self._held, self._seat = held, seat
        self._folder = settings().runs / held.validation_id
        self._deadline = time.monotonic() + held.plan["budget"]["wall_seconds"]
        self._devices = int(held.plan.get("needs", {}).get("devices", 1))

    def run(self) -> None:
        """Trains, judges, publishes. Raises Drained, record.Superseded, record.DeclaredDead."""
        reports: dict[str, dict[str, Any] | None] = {}
        try:
            stages, stopped = self._to_the_end(reports)
            verdict = judge(self._held.plan, reports)
            report = roomy(lambda: self._write_report(verdict, {**stopped, **reports}, stages))
        except Canceled:
            self._publish(Status.CANCELED, "canceled on request")
        except Expired:
            wall = self._held.plan["budget"]["wall_seconds"]
            self._publish(Status.EXPIRED, f"stopped after {wall:.0f} s, far beyond its budget")
        except Failed as error:
            self._publish(Status.FAILED, str(error))
        except OSError as error:
            self._publish(Status.FAILED, f"the worker's disk: {error.strerror or type(error).__name__}")
        else:
            self._publish(Status.SUCCEEDED, f"{verdict.outcome}: {verdict.reason}", report, reports)

    def _to_the_end(
        self, reports: dict[str, dict[str, Any] | None]
    ) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any] | None]]:
        """Fills in the reports of the runs that decide; what each rung found, and the last reports of those that stopped there."""
        plan, stages, stopped = self._held.plan, [], dict[str, dict[str, Any] | None]()
        baseline, *racing = sorted(plan["runs"], key=lambda run: run["name"] != "baseline")
        trained = float(baseline["budget"]["seconds"])
        total = trained + sum((to - start) * number * racing[0]["budget"]["seconds"] for start, to, number in legs(plan))
        reports["baseline"] = self._one(baseline, Leg(0.0, 1.0, 0.0, total))
        before = trained
        for (start, end, _), rung in zip_longest(legs(plan), plan.get("rungs", ())):
            at: dict[str, dict[str, Any] | None] = {}
            for run in racing:
                at[run["name"]] = self._one(run, Leg(start, end, before, total))
                before += (end - start) * float(run["budget"]["seconds"])
            if rung is None:
                reports |= at
                break
            stages.append(cut(plan, rung, at))
            stopped |= {name: report for name, report in at.items() if name not in stages[-1]["kept"]}
            racing = [run for run in racing if run["name"] in stages[-1]["kept"]]
        return stages, stopped

    def _one(self, run: Mapping[str, Any], leg: Leg) -> dict[str, Any] | None:
        """The report of a run at the end of a leg, or None when it diverged. One that became hopeless goes no further."""
        run_dir = self._folder / run["name"]
        tail = patient(lambda: Tail(self._held, run_dir, run, leg))
        recipe = contract.Recipe(**{**run["recipe"], "augment": tuple(run["recipe"]["augment"])})
        for start in range(STARTS):
            report = report_of(run_dir, leg.end)
            if report is not None:
                patient(tail.look)
                return report
            budget = contract.RunBudget(**run["budget"], share=leg.end, devices=self._devices)
            roomy(lambda: contract.write_recipe(run_dir, recipe, budget))  # noqa: B023  called at once
            about = {
                "gan_advisor.run": run["name"],
                "gan_advisor.architecture": run["architecture"],
                "gan_advisor.share": leg.end,
            }
            with tracing.span("train", **about) as seen:
                code, child = self._train(run_dir, tail)
                if seen is not None:
                    seen.set_attribute("process.exit.code", code)
            if code == contract.EXIT_DIVERGED:
                return None
            if code not in (contract.EXIT_OK, *PASSING) or start + 1 == STARTS:
                again = f", in each of {STARTS} starts" if code in PASSING else ""
                raise Failed(f"run {run['name']} ({run['architecture']}): {child.reason(code)}{again}")
            if code != contract.EXIT_OK and self._seat.draining.wait(PAUSES[start]):
                raise Drained
        raise Failed(f"run {run['name']} ({run['architecture']}) left no report")

    def _train(self, run_dir: Path, tail: Tail) -> tuple[int, Child]:
        """Runs the child to its end; its exit code."""
        seat, child = self._seat, None
        try:
            while child is None or (code := child.poll()) is None:
                if child is None:  # until a predecessor's child, if it still dies, has let go of the folder
                    environment = seat.device.lent(self._devices)
                    deadline_file = seat.lease.deadline_file
                    child = seat.child = roomy(lambda: Child.start(run_dir, deadline_file, environment, self._devices))  # noqa: B023
                if seat.draining.wait(LOOK_SECONDS):
                    raise Drained
                if time.monotonic() > self._deadline:
                    raise Expired
                if patient(tail.look):
                    raise Canceled
            if not seat.lease.holds or code == -signal.SIGALRM:
                log.error("the run ended with the lease; leaving it to a peer")
                seat.leave()  # it died of the lease, which says nothing about the run
            if code == contract.EXIT_STOPPED and seat.draining.wait(2.0):  # a shutdown tells worker and child at once
                raise Drained
            patient(tail.look)
            return code, child
        except Canceled:
            if child is not None:
                child.stop(grace=2.0)
            raise
        except (Drained, Expired):
            if child is not None:
                child.stop()
            raise
        finally:
            if child is not None:
                child.kill()
            seat.child = None

    def _publish(
        self,
        outcome: Status,
        reason: str,
        report: Mapping[str, Any] | None = None,
        reports: Mapping[str, dict[str, Any] | None] | None = None,
    ) -> None:
        held = self._held
        measured: list[Measurement | LedgerRow] = [
            *self._measurements(reports or {}),
            *ledger.rows(held.validation_id, held.plan, reports or {}),
        ]
        patient(lambda: record.publish(self._held, outcome, reason, report, measured))

    def _write_report(self, verdict: Verdict, reports: Mapping[str, Any], stages: list[dict[str, Any]]) -> dict[str, Any]:
        """The validation's own report, in its folder and for its row."""
        held = self._held
        told = {"id": held.validation_id, "attempt": held.attempt, "verdict": verdict.model_dump(mode="json")}
        body: dict[str, Any] = record.finite({**told, "plan": held.plan, "runs": reports, "rungs": stages})
        replacement = self._folder / "report.new"
        replacement.write_text(json.dumps(body, indent=1, sort_keys=True, allow_nan=False) + "\n")
        replacement.replace(self._folder / contract.REPORT)
        return body

    def _measurements(self, reports: Mapping[str, dict[str, Any] | None]) -> list[Measurement]:
        rows = []
        for run in self._held.plan["runs"]:
            report = reports.get(run["name"])
            if report is None:
                continue
            last = report["metric"]["last"]
            rows.append(
                Measurement(
                    id=f"{self._held.validation_id}/{run['name']}",
                    validation_id=self._held.validation_id,
                    architecture=run["architecture"],
                    dataset=self._held.plan["dataset"]["slug"],
                    metric=self._held.plan["metric"],
                    value=last["value"],
                    low=last.get("low"),
                    high=last.get("high"),
                    body=record.finite({"recipe": run["recipe"], "budget": run["budget"], "report": report}),
                )
            )
        return rows


def roomy(call: Callable[[], T]) -> T:
    """Repeats what writes to the disk a few times while that is full. Raises OSError."""
    for pause in PAUSES:
        try:
            return call()
        except OSError as error:
            if error.errno not in contract.NO_SPACE:
                raise
            log.warning("the disk is full: trying again in %g s", pause)
            time.sleep(pause)
    return call()


def patient(call: Callable[[], T]) -> T:
    """Repeats a write while the database is away; the lease ends this process when that lasts too long."""
    while True:
        try:
            return call()
        except DBAPIError as error:
            if not (isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated):
                raise
            log.warning("the database did not answer: %s", type(error).__name__)
            time.sleep(0.5)
