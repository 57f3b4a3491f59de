"""POST /v1/estimates."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.api.estimates import EXAMPLE


@pytest.mark.parametrize("name", EXAMPLE)
def test_the_examples_of_the_document_work(client: TestClient, name: str) -> None:
    found = client.post("/v1/estimates", json=EXAMPLE[name]["value"])
    assert found.status_code == 200
    body = found.json()
    for field in ("peak_memory_bytes", "seconds_per_kimg"):
        assert 0 < body[field]["low"] < body[field]["expected"] < body[field]["high"]
    assert body["evidence"] and body["basis"] and body["level"] == 0.9


def test_batch_is_another_name_of_batch_size(client: TestClient) -> None:
    def of(body: dict[str, Any]) -> Any:
        return client.post("/v1/estimates", json={"architecture": "stylegan2", "resolution": 256, **body}).json()

    assert of({"batch": 8}) == of({"batch_size": 8})
    assert of({"batch": 8}) != of({"batch": 16})


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"architecture": "styleganx"}, "#/architecture"),
        ({"architecture": "stylegan2", "gpu": "RTX 3091"}, "#/gpu"),
        ({"architecture": "stylegan2", "batch_size": 0}, "#/batch_size"),
        ({"architecture": "stylegan2", "speed": "fast"}, "#/speed"),
        ({}, "#/architecture"),
    ],
)
def test_what_cannot_be_used_is_named(client: TestClient, body: dict[str, Any], pointer: str) -> None:
    found = client.post("/v1/estimates", json=body)
    assert found.status_code == 422 and found.headers["content-type"] == "application/problem+json"
    assert found.json()["errors"][0]["pointer"] == pointer
