"""The advisor's own record over HTTP."""

from __future__ import annotations

from fastapi.testclient import TestClient


def test_the_backtest_is_served_in_the_shape_that_clients_read_and_not_sent_twice(client: TestClient) -> None:
    found = client.get("/v1/advisor/backtest")
    report = found.json()
    assert {"groups", "methods", "by_task", "version", "figures_sha256", "when"} <= set(report)
    assert set(report["methods"]) == {"advisor", "newest", "most_reported", "additive", "random"}
    for part in (report, *report["by_task"].values()):
        assert all(set(scores) == {"top1", "spearman", "within20", "coverage80"} for scores in part["methods"].values())
    assert report["groups"] == sum(part["groups"] for part in report["by_task"].values())
    assert "max-age" in found.headers["cache-control"]
    same = client.get("/v1/advisor/backtest", headers={"If-None-Match": found.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")


def test_an_answer_leads_to_the_backtest_it_speaks_of(client: TestClient) -> None:
    record = client.post("/v1/recommendations", json={"data": {"type": "tabular"}}).json()["record"]
    assert record["id"] == client.get("/v1/advisor/backtest").json()["id"]
    assert str(record["cases"]) in record["text"]
