"""A validation over HTTP: queued, planned, cancelled, its log replayed; the training itself is tested with the worker."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.test_problems import problem

TASK = {"data": {"type": "image", "resolution": 32, "channels": 1, "samples": 5000}}
BODY: dict[str, Any] = {"task": TASK, "dataset": "digits", "architectures": ["dcgan"], "budget": {"max_seconds": 10}}


def test_it_is_queued_and_says_why_it_waits(client: TestClient) -> None:
    response = client.post("/v1/validations", json=BODY)
    assert response.status_code == 202
    made = response.json()
    assert response.headers["location"] == f"/v1/validations/{made['id']}"
    assert int(response.headers["retry-after"]) > 0
    found = client.get(response.headers["location"]).json()
    assert (found["status"], found["done"]) == ("queued", False)
    assert "worker" in found["status_reason"]


def test_a_plan_can_be_had_without_queueing_anything(client: TestClient) -> None:
    plan = client.post("/v1/validations?validate_only=true", json=BODY)
    assert plan.status_code == 200
    assert {"runs", "threshold", "metric"} <= set(plan.json())
    assert client.get("/v1/validations").json()["items"] == []


def test_a_recommendation_can_be_validated_by_its_id(client: TestClient) -> None:
    answer = client.post("/v1/recommendations", json=TASK).json()
    body = {"recommendation_id": answer["id"], "dataset": "mnist-5k", "budget": {"max_seconds": 30}}
    made = client.post("/v1/validations", json=body)
    assert made.status_code == 202, made.text


def test_where_no_candidate_trains_here_the_best_that_do_are_raced(client: TestClient) -> None:
    answer = client.post("/v1/recommendations", json={**TASK, "top_k": 1}).json()
    body = {"recommendation_id": answer["id"], "dataset": "mnist-5k", "budget": {"max_seconds": 30}}
    plan = client.post("/v1/validations?validate_only=true", json=body)
    assert plan.status_code == 200, plan.text
    assert [run["name"] for run in plan.json()["runs"]] == ["baseline", "candidate", "runner-up"]


def test_the_same_key_queues_once_and_another_body_under_it_is_refused(client: TestClient) -> None:
    key = {"Idempotency-Key": "one"}
    first, again = (client.post("/v1/validations", json=BODY, headers=key) for _ in range(2))
    assert first.json()["id"] == again.json()["id"]
    assert again.headers["idempotent-replayed"] == "true"
    assert len(client.get("/v1/validations").json()["items"]) == 1
    problem(client.post("/v1/validations", json={**BODY, "seed": 5}, headers=key), 422)


def test_cancelling_ends_it_once(client: TestClient) -> None:
    made = client.post("/v1/validations", json=BODY).json()
    first = client.post(f"/v1/validations/{made['id']}/cancel")
    assert first.status_code == 202
    assert first.json()["status"] == "canceled"
    assert client.post(f"/v1/validations/{made['id']}/cancel").status_code == 200


def test_the_log_is_a_page_or_a_stream_that_ends(client: TestClient) -> None:
    made = client.post("/v1/validations", json=BODY).json()
    client.post(f"/v1/validations/{made['id']}/cancel")
    events = client.get(f"/v1/validations/{made['id']}/events").json()["items"]
    assert [e["id"] for e in events] == list(range(1, len(events) + 1))
    assert [e["type"] for e in events] == ["validation.queued", "validation.canceled"]
    stream = client.get(f"/v1/validations/{made['id']}/events", headers={"Accept": "text/event-stream"})
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert "event: validation.queued" in stream.text
    assert "event: done" in stream.text
    rest = client.get(f"/v1/validations/{made['id']}/events", headers={"Accept": "text/event-stream", "Last-Event-ID": "1"})
    assert "validation.queued" not in rest.text
    assert "event: done" in rest.text
    seen = {"Accept": "text/event-stream", "Last-Event-ID": str(events[-1]["id"])}
    assert client.get(f"/v1/validations/{made['id']}/events", headers=seen).status_code == 204


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"dataset": "mnist5k"}, "#/dataset"),
        ({"dataset": "/etc"}, "#/dataset"),
        ({"architectures": ["stylegan3-t"]}, "#/architectures/0"),
        ({"budget": {"max_seconds": 1e9}}, "#/budget/max_seconds"),
        ({"budget": {"max_seconds": -1}}, "#/budget/max_seconds"),
        ({"task": {"task": "3d-aware-image", "data": {"type": "image"}}}, "#/task/task"),
        ({"task": None}, "#/task"),
        ({"seed": -1}, "#/seed"),
    ],
)
def test_what_cannot_be_run_is_refused_with_its_pointer(client: TestClient, change: dict[str, Any], pointer: str) -> None:
    found = problem(client.post("/v1/validations", json={**BODY, **change}), 422)
    assert pointer in [error["pointer"] for error in found["errors"]], found
    assert client.get("/v1/validations").json()["items"] == []


def test_an_unknown_data_set_comes_with_the_nearest(client: TestClient) -> None:
    assert "mnist-5k" in problem(client.post("/v1/validations", json={**BODY, "dataset": "mnist5k"}), 422)["detail"]


@pytest.mark.parametrize("path", ["", "/events", "/artifacts", "/artifacts/samples.png"])
def test_an_unknown_validation_is_not_found(client: TestClient, path: str) -> None:
    problem(client.get(f"/v1/validations/nothing{path}"), 404)


@pytest.mark.parametrize("name", ["..%2f..%2fgan-advisor.sqlite3", "%2fetc%2fpasswd", "candidate/../../x", "samples.png"])
def test_no_artifact_name_leaves_the_folder(client: TestClient, name: str) -> None:
    made = client.post("/v1/validations", json=BODY).json()
    problem(client.get(f"/v1/validations/{made['id']}/artifacts/{name}"), 404)


def test_designs_that_nobody_named_are_those_that_get_somewhere_in_the_time(client: TestClient) -> None:
    task = {"data": {"type": "image", "resolution": 32, "channels": 1, "samples": 300}}
    body = {"task": task, "dataset": "mnist-5k", "budget": {"max_seconds": 60}, "top_k": 3}
    quick, patient = (
        client.post("/v1/validations?validate_only=true", json={**body, "device": device}).json() for device in ("any", "gpu")
    )
    raced = [[run["architecture"] for run in made["runs"][1:]] for made in (quick, patient)]
    assert "projected-gan" in raced[1] and "projected-gan" not in raced[0] and len(raced[0]) == 3
    slow = [slug for slug in raced[1] if slug not in raced[0]]
    assert quick["scaled"][0] == f"too slow for the time on a CPU, and not raced: {', '.join(slow)}"
