"""The page of the queue: who works, what waits and why."""

from __future__ import annotations

from fastapi.testclient import TestClient

from tests.dashboard.html import Html

TASK = {"data": {"type": "image", "resolution": 32, "channels": 1, "samples": 5000}, "budget": {"gpu_hours": 2}}


def queue(client: TestClient) -> Html:
    page = Html(client.get("/queue").text)
    assert page.mistakes == []
    return page


def test_without_a_worker_it_says_what_to_start(client: TestClient) -> None:
    assert "Nothing starts before a worker does" in queue(client).text


def test_what_waits_is_listed_with_its_reason_until_it_is_canceled(client: TestClient) -> None:
    body = {"task": TASK, "architectures": ["dcgan"], "dataset": "mnist-5k", "budget": {"max_seconds": 20}}
    made = client.post("/v1/validations", json=body).json()
    page = queue(client)
    assert f"/validations/{made['id']}" in page.links()
    assert "waits for a worker: none is alive" in page.text
    client.post(f"/v1/validations/{made['id']}/cancel")
    assert f"/validations/{made['id']}" not in queue(client).links()
