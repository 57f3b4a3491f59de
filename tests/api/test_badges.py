"""Badges as Shields reads them."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from app.api.badges import _of
from app.vocabulary import Validation

KEYS = {"schemaVersion", "label", "message", "color", "isError", "cacheSeconds"}


def test_an_answer_has_a_badge_with_its_first_choice(client: TestClient) -> None:
    made = client.post("/v1/recommendations", json={"data": {"type": "image", "resolution": 64}}).json()
    response = client.get(f"/v1/recommendations/{made['id']}/badge.json")
    assert response.json().keys() == KEYS
    assert response.json()["schemaVersion"] == 1
    assert response.json()["message"] == made["candidates"][0]["name"]
    assert "max-age=300" in response.headers["cache-control"]


def test_an_abstention_says_so(client: TestClient) -> None:
    made = client.post("/v1/recommendations", json={"data": {"type": "image"}, "constraints": {"include": ["coco-gan"]}}).json()
    assert made["abstained"]
    badge = client.get(f"/v1/recommendations/{made['id']}/badge.json").json()
    assert (badge["message"], badge["color"]) == ("no recommendation", "lightgrey")


def test_nothing_has_no_badge(client: TestClient) -> None:
    assert client.get("/v1/recommendations/nothing/badge.json").status_code == 404
    assert client.get("/v1/validations/nothing/badge.json").status_code == 404


def test_a_queued_validation_has_a_grey_badge(client: TestClient) -> None:
    task = {"data": {"type": "image", "resolution": 32, "channels": 1}}
    body = {"task": task, "dataset": "mnist-5k", "architectures": ["dcgan"], "budget": {"max_seconds": 5}}
    made = client.post("/v1/validations", json=body).json()
    badge = client.get(f"/v1/validations/{made['id']}/badge.json").json()
    assert (badge["message"], badge["color"], badge["isError"]) == ("queued", "lightgrey", False)


@pytest.mark.parametrize(
    ("status", "outcome", "message", "color", "wrong"),
    [
        ("succeeded", "confirmed", "confirmed", "brightgreen", False),
        ("succeeded", "overturned", "overturned", "red", False),
        ("succeeded", "inconclusive", "inconclusive", "yellow", False),
        ("failed", None, "failed", "red", True),
        ("canceled", None, "canceled", "lightgrey", False),
    ],
)
def test_a_finished_validation_shows_its_verdict(status: str, outcome: str | None, message: str, color: str, wrong: bool) -> None:
    report = {"verdict": {"outcome": outcome, "candidate": "dcgan"}} if outcome else None
    found = Validation.model_construct(status=status, done=True, report=report)
    badge = _of(found)
    assert (badge.message, badge.color, badge.isError) == (message, color, wrong)
