"""What was answered before is sent again as it was, and never to whom, or when, it is no answer."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from starlette.datastructures import State
from starlette.responses import PlainTextResponse

from app.access import NOBODY
from app.api.kept import Kept
from tests.access.test_figures import figure

TASK: dict[str, Any] = {"data": {"type": "image", "resolution": 64, "samples": 5000}}
READS = ("/v1/gpus", "/v1/architectures?limit=2", "/v1/architectures/dcgan", "/v1/rules?limit=1", "/v1/benchmarks?limit=3")


def seen(response: Response) -> tuple[int, bytes, dict[str, str]]:
    """All of a response but its name."""
    return response.status_code, response.content, {k: v for k, v in response.headers.items() if k != "x-request-id"}


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_read_of_the_knowledge_is_the_same_from_memory(client: TestClient, path: str, accept: str, encoding: str) -> None:
    headers = {"Accept": accept, "Accept-Encoding": encoding}
    first = seen(client.get(path, headers=headers))
    client.app.state.knowledge = None  # type: ignore[attr-defined]
    assert seen(client.get(path, headers=headers)) == first
    tag = first[2]["etag"]
    unchanged = client.get(path, headers=headers | {"If-None-Match": f'"x", W/{tag}'})
    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", tag)
    assert "content-type" not in unchanged.headers
    assert client.get(path, headers=headers | {"If-None-Match": '"x"'}).status_code == 200
    assert client.get("/v1/datasets", headers=headers).status_code == 500, "it was never asked, so it is not in memory"


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_an_answer_is_the_same_from_memory(client: TestClient, encoding: str) -> None:
    first = client.post("/v1/recommendations", json=TASK, headers={"Accept-Encoding": encoding})
    client.app.state.knowledge = None  # type: ignore[attr-defined]
    again = client.post("/v1/recommendations", json=TASK, headers={"Accept-Encoding": encoding})
    assert (first.status_code, again.status_code) == (201, 200)
    assert seen(first)[1:] == seen(again)[1:]
    assert "gan_advisor_requests_total" in client.get("/metrics").text
    assert 'route="/v1/recommendations",status="200"' in client.get("/metrics").text


def test_own_figures_count_at_once_and_no_longer_once_they_are_gone(client: TestClient) -> None:
    listed = "/v1/benchmarks?architecture=sngan&limit=1000"
    before = [seen(client.get(listed)), client.post("/v1/recommendations", json=TASK).json()["id"]]
    where = client.post("/v1/benchmarks", json=figure("sngan", 5.0)).headers["location"]
    client.post("/v1/benchmarks", json=figure("dcgan", 50.0))
    assert "own-faces" in client.get(listed).text
    assert client.post("/v1/recommendations", json=TASK).json()["id"] != before[1]
    assert client.delete(where).status_code == 204
    assert "own-faces" not in client.get(listed).text
    assert client.delete("/v1/benchmarks?source=own:lab").status_code == 200
    assert [seen(client.get(listed)), client.post("/v1/recommendations", json=TASK).json()["id"]] == before


@pytest.mark.parametrize("body", [b"{", b'{"data":{}}', b"", b"[" * 5000])
def test_a_refusal_is_not_kept(client: TestClient, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    codes = {client.post("/v1/recommendations", content=body, headers=headers).status_code for _ in range(2)}
    assert codes <= {400, 422}


def test_a_body_without_a_length_and_a_long_one_are_answered_too(client: TestClient) -> None:
    pieces = iter([b'{"data":', b'{"type":"image"}}'])
    headers = {"Content-Type": "application/json"}
    whole = client.post("/v1/recommendations", content=pieces, headers=headers)
    padded = client.post("/v1/recommendations", content=b'{"data":' + b" " * 5000 + b'{"type":"image"}}', headers=headers)
    assert (whole.status_code, padded.status_code) == (201, 200)
    assert whole.content == padded.content


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    calls: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        calls.append(scope["path"])
        await PlainTextResponse("x" * 400, headers={"Cache-Control": "public", "ETag": '"1"'})(scope, receive, send)

    kept = Kept(app, most_bytes=5500)

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        await kept({**scope, "app": State(), "state": {"key": NOBODY}}, receive, send)

    client = TestClient(inside)
    for path in ("a", "b", "a", "c", "a", "b"):
        assert client.get(f"/v1/rules/{path}").text == "x" * 400
    assert calls == [f"/v1/rules/{path}" for path in "abcb"]
    assert kept._bytes == sum(one.size for one in kept._held.values()) <= 5500
    for number in range(20):
        client.get("/v1/rules/a", params={"junk": f"{number}" * 1500})
    assert kept._bytes <= 5500 and len(kept._held) == 1, "what it is found by counts too"
