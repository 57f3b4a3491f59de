"""Who goes on at a rung, who stops and why, and that a race begun anew finds the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.settings import settings
from app.validations import record, store
from app.validations.devices import Device
from app.validations.lease import Lease
from app.validations.race import Race, Seat
from app.validations.rungs import cut, legs, rungs, whole_runs
from app.vocabulary import Status
from models.contract import REPORT
from tests.validations import samples
from tests.validations.conftest import ask
from tests.validations.test_store import claim, register

NAMES = ("candidate", "runner-up", "runner-up-2", "runner-up-3")
PLAN: dict[str, Any] = {
    "direction": "min",
    "runs": [{"name": name, "architecture": f"net-{name}"} for name in ("baseline", *NAMES)],
    "rungs": rungs(4),
}


def at(*values: float | None) -> dict[str, Any]:
    return {n: None if v is None else samples.report(v, noise=0, shared=0) for n, v in zip(NAMES, values, strict=True)}


def test_two_are_never_halved_and_each_rung_doubles_what_was_spent() -> None:
    assert rungs(1) == rungs(2) == []
    assert rungs(3) == rungs(4) == [{"share": 0.5, "keep": 2}]
    assert rungs(8) == [{"share": 0.25, "keep": 4}, {"share": 0.5, "keep": 2}]
    assert (whole_runs(2), whole_runs(3), whole_runs(4), whole_runs(8)) == (2, 2.5, 3, 4)
    assert legs(PLAN) == [(0.0, 0.5, 4), (0.5, 1.0, 2)]


def test_the_candidate_goes_on_with_the_best_of_the_others_even_from_the_last_place() -> None:
    found = cut(PLAN, PLAN["rungs"][0], at(0.9, 0.4, 0.3, 0.5))
    assert found["kept"] == ["candidate", "runner-up-2"]
    assert [(s["run"], s["because"]) for s in found["stopped"]] == [
        ("runner-up", "net-runner-up-2 was better"),
        ("runner-up-3", "net-runner-up-2 was better"),
    ]
    assert found["figures"]["candidate"] == pytest.approx(0.9)
    most = cut({**PLAN, "direction": "max"}, PLAN["rungs"][0], at(0.9, 0.4, 0.3, 0.5))
    assert most["kept"] == ["candidate", "runner-up-3"]


def test_what_diverged_stops_and_says_so() -> None:
    found = cut(PLAN, PLAN["rungs"][0], at(None, 0.4, None, 0.5))
    assert found["kept"] == ["runner-up"]
    assert {s["run"]: s["because"] for s in found["stopped"]}["candidate"] == "it diverged"


def test_a_race_that_another_worker_ends_stops_the_same_runs_and_its_report_says_which(database: str) -> None:
    register("w")
    made = ask(architectures=["gan", "dcgan", "sngan"])
    assert "stop there and decide nothing" in made.plan["rule"]
    folder = settings().runs / made.id

    def leave(run: str, file: str, value: float, share: float) -> None:
        (folder / run).mkdir(parents=True, exist_ok=True)
        body = {**samples.report(value, noise=0), "budget": {"seconds": 1.0, "steps": None, "share": share}}
        (folder / run / file).write_text(json.dumps(body))

    leave("baseline", REPORT, 3.0, 1.0)
    leave("candidate", "report-0.5.json", 1.5, 0.5)  # moved aside before the worker was lost
    leave("candidate", REPORT, 1.0, 1.0)
    leave("runner-up", REPORT, 0.1, 0.5)  # the best at the rung, but it became hopeless after that
    leave("runner-up-2", REPORT, 2.0, 0.5)
    body = json.loads((folder / "runner-up" / REPORT).read_text())
    (folder / "runner-up" / REPORT).write_text(json.dumps({**body, "stopped_early": True}))

    device = Device("cpu", False, 8 * 10**9, {})
    Race(claim(made.id, "w"), Seat(device, Lease("w", device, lambda: None), lambda: None)).run()
    done = store.get(made.id)
    assert done.status is Status.SUCCEEDED, done.status_reason
    assert done.report is not None
    (stage,) = done.report["rungs"]
    assert stage["share"] == 0.5 and stage["kept"] == ["candidate", "runner-up"]
    assert [(s["run"], s["architecture"], s["because"]) for s in stage["stopped"]] == [
        ("runner-up-2", "sngan", "dcgan was better")
    ]
    assert set(done.report["runs"]) == {"baseline", "candidate", "runner-up", "runner-up-2"}
    assert done.report["verdict"]["outcome"] == "overturned"
    assert record.relayed(made.id, "runner-up-2") == 0
