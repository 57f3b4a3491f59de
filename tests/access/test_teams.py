"""What a team makes is invisible to others: every route of the interface is walked with another team's ids."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import Mount

from app import answers, db
from app.access import needed
from app.settings import settings
from app.tables import DeliveryRow, EndpointRow, LedgerRow, Measurement, ValidationRow
from app.validations import record
from tests.access.conftest import Caller
from tests.access.test_figures import figure
from tests.api.test_validations import problem

TASK: dict[str, Any] = {"data": {"type": "image", "resolution": 32, "samples": 4321}}
SHARED = {
    "rule_id": "license",
    "code": "not_found",
    "digest": "0",
    "architecture": "dcgan",
}
"""Parameters that name what all teams see."""
PUBLIC = {"name", "slug"}
"""Names in `made` that are no secret by themselves."""


@pytest.fixture
def made(client: TestClient, ours: Caller) -> dict[str, str]:
    """One of everything that a team can make: parameter of a path -> id."""
    answer = ours("POST", "/v1/recommendations", json=TASK).json()
    wanted = {"recommendation_id": answer["id"], "dataset": "mnist-5k", "budget": {"max_seconds": 60}, "architectures": ["dcgan"]}
    validation = ours("POST", "/v1/validations", json=wanted)
    assert validation.status_code == 202, validation.text
    validation_id = validation.json()["id"]
    file = settings().runs / validation_id / "candidate" / "samples.png"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"zq7marker")
    with db.transaction() as session:
        row = session.get(ValidationRow, validation_id)
        assert row is not None
        recipe = {"task": "unconditional-image", "resolution": 32, "channels": 1, "metric_samples": 500}
        for name, value in (("dcgan", 0.4321), ("sngan", 0.8)):
            own = dict(id=f"{validation_id}/{name}", validation_id=validation_id, architecture=name, dataset="mnist-5k")
            session.add(Measurement(**own, metric=row.plan["metric"], value=value, created_at=1.0, body={"recipe": recipe}))
        record.append(session, validation_id, "zq7marker", {})
        numbers = dict(predicted=1.0, low=0.5, high=2.0, measured=1.5, hardware="CPU", architecture="dcgan")
        hook = dict(url="https://zq7marker.example/", events=["validation.succeeded"], enabled=False, secret="whsec_zq7marker")
        session.add(EndpointRow(id="wh_zq7marker", created_at=1.0, team="ours", **hook))
        session.flush()
        sent = dict(type="ping", body="{}", created_at=1.0, state="failed", attempts=1, finished_at=1.0)
        session.add(DeliveryRow(id="msg_zq7marker", endpoint_id="wh_zq7marker", **sent))
        setting = dict(task="t", resolution=32, length=0, width=8, batch_size=8, precision="fp32", device="zq7marker", basis="b")
        session.add(
            LedgerRow(id=f"{validation_id}/x/time", team="ours", created_at=1.0, quantity="time", body=setting, **numbers)
        )
    dataset = ours("POST", "/v1/datasets", json={"filename": "zq7marker.csv", "bytes": 1000}).json()["id"]
    key = ours("POST", "/v1/keys", json={"name": "zq7marker"}).json()["id"]
    own = ours("POST", "/v1/benchmarks", json=figure(locator="zq7marker")).json()["id"]
    return {
        "recommendation_id": answer["id"],
        "validation_id": validation_id,
        "dataset_id": dataset,
        "key_id": key,
        "benchmark_id": own,
        "endpoint_id": "wh_zq7marker",
        "delivery_id": "msg_zq7marker",
        "name": "samples.png",
        "slug": answer["candidates"][0]["architecture"],
    }


def routes(client: TestClient) -> Iterator[tuple[str, str]]:
    """Method and path of every route, on the API and on the pages; one that cannot be walked is a failure."""
    for route in client.app.routes:  # type: ignore[attr-defined]
        assert not isinstance(route, Mount), "a mounted application is not walked"
        for found in _inner(route):
            for method in sorted(found.methods - {"HEAD", "OPTIONS"}):
                yield method, found.path


def _inner(route: Any) -> Iterator[Any]:
    inner = getattr(getattr(route, "original_router", None), "routes", None)
    if inner is not None:
        for one in inner:
            yield from _inner(one)
    else:
        assert isinstance(route, APIRoute) or hasattr(route, "methods"), route
        yield route


def filled(path: str, made: dict[str, str]) -> str:
    """The path with the ids of `made`; a parameter that is neither of a team nor of all is one that this test must learn."""

    def one(match: re.Match[str]) -> str:
        name = match[1].partition(":")[0]
        return "chart" if name == "name" and "artifacts" not in path else (made | SHARED)[name]

    return re.sub(r"\{([^}]+)\}", one, path)


BODIES: dict[str, dict[str, Any]] = {
    "PATCH": {"content": b"x", "headers": {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}},
    "POST": {"json": {}},
    "PUT": {"content": b"x", "headers": {"Content-Type": "application/zip"}},
}


def body_for(method: str, path: str) -> dict[str, Any]:
    """Bytes where a data set is sent, else JSON."""
    return BODIES["POST"] if method == "PATCH" and "dataset" not in path else BODIES.get(method, {})


def test_no_route_shows_or_changes_what_another_team_made(
    client: TestClient, ours: Caller, theirs: Caller, made: dict[str, str]
) -> None:
    own = [name for name in made if name not in PUBLIC]
    walked = 0
    everything = list(routes(client))
    assert len(everything) > 40
    for method, path in everything:
        address = filled(path, made)
        found = theirs(method, address, **body_for(method, path))
        names = set(re.findall(r"\{(\w+)", path))
        if names & set(own):
            walked += 1
            assert found.status_code == 404, (method, address, found.status_code, found.text[:300])
        assert "zq7marker" not in found.text.replace(made["endpoint_id"], "").replace(made["delivery_id"], ""), (method, address)
        assert not any(made[name] in found.text for name in own if name not in names), (method, address)
        stranger = client.request(method, address, follow_redirects=False, **body_for(method, path))
        if needed(method, address) is not None:
            assert stranger.status_code == 401, (method, address, stranger.status_code)
        assert not any(made[name] in stranger.text for name in own if name not in names), (method, address)
    assert walked >= 15, "the routes with an id of a team"


def test_the_team_itself_sees_all_of_it(client: TestClient, ours: Caller, made: dict[str, str]) -> None:
    for method, path in routes(client):
        names = set(re.findall(r"\{(\w+)", path))
        if method == "GET" and names & (set(made) - PUBLIC) and not path.endswith(("/events", "/why-not")):
            found = ours("GET", filled(path, made), follow_redirects=False)
            assert found.status_code in (200, 303), (path, found.text[:300])
    assert ours("GET", f"/v1/benchmarks/measured/{made['validation_id']}/dcgan").json()["value"] == 0.4321
    assert ours("GET", "/v1/estimates/ledger").json()["items"][0]["device"] == "zq7marker"
    assert "zq7marker" in ours("GET", f"/v1/validations/{made['validation_id']}/events").text
    for address in ("/v1/validations", "/v1/recommendations", "/v1/datasets/mine", "/validations", "/recommendations"):
        assert any(made[name] in ours("GET", address).text for name in made if name not in PUBLIC), address


def test_foreign_ids_in_a_body_are_not_known(theirs: Caller, made: dict[str, str]) -> None:
    plan = {"dataset": "mnist-5k", "budget": {"max_seconds": 60}, "architectures": ["dcgan"]}
    task = {**TASK, "task": "unconditional-image"}
    found = problem(theirs("POST", "/v1/validations", json={**plan, "recommendation_id": made["recommendation_id"]}), 422)
    assert found["errors"][0]["code"] == "not_found"
    problem(theirs("POST", "/v1/validations", json={**plan, "task": task, "dataset": made["dataset_id"]}), 404)
    problem(theirs("POST", "/v1/recommendations", json={"data": {"type": "tabular", "dataset_id": made["dataset_id"]}}), 404)
    form = {"recommendation_id": made["recommendation_id"], "dataset": "mnist-5k", "max_seconds": "60"}
    assert theirs("POST", "/validations", data=form).status_code == 404


def test_what_one_team_measured_is_no_evidence_for_another(theirs: Caller, ours: Caller, made: dict[str, str]) -> None:
    measured_id = f"measured/{made['validation_id']}/dcgan"
    again = ours("POST", "/v1/recommendations", json=TASK).json()
    assert again["id"] != made["recommendation_id"], "it has learned from the validation"
    foreign = theirs("POST", "/v1/recommendations", json=TASK)
    assert measured_id not in foreign.text
    assert (foreign.status_code, foreign.json()["id"]) == (201, made["recommendation_id"])
    problem(theirs("GET", f"/v1/benchmarks/{measured_id}"), 404)


def test_equal_questions_of_two_teams_have_one_id_and_neither_learns_of_the_other(ours: Caller, theirs: Caller) -> None:
    task = {"data": {"type": "tabular", "samples": 1234}}
    first = ours("POST", "/v1/recommendations", json=task)
    where = first.headers["location"]
    problem(theirs("GET", where), 404)
    second = theirs("POST", "/v1/recommendations", json=task)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] == second.json()["id"]
    assert theirs("GET", where).status_code == 200
    assert theirs("POST", "/v1/recommendations", json=task).status_code == 200


def test_equal_idempotency_keys_of_two_teams_are_two(ours: Caller, theirs: Caller) -> None:
    body = {"task": {**TASK, "task": "unconditional-image"}, "dataset": "mnist-5k", "budget": {"max_seconds": 60}}
    wanted = {"json": {**body, "architectures": ["dcgan"]}, "headers": {"Idempotency-Key": "k"}}
    ids = [call("POST", "/v1/validations", **wanted).json()["id"] for call in (ours, ours, theirs)]
    assert ids[0] == ids[1] != ids[2]


def test_answers_of_a_team_page_on_without_those_of_others(ours: Caller, theirs: Caller) -> None:
    for n, call in zip(range(6), itertools.cycle((ours, theirs)), strict=False):
        call("POST", "/v1/recommendations", json={"data": {"type": "tabular", "samples": 100 + n}})
    pages, cursor = [], ""
    while cursor is not None:
        found = ours("GET", f"/v1/recommendations?limit=2&cursor={cursor}" if cursor else "/v1/recommendations?limit=2").json()
        pages.append([item["id"] for item in found["items"]])
        cursor = found["next_cursor"]
    assert [len(p) for p in pages] == [2, 1]
    with db.reading() as session:
        assert session.query(answers.AskedRow).count() == 6


def test_what_is_kept_for_one_team_is_none_of_anothers(ours: Caller, theirs: Caller, client: TestClient) -> None:
    assert ours("POST", "/v1/recommendations", json=TASK).status_code == 201
    assert ours("POST", "/v1/recommendations", json=TASK).status_code == 200
    problem(client.post("/v1/recommendations", json=TASK), 401)
    assert theirs("POST", "/v1/recommendations", json=TASK).status_code == 201
    ours("POST", "/v1/benchmarks", json=figure())
    assert "own-faces" in ours("GET", "/v1/benchmarks?dataset=own-faces").text
    assert "own-faces" not in theirs("GET", "/v1/benchmarks?dataset=own-faces").text
