"""A team's own figures: the laws of the shipped ones, told row by row; evidence in its own answers and in nobody else's."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app import figures
from app.figures import Checked, alike, evidence, typed
from app.knowledge.sync import sync
from app.recommend import Advisor
from app.vocabulary import Knowledge
from tests.access.conftest import Caller
from tests.api.test_validations import problem

TASK: dict[str, Any] = {"data": {"type": "image", "resolution": 64, "samples": 5000}, "top_k": 40}
TABLE = {"Content-Type": "text/csv"}


def figure(architecture: str = "sngan", value: float = 20.0, **other: Any) -> dict[str, Any]:
    body = {"architecture": architecture, "task": "unconditional-image", "dataset": "own-faces", "metric": "fid", "value": value}
    return {**body, "resolution": 64, "train_samples": 5000, "protocol": "ours", "source": "own:lab", "locator": "run 1", **other}


def table(rows: list[dict[str, Any]]) -> bytes:
    return "\n".join([",".join(rows[0]), *(",".join(str(v) for v in row.values()) for row in rows)]).encode()


def test_a_figure_is_taken_told_back_listed_and_deleted(client: TestClient) -> None:
    made = client.post("/v1/benchmarks", json=figure())
    assert made.status_code == 201, made.text
    body, where = made.json(), made.headers["location"]
    assert (body["id"][:4], body["value"], body["reported_by"]) == ("own/", 20.0, "third-party")
    assert client.get(where).json() == body
    listed = client.get("/v1/benchmarks?dataset=own-faces").json()
    assert listed == {"items": [body], "next_cursor": None}
    assert client.get(f"/evidence/{body['id']}").status_code == 200
    assert client.post("/v1/benchmarks", json=[figure()]).json() == {"created": 0, "unchanged": 1, "figures": 1}
    assert client.delete(where).status_code == 204
    problem(client.get(where), 404)
    problem(client.delete(where), 404)
    problem(client.delete(f"/v1/benchmarks/{client.get('/v1/benchmarks?limit=1').json()['items'][0]['id']}"), 404)


@pytest.mark.parametrize(
    ("wrong", "field", "code"),
    [
        ({"architecture": "sngann"}, "architecture", "slugs"),
        ({"dataset": "faces-of-ours"}, "dataset", "slugs"),
        ({"metric": "fidd"}, "metric", "slugs"),
        ({"value": 1677.0}, "value", "range"),
        ({"source": "my notebook"}, "source", "source"),
        ({"task": "tabular"}, "task", "slugs"),
        ({"resolution": "large"}, "resolution", "int_parsing"),
        ({"locator": ""}, "locator", "string_too_short"),
        ({"colour": "red"}, "colour", "extra_forbidden"),
    ],
)
def test_each_law_tells_the_row_and_the_field_and_nothing_is_kept(
    client: TestClient, wrong: dict[str, Any], field: str, code: str
) -> None:
    found = problem(client.post("/v1/benchmarks", json=[figure(), figure(locator="run 2") | wrong]), 422)
    assert [(e["pointer"], e["code"]) for e in found["errors"]] == [(f"#/1/{field}", code)]
    assert figures.count(None) == 0


def test_two_values_for_one_figure_are_refused_within_a_request_and_against_what_is_there(client: TestClient) -> None:
    found = problem(client.post("/v1/benchmarks", json=[figure(), figure(value=21.0)]), 422)
    assert found["errors"][0]["pointer"] == "#/1/value"
    client.post("/v1/benchmarks", json=figure())
    found = problem(client.post("/v1/benchmarks", json=[figure(locator="run 2"), figure(value=21.0)]), 409)
    assert found["errors"][0]["pointer"] == "#/1/value"
    assert figures.count(None) == 1


def test_a_table_is_taken_as_csv_and_comes_back_as_csv(client: TestClient) -> None:
    rows = [figure(name, 20.0 + n, locator=f"run {n}") for n in range(3) for name in ("sngan", "dcgan")]
    taken = client.post("/v1/benchmarks", content=table(rows), headers=TABLE)
    assert (taken.status_code, taken.json()["created"]) == (201, 6)
    got = client.get("/v1/benchmarks?dataset=own-faces", headers={"Accept": "text/csv"}).text
    assert got.count("own-faces") == 6
    assert client.post("/v1/benchmarks", content=got, headers=TABLE).json()["unchanged"] == 6
    whole = client.get("/v1/benchmarks", headers={"Accept": "text/csv"}).text
    assert whole.count("own-faces") == 6 and whole.count("\n") > 1000
    assert client.delete("/v1/benchmarks?source=own:lab").json() == {"deleted": 6}


@pytest.mark.parametrize(
    ("content", "status", "pointer"),
    [
        (b"architecture,colour\nsngan,red\n", 422, "#/header"),
        (b"", 422, "#/header"),
        (b"architecture,task\nsngan\n", 422, "#/line/2"),
        (b"architecture,task\nsngan,\xff\xfe\n", 400, None),
        (b'architecture,task\n"sngan,x\n', 400, None),
        (b"architecture,task\nsngan,unconditional-image\n", 422, "#/0/dataset"),
        (table([figure(value=float("nan"))]), 422, "#/0/value"),
    ],
)
def test_a_wrong_table_says_what_is_wrong(client: TestClient, content: bytes, status: int, pointer: str | None) -> None:
    found = problem(client.post("/v1/benchmarks", content=content, headers=TABLE), status)
    assert pointer is None or found["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("body", [b"[]", b"{", b"3", b'"x"', b"[[]]", b"null", b"[1]"])
def test_wrong_json_is_refused(client: TestClient, body: bytes) -> None:
    found = client.post("/v1/benchmarks", content=body, headers={"Content-Type": "application/json"})
    assert problem(found, found.status_code)["status"] in (400, 422)
    problem(client.post("/v1/benchmarks", content=b"x", headers={"Content-Type": "application/xml"}), 415)


def test_own_figures_change_the_answers_of_their_team_alone(ours: Caller, theirs: Caller) -> None:
    before = ours("POST", "/v1/recommendations", json=TASK).json()
    assert theirs("POST", "/v1/recommendations", json=TASK).json()["id"] == before["id"]
    rows = [figure("dcgan", 5.0, locator=f"run {n}", source=f"own:{n}") for n in range(6)]
    rows += [figure(name, 90.0, locator=f"run {n}", source=f"own:{n}") for n in range(6) for name in ("sngan", "wgan-gp")]
    assert ours("POST", "/v1/benchmarks", json=rows).status_code == 201
    after = ours("POST", "/v1/recommendations", json=TASK).json()
    assert after["id"] != before["id"]

    def scores(answer: Any) -> dict[str, float]:
        return {c["architecture"]: c["score"] for c in answer["candidates"]}

    assert scores(after)["dcgan"] - scores(after)["sngan"] > scores(before)["dcgan"] - scores(before)["sngan"]
    cited = [r["benchmark_id"] for c in after["candidates"] for r in c["reasons"] if str(r["benchmark_id"]).startswith("own/")]
    assert cited
    assert ours("GET", f"/v1/benchmarks/{cited[0]}").status_code == 200
    problem(theirs("GET", f"/v1/benchmarks/{cited[0]}"), 404)
    assert f'href="/evidence/{cited[0]}"' in ours("GET", f"/recommendations/{after['id']}").text
    assert theirs("POST", "/v1/recommendations", json=TASK).json()["id"] == before["id"]
    problem(theirs("GET", f"/v1/recommendations/{after['id']}"), 404)
    assert theirs("GET", "/v1/benchmarks?dataset=own-faces").json()["items"] == []
    assert ours("DELETE", "/v1/benchmarks?source=own:0").json() == {"deleted": 3}
    for n in range(1, 6):
        ours("DELETE", f"/v1/benchmarks?source=own:{n}")
    assert ours("POST", "/v1/recommendations", json=TASK).json()["id"] == before["id"], "nothing own is left"


def test_two_teams_may_have_the_same_figure_each_its_own(ours: Caller, theirs: Caller) -> None:
    ids = {call("POST", "/v1/benchmarks", json=figure()).json()["id"] for call in (ours, theirs)}
    assert len(ids) == 2


def test_a_sync_leaves_own_figures_alone(client: TestClient, known: tuple[Knowledge, Advisor]) -> None:
    client.post("/v1/benchmarks", json=figure())
    changed = Knowledge(**{**vars(known[0]), "sha256": "0" * 64})
    assert sync(changed).changed
    assert figures.count(None) == len(figures.page(None, 10, {})) == 1


def test_figures_alike_enter_a_fit_as_their_mean_under_an_id_that_opens(client: TestClient) -> None:
    rows = [figure(value=20.0 + n, locator=f"run {n}") for n in range(5)] + [figure("dcgan", 30.0)]
    client.post("/v1/benchmarks", json=rows)
    (mean, one) = sorted(evidence(None), key=lambda f: f.value)
    assert (mean.architecture, mean.value, mean.locator) == ("sngan", 22.0, "mean of 5 figures")
    assert (one.architecture, one.value, one.locator) == ("dcgan", 30.0, "run 1")
    assert client.get(f"/v1/benchmarks/{mean.id}").json()["value"] == 22.0


def test_of_too_many_figures_the_yardsticks_that_compare_most_designs_are_taken_whole(client: TestClient) -> None:
    names = ("sngan", "dcgan", "wgan-gp")
    rows = [figure(name, 20.0, source=f"own:{n}") for n in range(4) for name in names[: n % 3 + 1]]
    client.post("/v1/benchmarks", json=rows)
    assert len(evidence(None)) == 7
    assert [f.source for f in evidence(None, limit=5)] == ["own:2"] * 3 + ["own:1"] * 2
    assert [f.source for f in evidence(None, limit=3)] == ["own:2"] * 3


def test_figures_compare_only_where_everything_but_the_design_is_equal() -> None:
    first, *others = typed(
        [figure(), figure("dcgan"), figure(variant="big"), figure(locator="x"), figure(protocol="x"), figure(resolution=32)], None
    )
    cells = [alike(f)[:10] == alike(first)[:10] for f in others]
    assert cells == [True, True, True, False, False]
    assert [alike(f) == alike(first) for f in others] == [False, False, True, False, False]


def test_a_team_may_hold_only_so_many(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "settings", lambda: type("Few", (), {"max_figures": 2}))
    rows = [figure(locator=f"run {n}") for n in range(3)]
    assert problem(client.post("/v1/benchmarks", json=rows), 422)["errors"][0]["code"] == "too_many"
    assert client.post("/v1/benchmarks", json=rows[:2]).json()["created"] == 2


def test_pages_of_shipped_and_own_figures_hold_each_once(client: TestClient, known: tuple[Knowledge, Advisor]) -> None:
    client.post("/v1/benchmarks", json=[figure(locator=f"run {n}") for n in range(25)])
    seen: list[str] = []
    address = "/v1/benchmarks?task=unconditional-image&metric=fid&limit=400"
    cursor = ""
    while cursor is not None:
        found = client.get(f"{address}&cursor={cursor}" if cursor else address).json()
        seen += [item["id"] for item in found["items"]]
        cursor = found["next_cursor"]
    wanted = [b.id for b in known[0].benchmarks if b.task == "unconditional-image" and b.metric == "fid"]
    assert len(seen) == len(set(seen)) == len(wanted) + 25
    assert seen == sorted(seen)


def test_what_the_store_holds_is_looked_up_for_every_row(client: TestClient, known: tuple[Knowledge, Advisor]) -> None:
    checked = Checked(known[0], None)
    client.post("/v1/benchmarks", json=figure())
    checked.add([figure(), figure(locator="run 2")])
    assert (checked.rows, checked.there) == (2, 1)
