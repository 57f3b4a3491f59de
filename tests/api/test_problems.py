"""Bad input gets a problem document that names what was wrong, where, and what would be right; never a 500."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from fastapi.testclient import TestClient

IMAGE = {"data": {"type": "image"}}


def problem(response: Any, status: int) -> dict[str, Any]:
    """The problem document of a response, checked for the fields of RFC 9457."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert body["instance"] == response.headers["x-request-id"]
    assert {"type", "title", "detail", "code", "errors", "retryable"} <= set(body)
    return dict(body)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/data"),
        ({"data": {}}, "#/data/type"),
        ({"data": {"type": "smell"}}, "#/data/type"),
        ({"data": {"type": "image", "resolution": 0}}, "#/data/resolution"),
        ({"data": {"type": "image", "resolution": 10**9}}, "#/data/resolution"),
        ({"data": {"type": "image", "samples": -3}}, "#/data/samples"),
        ({"data": {"type": "image", "colour": "red"}}, "#/data/colour"),
        ({"data": {"type": "image"}, "budget": {"gpu_hours": -1}}, "#/budget/gpu_hours"),
        ({"data": {"type": "image"}, "budget": {"gpu_hours": 0}}, "#/budget/gpu_hours"),
        ({"data": {"type": "image"}, "budget": {"memory_gb": "much"}}, "#/budget/memory_gb"),
        ({"data": {"type": "image"}, "top_k": 0}, "#/top_k"),
        ({"data": {"type": "image"}, "task": "portraits"}, "#/task"),
        ({"data": {"type": "image"}, "priorities": {"quality": -1}}, "#/priorities/quality"),
        ({"data": {"type": "tabular"}, "task": "super-resolution"}, "#/data/type"),
        ([1, 2], "#"),
        ("image", "#"),
        (None, "#"),
    ],
)
def test_a_wrong_field_is_named_by_its_pointer(client: TestClient, body: Any, pointer: str) -> None:
    found = problem(client.post("/v1/recommendations", json=body), 422)
    assert pointer in [error["pointer"] for error in found["errors"]]
    assert found["detail"]


def test_an_unknown_type_comes_with_the_known_ones(client: TestClient) -> None:
    found = problem(client.post("/v1/recommendations", json={"data": {"type": "smell"}}), 422)
    assert "'image'" in found["errors"][0]["allowed"]["expected"]


@pytest.mark.parametrize(
    ("where", "pointer"),
    [({"constraints": {"include": ["dcgann"]}}, "#/constraints/include/0"), ({"budget": {"gpu": "RTX 309"}}, "#/budget/gpu")],
)
def test_an_unknown_name_comes_with_the_nearest_one(client: TestClient, where: dict[str, Any], pointer: str) -> None:
    found = problem(client.post("/v1/recommendations", json={**IMAGE, **where}), 422)
    assert found["code"] == "unknown_slug"
    assert found["errors"][0]["pointer"] == pointer
    assert "did you mean" in found["detail"]
    assert found["errors"][0]["allowed"][0] in ("dcgan", "RTX 3090")


def test_broken_json_is_malformed(client: TestClient) -> None:
    response = client.post("/v1/recommendations", content=b'{"data": {', headers={"Content-Type": "application/json"})
    assert problem(response, 400)["code"] == "malformed"


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b'{"data": {"type": "image", "domain": "\xed\xa0\x80"}}', b"[" * 50_000, b"NaN"]
)
def test_bytes_that_are_no_text_are_refused(client: TestClient, content: bytes) -> None:
    response = client.post("/v1/recommendations", content=content, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422)
    problem(response, response.status_code)


def test_a_body_of_ten_megabytes_is_refused_before_it_is_read(client: TestClient) -> None:
    response = client.post("/v1/recommendations", content=b"x" * 10_000_000, headers={"Content-Type": "application/json"})
    assert "1000000 bytes" in problem(response, 413)["detail"]


def test_a_chunked_body_counts_as_it_comes(client: TestClient) -> None:
    def chunks() -> Any:
        for _ in range(20):
            yield b" " * 100_000

    response = client.post("/v1/recommendations", content=chunks(), headers={"Content-Type": "application/json"})
    problem(response, 413)


def test_another_content_type_is_refused(client: TestClient) -> None:
    problem(
        client.post("/v1/recommendations", content=b"a=b", headers={"Content-Type": "application/x-www-form-urlencoded"}), 415
    )


