"""Same key, same request: the first answer again, and nothing made twice."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app import db, replays
from app.errors import Conflict
from app.tables import ReplayRow, UploadRow
from tests.api.test_problems import problem

UPLOAD = {"filename": "faces.zip", "bytes": 1000}


def _uploads() -> int:
    with db.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(UploadRow)) or 0


def _age(seconds: float) -> None:
    with db.transaction() as session:
        session.execute(sa.update(ReplayRow).values(created_at=ReplayRow.created_at - seconds))


def test_a_retry_gets_the_first_answer_and_makes_nothing(client: TestClient) -> None:
    first, again = (client.post("/v1/datasets", json=UPLOAD, headers={"Idempotency-Key": '"a"'}) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["etag"] == first.headers["etag"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert _uploads() == 1


def test_another_key_makes_another_and_the_same_key_elsewhere_is_another(client: TestClient) -> None:
    made = [client.post("/v1/datasets", json=UPLOAD, headers={"Idempotency-Key": key}).json()["id"] for key in "ab"]
    assert len(set(made)) == 2
    asked = client.post("/v1/recommendations", json={"data": {"type": "image"}}, headers={"Idempotency-Key": "a"})
    assert asked.status_code == 201


def test_a_key_that_comes_with_another_body_or_another_query_is_refused(client: TestClient) -> None:
    key = {"Idempotency-Key": "a"}
    client.post("/v1/datasets", json=UPLOAD, headers=key)
    found = problem(client.post("/v1/datasets", json={**UPLOAD, "bytes": 2}, headers=key), 422)
    assert found["errors"][0]["code"] == "key_reused"
    problem(client.post("/v1/datasets?x=1", json=UPLOAD, headers=key), 422)


def test_a_refusal_is_forgotten_so_that_the_right_request_may_follow_under_the_same_key(client: TestClient) -> None:
    key = {"Idempotency-Key": "a"}
    problem(client.post("/v1/datasets", json={"filename": "faces.zip"}, headers=key), 422)
    assert client.post("/v1/datasets", json=UPLOAD, headers=key).status_code == 202


def test_while_the_first_is_at_work_the_second_is_told_to_wait(client: TestClient) -> None:
    place = replays.place(None, "/v1/datasets", "a")
    with db.transaction() as session:
        session.execute(
            sa.insert(ReplayRow).values(place=place, request_sha256=_digest(UPLOAD), created_at=db.now(session), headers={})
        )
    busy = client.post("/v1/datasets", json=UPLOAD, headers={"Idempotency-Key": "a"})
    assert problem(busy, 409)
    assert int(busy.headers["retry-after"]) >= 1
    _age(replays.ABANDONED_SECONDS + 1)
    assert client.post("/v1/datasets", json=UPLOAD, headers={"Idempotency-Key": "a"}).status_code == 202


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(b"\0" + json.dumps(body, separators=(",", ":")).encode()).hexdigest()


def test_an_answer_is_kept_for_more_than_a_day_and_not_for_ever(client: TestClient) -> None:
    key = {"Idempotency-Key": "a"}
    client.post("/v1/datasets", json=UPLOAD, headers=key)
    _age(25 * 3600)
    assert client.post("/v1/datasets", json=UPLOAD, headers=key).headers["idempotent-replayed"] == "true"
    _age(25 * 3600)
    assert "idempotent-replayed" not in client.post("/v1/datasets", json=UPLOAD, headers=key).headers


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\xe9"])
def test_a_key_that_is_none_is_refused(client: TestClient, key: str) -> None:
    problem(client.post("/v1/datasets", json=UPLOAD, headers={"Idempotency-Key": key.encode("latin-1")}), 422)


def test_a_body_too_large_is_refused_with_a_key_too(client: TestClient) -> None:
    def chunks() -> Any:
        for _ in range(20):
            yield b" " * 100_000

    headers = {"Content-Type": "application/json", "Idempotency-Key": "a"}
    problem(client.post("/v1/recommendations", content=chunks(), headers=headers), 413)


def test_of_racing_requests_one_works_on_every_store(database: str) -> None:
    won: list[object] = []

    def race() -> None:
        with contextlib.suppress(Conflict):
            won.append(replays.take("here", "request"))

    racers = [threading.Thread(target=race) for _ in range(6)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert won == [None]
    replays.keep("here", replays.Answer(201, {"etag": '"1"'}, b"{}"))
    assert replays.take("here", "request") == replays.Answer(201, {"etag": '"1"'}, b"{}")


def test_a_secret_is_shown_once_and_never_stored(database: str) -> None:
    replays.take("here", "request")
    replays.keep("here", replays.Answer(201, {"cache-control": "no-store"}, b"secret"))
    found = replays.take("here", "request")
    assert found is not None
    assert found.body == b""
