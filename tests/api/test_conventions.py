"""Waiting, pages, tags, deletion, limits, other origins: what clients of any HTTP API rely on."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.access import NOBODY, Key
from app.api.limits import Limit
from app.api.wire import make_cursor
from app.buckets import Buckets
from app.vocabulary import Scope
from tests.access.test_figures import figure
from tests.api.test_problems import problem
from tests.api.test_validations import BODY
from tests.conftest import forget_settings

PAGE = "https://dash.example.com"


def _validation(client: TestClient) -> str:
    return str(client.post("/v1/validations", json=BODY).json()["id"])


def test_a_caller_may_wait_for_the_answer_and_is_told_that_it_was_heard(client: TestClient) -> None:
    made = client.post("/v1/validations", json=BODY, headers={"Prefer": "respond-async, wait=1"})
    assert (made.status_code, made.headers["preference-applied"]) == (202, "wait=1")
    assert "preference-applied" not in client.post("/v1/validations", json=BODY, headers={"Prefer": "handling=strict"}).headers


def test_a_validation_has_a_strong_tag_until_it_changes(client: TestClient) -> None:
    path = f"/v1/validations/{_validation(client)}"
    first = client.get(path)
    assert int(first.headers["retry-after"]) > 0
    same = {"If-None-Match": first.headers["etag"]}
    assert first.headers["etag"].startswith('"')
    assert client.get(path, headers=same).status_code == 304
    client.post(f"{path}/cancel")
    after = client.get(path, headers=same)
    assert after.status_code == 200
    assert "retry-after" not in after.headers


def test_a_record_can_be_deleted_once_it_has_ended(client: TestClient) -> None:
    path = f"/v1/validations/{_validation(client)}"
    problem(client.delete(path), 409)
    client.post(f"{path}/cancel")
    assert client.delete(path).status_code == 204
    problem(client.get(path), 404)
    problem(client.delete(path), 404)


def test_what_has_changed_since_it_was_read_is_not_deleted(client: TestClient) -> None:
    path = f"/v1/validations/{_validation(client)}"
    before = client.get(path).headers["etag"]
    client.post(f"{path}/cancel")
    now = client.get(path).headers["etag"]
    found = problem(client.delete(path, headers={"If-Match": before}), 412)
    assert found["code"] == "precondition_failed" and now in found["detail"]
    assert client.delete(path, headers={"If-Match": f'"x", {now}'}).status_code == 204
    problem(client.delete(path, headers={"If-Match": now}), 404)
    problem(client.delete(path, headers={"If-Match": "*"}), 404)


@pytest.mark.parametrize("kind", ["benchmarks", "webhook-endpoints", "datasets"])
def test_every_record_with_a_tag_can_be_deleted_by_it(client: TestClient, kind: str) -> None:
    body: dict[str, Any] = {"benchmarks": figure(), "datasets": {"filename": "a.csv", "bytes": 5}}.get(kind, {})
    made = client.post(f"/v1/{kind}", json=body or {"url": "https://93.184.216.34/hook", "events": ["validation.succeeded"]})
    path = made.headers["location"]
    problem(client.delete(path, headers={"If-Match": '"x"'}), 412)
    assert client.delete(path, headers={"If-Match": client.get(path).headers["etag"]}).status_code == 204


def test_a_page_links_to_the_next_until_the_last(client: TestClient) -> None:
    path, seen = "/v1/gpus?limit=40&min_memory_gb=1", []
    while path:
        page = client.get(path)
        seen += [gpu["name"] for gpu in page.json()["items"]]
        path = page.links["next"]["url"] if "next" in page.links else ""
        assert bool(path) == (page.json()["next_cursor"] is not None)
    assert len(seen) == len(set(seen)) == len(client.get("/v1/gpus?limit=1000&min_memory_gb=1").json()["items"])


def test_the_log_links_on_by_its_own_parameter(client: TestClient) -> None:
    made = _validation(client)
    client.post(f"/v1/validations/{made}/cancel")
    page = client.get(f"/v1/validations/{made}/events?limit=1")
    assert page.links["next"]["url"] == f"/v1/validations/{made}/events?limit=1&after=1"


@pytest.mark.parametrize("place", [(), ("x",), (1, "x"), (1.0, 2), (1.0, "x", "y"), ({"a": 1}, [2]), (None, None)])
def test_a_cursor_of_another_shape_is_refused_though_it_is_signed(client: TestClient, place: Any) -> None:
    for path, filters in (("/v1/datasets/mine", {"l": "uploads"}), ("/v1/validations", {"l": "validations"})):
        found = client.get(path, params={"cursor": make_cursor(place, filters)})
        assert problem(found, 422)["errors"][0]["code"] == "bad_cursor"
        assert client.get(path, params={"cursor": make_cursor((1.0, "x"), filters)}).status_code == 200


@pytest.mark.parametrize("change", ["limit=1&min_memory_gb=2", "limit=1&min_memory_gb=1&cursor=x"])
def test_a_cursor_is_bound_to_its_filters_and_signed(client: TestClient, change: str) -> None:
    cursor = client.get("/v1/gpus?limit=1&min_memory_gb=1").json()["next_cursor"]
    found = problem(client.get(f"/v1/gpus?cursor={cursor}&{change}"), 422)
    assert found["errors"][0]["code"] == "bad_cursor"
    forged = cursor[:-4] + ("AAAA" if cursor[-4:] != "AAAA" else "BBBB")
    problem(client.get(f"/v1/gpus?limit=1&min_memory_gb=1&cursor={forged}"), 422)


@pytest.fixture
def shared_with(request: pytest.FixtureRequest, own_state: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    def start(origins: str) -> TestClient:
        monkeypatch.setenv("GAN_ADVISOR_CORS_ORIGINS", origins)
        forget_settings()
        client: TestClient = request.getfixturevalue("client")
        return client

    return start


def test_a_page_of_an_allowed_origin_may_call_and_read_and_no_other(shared_with: Any) -> None:
    client = shared_with(f'["{PAGE}"]')
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "idempotency-key"}
    before = client.options("/v1/recommendations", headers=asked)
    assert before.status_code == 204
    assert before.headers["access-control-max-age"] == "600"
    assert "Idempotency-Key" in before.headers["access-control-allow-headers"]
    for path, status in (("/v1/gpus?limit=1", 200), ("/v1/nothing", 404)):
        found = client.get(path, headers={"Origin": PAGE})
        assert found.status_code == status
        assert found.headers["access-control-allow-origin"] == PAGE
        assert "Retry-After" in found.headers["access-control-expose-headers"]
        assert "Origin" in found.headers["vary"]
        assert "access-control-allow-credentials" not in found.headers
    other = {**asked, "Origin": "https://evil.example.com"}
    assert "access-control-allow-origin" not in client.options("/v1/recommendations", headers=other).headers
    assert "access-control-allow-origin" not in client.get("/healthz", headers=other).headers


def test_where_every_origin_may_call_none_sends_credentials(shared_with: Any) -> None:
    found = shared_with('["*"]').get("/healthz", headers={"Origin": PAGE})
    assert found.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in found.headers


def test_without_a_setting_no_other_origin_is_answered(client: TestClient) -> None:
    assert "access-control-allow-origin" not in client.get("/healthz", headers={"Origin": PAGE}).headers


def test_a_bucket_empties_tells_when_to_come_back_and_fills_again() -> None:
    limit = Buckets(60)
    assert [limit.take("a", 0.0) for _ in range(60)][-1] == 0
    assert limit.take("a", 0.0) < 0
    assert limit.take("b", 0.0) == 59
    assert limit.take("a", 0.5) < 0
    assert limit.take("a", 1.0) == 0
    assert limit.take("a", 1e6) == 59


def test_a_key_that_calls_too_often_is_told_to_wait_and_others_are_not() -> None:
    from starlette.responses import PlainTextResponse

    limited = Limit(PlainTextResponse("ok"), 2)

    def as_key(name: str) -> TestClient:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await limited({**scope, "state": {"key": Key(name, "team", frozenset(Scope))}}, receive, send)

        return TestClient(app)

    first, _, third = (as_key("a").get("/") for _ in range(3))
    assert first.headers["ratelimit-policy"] == '"default";q=2;w=60'
    assert first.headers["ratelimit"].startswith('"default";r=1;')
    assert third.status_code == 429
    assert third.json()["code"] == "too_many_requests"
    assert 1 <= int(third.headers["retry-after"]) <= 60
    assert as_key("b").get("/").status_code == 200


def test_without_a_key_the_addresses_of_one_network_are_one_caller() -> None:
    from starlette.responses import PlainTextResponse

    limited = Limit(PlainTextResponse("ok"), 1)

    def status(address: str) -> int:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await limited({**scope, "client": (address, 1), "state": {"key": NOBODY}}, receive, send)

        return TestClient(app).get("/").status_code

    assert [status(a) for a in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "192.0.2.1")] == [200, 429, 200, 200]
