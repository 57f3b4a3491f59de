"""A validation is started by a form, drawn from its events, and cancelled by a button."""

from __future__ import annotations

from fastapi.testclient import TestClient

from app import db
from app.dashboard.charts import Series
from app.dashboard.watching import MOMENTS, MOST_POINTS, _thinned, verdict_chart
from app.settings import settings
from app.validations import record
from models.contract import GRIDS, SAMPLES
from tests.dashboard.html import Html
from tests.dashboard.test_pages import DIGITS, answered, page


def filled(client: TestClient, **changed: str) -> dict[str, str | list[str]]:
    """What a browser sends when the form on the page of an answer is submitted as it stands, but for `changed`."""
    found = page(client, answered(client, DIGITS))
    fields: dict[str, str | list[str]] = {
        a["name"]: a["value"] for a in found.all("input") if a.get("type") in ("hidden", "text")
    }
    ticked = [a["value"] for a in found.all("input", name="architectures") if "checked" in a]
    return fields | {"architectures": ticked, "max_seconds": "60"} | changed


def started(client: TestClient) -> str:
    response = client.post("/validations", data=filled(client))
    assert response.status_code == 303, response.text
    return response.headers["location"]


def told(address: str, *events: tuple[str, dict[str, object]]) -> None:
    """Writes events as a worker would."""
    validation_id = address.rsplit("/", 1)[1]
    with db.transaction() as session:
        record.lock(session, validation_id)
        for kind, data in events:
            record.append(session, validation_id, kind, data)


def test_a_validation_starts_from_its_answer_and_says_why_it_waits(client: TestClient) -> None:
    address = started(client)
    found = page(client, address)
    assert "queued" in found.text
    state = client.get(f"/v1{address}").json()
    assert state["status_reason"] in found.text
    assert found.all("section", data_events=f"/v1{address}/events"), "the script listens"
    assert found.all("meta", http_equiv="refresh"), "and without it the page reloads itself"
    assert found.all("progress")
    assert address in page(client, "/validations").links()


def test_curves_and_health_are_drawn_from_the_events(client: TestClient) -> None:
    address = started(client)
    run = {"run": "candidate", "architecture": "dcgan"}
    told(
        address,
        ("metric", {**run, "name": "kid", "kimg": 1.0, "value": 0.3, "step": 10}),
        ("metric", {**run, "name": "kid", "kimg": 2.0, "value": None, "step": 20}),
        ("progress", {**run, "kimg": 1.0, "loss_d": 0.7, "loss_g": 0.9, "step": 10}),
        ("progress", {**run, "kimg": 2.0, "loss_d": 0.6, "loss_g": 1.1, "step": 20}),
        ("health", {**run, "code": "mode-collapse", "detail": "one <face>", "remedy": "Lower the rate."}),
    )
    found = page(client, address)
    assert len(found.all("svg", _class="curves")) == 2
    assert len(found.all("polyline")) == 3, "a figure that is not a number is left out"
    assert "mode collapse in candidate: one <face>. Remedy: Lower the rate." in found.text.replace("  ", " ").replace(" :", ":")


def test_a_run_shows_its_first_grid_its_last_and_some_between(client: TestClient) -> None:
    address = started(client)
    folder, steps = settings().runs / address.rsplit("/", 1)[1] / "candidate", [10 * place for place in range(30)]
    (folder / GRIDS).mkdir(parents=True)
    for name in (SAMPLES, *(f"{GRIDS}/{step}.png" for step in steps)):
        (folder / name).write_bytes(b"picture")
    run = {"run": "candidate", "architecture": "dcgan"}
    told(address, *(("samples", {**run, "step": step, "kimg": step / 100, "path": f"{GRIDS}/{step}.png"}) for step in steps))
    told(address, ("metric", {**run, "name": "kid", "kimg": 2.9, "value": 0.3, "step": 290}))
    found = page(client, address)
    shown = [a["src"] for a in found.all("img", loading="lazy") if f"/{GRIDS}/" in a["src"]]
    assert len(shown) == MOMENTS and shown[0].endswith("/0.png") and shown[-1].endswith("/290.png")
    assert "2.9 kimg · 0.3" in found.text
    assert client.get(shown[3]).content == b"picture"
    assert not any(f"/{GRIDS}/" in link and link not in shown for link in found.links()), "the list of files leaves the grids out"


def test_a_validation_that_cannot_be_planned_goes_back_to_the_answer_with_the_reason(client: TestClient) -> None:
    for field, value in (("dataset", "mnist-5"), ("max_seconds", "1e9"), ("max_seconds", "soon"), ("seed", "-1")):
        response = client.post("/validations", data=filled(client, **{field: value}))
        assert response.status_code == 422, (field, value)
        found = Html(response.text)
        assert found.mistakes == []
        (box,) = found.all("input", name=field)
        assert (box["value"], box["aria-invalid"]) == (value, "true")
    assert client.post("/validations", data={"recommendation_id": "nope", "dataset": "x", "max_seconds": "1"}).status_code == 404


def test_the_button_cancels_and_the_page_stops_reloading(client: TestClient) -> None:
    address = started(client)
    assert client.post(f"{address}/cancel", data={"": ""}).headers["location"] == address
    found = page(client, address)
    assert "canceled" in found.text
    assert not found.all("meta", http_equiv="refresh")
    assert not found.all("script")
    assert client.post(f"{address}/cancel", data={"": ""}).status_code == 303, "pressing twice does no harm"


def test_a_long_curve_is_thinned_and_keeps_its_ends_point() -> None:
    points = [(float(i), 1.0) for i in range(10_001)]
    thin = _thinned(points)
    assert len(thin) <= MOST_POINTS
    assert thin[-1] == points[-1]
    assert Series("x", _thinned(points[:3])).points == points[:3]


def test_a_verdict_without_an_interval_has_no_picture() -> None:
    nothing = {"low": None, "expected": None, "high": None}
    assert verdict_chart({"difference": nothing, "threshold": 0.02}) is None
    assert verdict_chart({"difference": {"low": -0.1, "expected": 0.1, "high": 0.3}, "threshold": 0.02})
