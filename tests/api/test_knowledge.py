"""The knowledge base over HTTP: filters, pages, entity tags, CSV."""

from __future__ import annotations

import csv
import io

import pytest
from fastapi.testclient import TestClient

from app.vocabulary import Knowledge
from tests.api.test_problems import problem

LISTS = ["/v1/architectures", "/v1/benchmarks", "/v1/rules", "/v1/datasets", "/v1/gpus"]


@pytest.mark.parametrize("path", LISTS)
def test_a_list_is_whole_over_its_pages_and_cached(client: TestClient, path: str, known: tuple[Knowledge, object]) -> None:
    seen, cursor = 0, None
    while True:
        page = client.get(path, params={"limit": 999, **({"cursor": cursor} if cursor else {})})
        seen += len(page.json()["items"])
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert seen == len(getattr(known[0], path.rsplit("/", 1)[1]))
    assert client.get(path, headers={"If-None-Match": client.get(path).headers["etag"]}).status_code == 304


@pytest.mark.parametrize("path", ["/v1/architectures", "/v1/benchmarks", "/v1/datasets", "/v1/gpus"])
def test_a_list_is_a_table_when_asked_for_csv(client: TestClient, path: str, known: tuple[Knowledge, object]) -> None:
    response = client.get(path, headers={"Accept": "text/csv"})
    assert response.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(response.text)))
    assert len(rows) == 1 + len(getattr(known[0], path.rsplit("/", 1)[1]))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert not [cell for row in rows[1:] for cell in row if cell[:1] in "=@" and cell]


@pytest.mark.parametrize(
    ("accept", "table"),
    [
        ("text/csv, */*", True),
        ("Text/CSV", True),
        ("text/csv;q=0.9, application/json;q=0.5", True),
        ("text/csv;q=0", False),
        ("text/csv;q=0.5, application/json", False),
        ("text/csv;q=0.5, */*", False),
        ("application/xml", False),
        ("", False),
    ],
)
def test_the_form_goes_by_the_qualities_of_accept_and_caches_are_told(client: TestClient, accept: str, table: bool) -> None:
    for _ in range(2):  # anew, and as it was kept
        response = client.get("/v1/gpus", headers={"Accept": accept})
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/csv" if table else "application/json")
        assert "Accept" in response.headers["vary"].split(", ")


def test_filters_hold_together(client: TestClient) -> None:
    items = client.get("/v1/benchmarks", params={"dataset": "cifar10", "architecture": "dcgan", "metric": "fid"}).json()["items"]
    assert items
    assert {(i["dataset"], i["architecture"], i["metric"]) for i in items} == {("cifar10", "dcgan", "fid")}
    assert all(i["source"] and i["locator"] and i["protocol"] for i in items)


def test_one_thing_can_be_fetched_by_its_id(client: TestClient) -> None:
    for path, key in [("/v1/architectures", "slug"), ("/v1/benchmarks", "id"), ("/v1/rules", "id")]:
        item = client.get(path, params={"limit": 1}).json()["items"][0]
        assert client.get(f"{path}/{item[key]}").json() == item


def test_an_unknown_slug_offers_the_nearest(client: TestClient) -> None:
    assert "dcgan" in problem(client.get("/v1/architectures/dcgann"), 404)["detail"]
    assert "cifar10" in problem(client.get("/v1/benchmarks?dataset=cifar-10"), 422)["detail"]


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "cursor=abc", "cursor=%00", "cursor=Zm9v", "task=portraits"])
def test_a_bad_query_is_refused(client: TestClient, query: str) -> None:
    problem(client.get(f"/v1/architectures?{query}"), 422)


def test_a_cursor_dies_when_the_filters_change_under_it(client: TestClient) -> None:
    cursor = client.get("/v1/architectures?limit=1").json()["next_cursor"]
    assert client.get("/v1/architectures", params={"cursor": cursor}).status_code == 200
    found = problem(client.get("/v1/architectures", params={"cursor": cursor, "task": "tabular"}), 422)
    assert "other filters" in found["detail"]


def test_a_limit_that_is_too_large_is_cut(client: TestClient) -> None:
    assert len(client.get("/v1/benchmarks?limit=100000").json()["items"]) == 1000
