"""Predicted against measured: what a finished run leaves in the ledger, and what the ledger does to estimates."""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app import db
from app.recommend import Advisor
from app.recommend.cost import predict
from app.recommend.cost.ledger import SCATTER, SHIFT, correction, without_each
from app.tables import LedgerRow
from app.validations import ledger, record
from app.vocabulary import EstimateRequest, Knowledge, LedgerPair, Status
from tests.validations import samples
from tests.validations.conftest import ask
from tests.validations.test_store import claim, register

CPU = {"device": "cpu", "gpu": None, "cpu": "AMD EPYC", "threads": 2}


def report(**changes: Any) -> dict[str, Any]:
    return {
        "hardware": CPU,
        "steps": 500,
        "images_per_second": 250.0,
        "peak_memory_bytes": 600_000_000,
        **samples.report(0.5),
        **changes,
    }


def published(architecture: str = "gan", **changes: Any) -> str:
    """A validation whose candidate ended with such a report, published as its worker would."""
    made = ask(architectures=[architecture])
    held = claim(made.id, "w")
    reports = {"baseline": samples.report(1.0), "candidate": report(**changes)}
    record.publish(held, Status.SUCCEEDED, "done", None, ledger.rows(made.id, held.plan, reports))
    return made.id


def pair(quantity: str, measured: float, predicted: float = 1.0, hardware: str = "CPU") -> LedgerPair:
    return LedgerPair(
        id=f"{measured}", created_at="", quantity=quantity, unit="", hardware=hardware, device="", architecture="gan", task="",
        resolution=8, length=None, width=16, batch_size=16, precision="fp32", predicted=predicted, low=0.5 * predicted,
        high=2 * predicted, measured=measured, basis="",
    )  # type: ignore[arg-type]  # fmt: skip


def test_a_finished_run_leaves_a_pair_of_its_time_and_one_of_its_memory(database: str) -> None:
    register("w")
    made = published()
    found, more = ledger.page(10, {})
    assert more is None
    assert {(p.id, p.hardware, p.quantity, p.measured) for p in found} == {
        (f"{made}/candidate/time", "CPU", "time", 4.0),
        (f"{made}/candidate/memory", "CPU", "memory", 600_000_000.0),
    }
    for each in found:
        assert each.low < each.predicted < each.high
        assert (each.architecture, each.resolution, each.width, each.batch_size) == ("gan", 8, 16, 16)
        assert each.device == "AMD EPYC, 2 threads"
        assert "traced step" in each.basis
    memory = next(p for p in found if p.quantity == "memory")
    assert 4e8 < memory.predicted < 6e8, "the process itself, and little more for so small a network"


def test_too_few_steps_say_nothing_of_speed_and_an_unknown_gpu_nothing_at_all(database: str) -> None:
    register("w")
    published(steps=ledger.LEAST_STEPS - 1)
    assert [p.quantity for p in ledger.page(10, {})[0]] == ["memory"]
    published(hardware={**CPU, "gpu": "Abacus 9000"})
    assert len(ledger.pairs()) == 1
    published(hardware={**CPU, "gpu": "NVIDIA GeForce RTX 3090"})
    assert {p.hardware for p in ledger.pairs()} == {"CPU", "RTX 3090"}


def test_a_report_that_cannot_be_read_costs_no_verdict(caplog: pytest.LogCaptureFixture) -> None:
    plan = {"runs": [{"name": "candidate", "recipe": {"architecture": "gan", "width": 16}}]}
    with caplog.at_level(logging.ERROR):
        assert ledger.rows("v", plan, {"candidate": {"hardware": CPU}}) == []
    assert "no pair for the ledger" in caplog.text


def test_every_network_is_predicted_for_what_a_validation_trains() -> None:
    profiles, _ = ledger.known()
    slugs = {p.architecture for p in profiles}
    assert slugs
    for slug in slugs:
        own = [p for p in profiles if p.architecture == slug]
        assert {p.recipe for p in own} == {"published", "cpu"}, slug