def test_an_unknown_path_and_a_wrong_method_are_problems_too(client: TestClient) -> None:
    problem(client.get("/v1/nothing"), 404)
    found = client.delete("/v1/architectures")
    problem(found, 405)
    assert found.headers["allow"] == "GET, HEAD"
    assert set(client.patch("/v1/validations").headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert client.post("/v1/rules/a/b").headers["allow"] == "GET, HEAD"


def test_an_unexpected_error_tells_nothing_of_the_inside(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret: /etc/passwd SELECT * FROM validations")

    monkeypatch.setattr("app.api.recommendations.ask", broken)
    found = problem(client.post("/v1/recommendations", json=IMAGE), 500)
    assert "secret" not in str(found)
    assert "SELECT" not in str(found)


def test_an_address_begins_no_line_of_its_own_in_the_log(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("app.api.recommendations.answered", broken)
    problem(client.get("/v1/recommendations/x%0aERROR all is lost/why-not/dcgan"), 500)
    assert "x\\nERROR all is lost" in caplog.text


def test_a_database_that_is_gone_is_not_ready_rather_than_broken(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.exc import OperationalError

    def gone(*_: object) -> None:
        raise OperationalError("SELECT secret", {}, Exception("could not connect to 10.0.0.1"))

    monkeypatch.setattr("app.api.recommendations.keep", gone)
    response = client.post("/v1/recommendations", json=IMAGE)
    found = problem(response, 503)
    assert found["retryable"] is True
    assert int(response.headers["retry-after"]) > 0
    assert "secret" not in str(found)
    assert "10.0.0.1" not in str(found)


def test_a_request_id_is_echoed_and_a_hostile_one_replaced(client: TestClient) -> None:
    assert client.get("/healthz", headers={"X-Request-Id": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert len(client.get("/healthz", headers={"X-Request-Id": "a b"}).headers["x-request-id"]) == 32


def test_every_problem_type_resolves(client: TestClient) -> None:
    found = problem(client.get("/v1/nothing"), 404)
    assert client.get(found["type"]).json()["status"] == 404


@pytest.mark.parametrize("path", ["/", "/v1/gpus", "/v1/architectures/dcgan", "/healthz", "/static/icon.svg", "/v1/nothing"])
def test_head_is_get_without_its_body(client: TestClient, path: str) -> None:
    whole = client.get(path, headers={"Accept-Encoding": "identity"})
    head = client.head(path, headers={"Accept-Encoding": "identity"})
    assert (head.status_code, head.content) == (whole.status_code, b"")
    same = ("content-type", "content-length", "etag", "cache-control")
    assert [head.headers.get(name) for name in same] == [whole.headers.get(name) for name in same]


def test_the_head_of_a_stream_ends_at_once(client: TestClient) -> None:
    body = {"task": {"data": {"type": "image"}}, "dataset": "digits", "architectures": ["dcgan"], "budget": {"max_seconds": 10}}
    made = client.post("/v1/validations", json=body).json()["id"]
    head = client.head(f"/v1/validations/{made}/events", headers={"Accept": "text/event-stream"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"].startswith("text/event-stream")


def test_options_names_the_methods_and_needs_no_body(client: TestClient) -> None:
    found = client.options("/v1/validations/x")
    assert (found.status_code, found.headers["allow"], found.content) == (204, "GET, DELETE, HEAD", b"")
    problem(client.options("/v1/nothing"), 404)


@pytest.mark.parametrize("path", ["/v1/recommendations", "/v1/datasets?filename=a.csv", "/v1/benchmarks"])
def test_a_packed_body_is_not_unpacked(client: TestClient, path: str) -> None:
    kind = {"Content-Type": "text/csv" if "datasets" in path else "application/json", "Content-Encoding": "gzip"}
    found = client.request("PUT" if "datasets" in path else "POST", path, content=gzip.compress(b"{}"), headers=kind)
    problem(found, 415)


def test_the_type_of_every_problem_leads_to_its_meaning_and_has_one_title(client: TestClient) -> None:
    wrong = [client.delete("/v1/gpus"), client.get("/no"), client.get("/v1/gpus?limit=0"), client.get("/v1/validations/x")]
    wrong += [client.post("/v1/estimates", content=b"{", headers={"Content-Type": "application/json"})]
    for found in wrong:
        body = found.json()
        told = client.get(body["type"]).json()
        assert (told["code"], told["title"], told["status"]) == (body["code"], body["title"], body["status"])
    assert wrong[-1].json()["errors"][0]["pointer"] == "#"


def test_the_protocol_for_agents_has_no_endless_stream(client: TestClient) -> None:
    found = client.get("/mcp", headers={"Accept": "text/event-stream"})
    assert problem(found, 405)["code"] == "method_not_allowed"
    assert found.headers["allow"] == "POST"
