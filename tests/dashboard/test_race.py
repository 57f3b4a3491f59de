"""The race in its rungs, as the page of a validation tells it."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

from app.dashboard.race import columns, lanes
from app.validations import store
from app.vocabulary import Validation
from tests.dashboard.test_pages import DIGITS, answered, page
from tests.dashboard.test_watching import told


def raced(client: TestClient, *architectures: str) -> Validation:
    body = {"recommendation_id": answered(client, DIGITS).rsplit("/", 1)[1], "architectures": architectures}
    made = client.post("/v1/validations", json={**body, "dataset": "digits", "budget": {"max_seconds": 60}}).json()
    return store.get(made["id"], None)


def ended(it: Validation) -> Validation:
    """As the worker leaves it: the last runner-up was worst at the half, the first one best at the end."""
    figures = {"candidate": 0.9, "runner-up": 0.5, "runner-up-2": 2.0}
    stopped: list[dict[str, Any]] = [{"run": "runner-up-2", "architecture": "gan", "value": 2.0, "because": "sngan was better"}]
    stage = {"share": 0.5, "figures": figures, "kept": ["candidate", "runner-up"], "stopped": stopped}
    return it.model_copy(update={"report": {"rungs": [stage]}, "done": True})


def test_two_race_without_rungs_and_three_are_halved(client: TestClient) -> None:
    assert lanes(raced(client, "dcgan", "sngan"), {}) == []
    three = raced(client, "dcgan", "sngan", "gan")
    assert columns(three) == ["At 50 %", "At the end"]
    assert [lane.fate for lane in lanes(three, {"candidate": 1.0})] == ["races", "has not begun", "has not begun"]


def test_at_the_end_each_run_has_its_figures_and_why_it_stopped_best_first(client: TestClient) -> None:
    newest = {"candidate": 0.4, "runner-up": 0.3, "runner-up-2": 2.0}
    found = lanes(ended(raced(client, "dcgan", "sngan", "gan")), newest)
    assert [(lane.architecture, lane.figures) for lane in found] == [
        ("sngan", (0.5, 0.3)),
        ("dcgan", (0.9, 0.4)),
        ("gan", (2.0, None)),
    ]
    assert [lane.stopped for lane in found] == [False, False, True]
    assert found[2].fate == "stopped at 50 %: sngan was better"


def test_the_page_shows_it_while_it_runs(client: TestClient) -> None:
    it = raced(client, "dcgan", "sngan", "gan")
    address = f"/validations/{it.id}"
    told(address, ("metric", {"run": "candidate", "architecture": "dcgan", "name": "kid", "kimg": 1.0, "value": 0.1234}))
    found = page(client, address)
    assert "At 50 % of the budget 2 go on" in found.text
    assert "0.123" in found.text and "has not begun" in found.text
    assert "dcgan, sngan and gan against" in found.text