def test_pages_go_through_all_pairs_once_newest_first(client: TestClient) -> None:
    with db.transaction() as session:
        for number in range(5):
            figures = dict(
                hardware="CPU", quantity="time", architecture="gan", predicted=1.0, low=0.5, high=2.0, measured=1.0 + number
            )
            body = dict(task="t", resolution=8, length=0, width=8, batch_size=8, precision="fp32", device="cpu", basis="b")
            session.add(LedgerRow(id=f"v/{number}/time", created_at=float(number), body=body, **figures))
        session.add(LedgerRow(id="v/9/memory", created_at=9.0, body=body, **{**figures, "quantity": "memory"}))
    seen: list[float] = []
    path = "/v1/estimates/ledger?quantity=time&limit=2"
    answer = client.get(path).json()
    while True:
        seen += [p["measured"] for p in answer["items"]]
        if answer["next_cursor"] is None:
            break
        answer = client.get(f"{path}&cursor={answer['next_cursor']}").json()
    assert seen == [5.0, 4.0, 3.0, 2.0, 1.0]
    (summary,) = answer["summary"]
    assert (summary["hardware"], summary["pairs"], summary["coverage"]) == ("CPU", 5, 0.4)
    assert summary["median_relative_error"] == pytest.approx(2 / 3, abs=1e-4)
    whole = client.get("/v1/estimates/ledger")
    assert len(whole.json()["items"]) == 6
    assert client.get("/v1/estimates/ledger", headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
    assert len(client.get("/v1/estimates/ledger", headers={"Accept": "text/csv"}).text.splitlines()) == 7
    assert client.get(f"/v1/estimates/ledger?cursor={'x' * 30}").status_code == 422


def test_an_empty_ledger_is_an_empty_page(client: TestClient) -> None:
    assert client.get("/v1/estimates/ledger").json() == {"items": [], "next_cursor": None, "summary": []}


def test_the_correction_is_the_mean_log_ratio_drawn_towards_none() -> None:
    prior = (SCATTER / SHIFT) ** 2
    pairs = [pair("time", 2.0), pair("time", 2.0), pair("memory", 9.0), pair("time", 9.0, hardware="RTX 3090")]
    found = correction(pairs, "time", "CPU")
    assert found.pairs == 2
    assert found.log == pytest.approx(2 * math.log(2) / (2 + prior))
    assert correction(pairs, "time", "V100") == correction([], "time", "CPU")
    assert correction([], "time", "CPU").factor == 1.0
    many = correction([pair("time", 2.0)] * 100, "time", "CPU")
    assert 1.98 < many.factor < 2.0
    assert SCATTER <= many.narrowed(0.5) < found.narrowed(0.5) < correction([], "time", "CPU").narrowed(0.5) == 0.5


def test_a_pair_is_not_corrected_by_itself() -> None:
    pairs = [pair("time", 4.0), pair("time", 1.0), pair("time", 1.0)]
    logs = [math.log(p.measured) for p in pairs]
    held_out = without_each(np.array(logs))
    assert held_out[0] == pytest.approx(correction(pairs[1:], "time", "CPU").log)
    assert held_out[1] == pytest.approx(correction([pairs[0], pairs[2]], "time", "CPU").log)


def test_the_summary_of_a_shifted_hardware_shows_that_the_correction_helps() -> None:
    (found,) = ledger.summary([pair("time", 1.9), pair("time", 2.0), pair("time", 2.1)])
    assert found.median_relative_error == pytest.approx(0.5)
    assert found.corrected_median_relative_error is not None
    assert found.corrected_median_relative_error < 0.25
    assert found.coverage == pytest.approx(2 / 3, abs=1e-3)
    assert ledger.summary([pair("time", 1.0)])[0].corrected_median_relative_error is None


def test_pairs_correct_estimates_of_our_networks_on_their_hardware_alone(known: tuple[Knowledge, Advisor]) -> None:
    predictor = known[1].costs.predictor
    slow = [pair("time", 3.0)] * 20
    ours = EstimateRequest(architecture="dcgan", resolution=32, batch_size=16, gpu="CPU", implementation="ours")
    before, after = predict(ours, predictor), predict(ours, predictor, slow)
    assert before.ledger_pairs == 0 and after.ledger_pairs == 20
    assert before.seconds_per_kimg.expected and after.seconds_per_kimg.expected
    assert 2.7 < after.seconds_per_kimg.expected / before.seconds_per_kimg.expected < 3.0
    assert after.seconds_per_kimg.high and before.seconds_per_kimg.high
    assert (
        after.seconds_per_kimg.high / after.seconds_per_kimg.expected
        < before.seconds_per_kimg.high / before.seconds_per_kimg.expected
    )
    assert after.peak_memory_bytes == before.peak_memory_bytes
    theirs = EstimateRequest(architecture="stylegan2-ada", gpu="V100")
    assert predict(theirs, predictor, [pair("time", 3.0, hardware="Tesla V100 SXM2 16GB")]) == predict(theirs, predictor)


def test_the_estimate_of_the_service_says_how_many_pairs_stand_behind_it(client: TestClient) -> None:
    body = {"architecture": "gan", "resolution": 8, "batch_size": 16, "gpu": "CPU"}
    assert client.post("/v1/estimates", json=body).json()["ledger_pairs"] == 0
    setting = dict(task="t", resolution=8, length=0, width=8, batch_size=8, precision="fp32", device="cpu", basis="b")
    figures = dict(hardware="CPU", quantity="memory", architecture="gan", predicted=1.0, low=0.5, high=2.0, measured=2.0)
    with db.transaction() as session:
        session.add(LedgerRow(id="v/candidate/memory", created_at=0.0, body=setting, **figures))
    assert client.post("/v1/estimates", json=body).json()["ledger_pairs"] == 1
