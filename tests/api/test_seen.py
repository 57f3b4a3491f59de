"""Seen from outside: figures, log lines, versions, and what is missing when it is not ready."""

from __future__ import annotations

import logging

import orjson
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from app import db
from app.logs import JsonLines
from app.tables import EventRow, LedgerRow
from tests.api.test_problems import problem
from tests.api.test_validations import BODY


def _figures(client: TestClient) -> dict[tuple[str, ...], float]:
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    samples = [sample for family in text_string_to_metric_families(response.text) for sample in family.samples]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


def test_the_figures_count_requests_by_the_pattern_of_their_route_and_the_queue(client: TestClient) -> None:
    client.post("/v1/recommendations", json={"data": {"type": "image"}})
    client.get("/v1/architectures/dcgan")
    client.get("/v1/architectures/none")
    client.get("/nothing/at/all")
    client.post("/v1/validations", json=BODY)
    found = _figures(client)
    assert found["gan_advisor_requests_total", "POST", "/v1/recommendations", "201"] == 1
    assert found["gan_advisor_requests_total", "GET", "/v1/architectures/{slug}", "200"] == 1
    assert found["gan_advisor_requests_total", "GET", "/v1/architectures/{slug}", "404"] == 1
    assert found["gan_advisor_requests_total", "GET", "none", "404"] == 1
    assert found[("gan_advisor_advice_seconds_count",)] == 1
    assert found[("gan_advisor_queue_depth",)] == 1
    assert found[("gan_advisor_oldest_wait_seconds",)] >= 0
    assert found[("gan_advisor_workers",)] == 0


def test_verdicts_and_the_error_of_estimates_are_among_the_figures(client: TestClient) -> None:
    made = client.post("/v1/validations", json=BODY).json()["id"]
    with db.transaction() as session:
        for seq, outcome in enumerate(("confirmed", "confirmed", "overturned"), start=10):
            event = {"validation_id": made, "seq": seq, "timestamp": "", "data": {"outcome": outcome}}
            session.add(EventRow(**event, type="validation.verdict"))
        for number, measured in enumerate((100.0, 80.0, 200.0)):
            row = {"id": str(number), "created_at": 0.0, "hardware": "CPU", "quantity": "time", "architecture": "dcgan"}
            session.add(LedgerRow(**row, predicted=100.0, low=50.0, high=200.0, measured=measured, body={}))
    found = _figures(client)
    assert found["gan_advisor_verdicts", "confirmed"] == 2
    assert found["gan_advisor_verdicts", "overturned"] == 1
    assert found["gan_advisor_estimate_error", "time"] == pytest.approx(0.25)


def test_each_request_leaves_one_line_with_its_id(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="gan_advisor.requests"):
        client.get("/v1/gpus?limit=1", headers={"X-Request-Id": "mine-1"})
    (record,) = [one for one in caplog.records if one.name == "gan_advisor.requests"]
    line = orjson.loads(JsonLines().format(record))
    assert (line["method"], line["route"], line["status"]) == ("GET", "/v1/gpus", 200)
    assert line["request_id"] == "mine-1"
    assert line["time"].endswith("Z")
    assert "\n" not in JsonLines().format(record)


def test_an_error_in_a_line_carries_its_stack_as_one_string() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        record = logging.getLogger("x").makeRecord(
            "x", logging.ERROR, "f", 1, "it failed", (), exc_info=__import__("sys").exc_info()
        )
    line = orjson.loads(JsonLines().format(record))
    assert (line["level"], line["message"]) == ("error", "it failed")
    assert "ValueError: broken" in line["stack"]


def test_the_system_tells_its_versions_and_workers(client: TestClient) -> None:
    found = client.get("/v1/system").json()
    assert found["database"] == "sqlite"
    assert found["database_revision"] == db.head()
    assert found["workers"] == []
    assert len(found["knowledge_sha256"]) == 64
    assert {"fastapi", "sqlalchemy", "numpy"} <= set(found["parts"])


def test_a_database_of_another_version_makes_it_unready_and_names_the_command(client: TestClient) -> None:
    with db.transaction() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
    detail = problem(client.get("/readyz"), 503)["detail"]
    assert "0001" in detail
    assert "gan-advisor db upgrade" in detail
