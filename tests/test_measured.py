"""What validations measured here enters the advice: as a publication of its own, cited, openable, and fitted once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app import db, measured
from app.measured import Advisors, figures_of
from app.recommend import Advisor, fit, recommend
from app.tables import Measurement, ValidationRow
from app.validations.known import tasks
from app.vocabulary import Knowledge, Task
from tests.conftest import forget_settings

TASK: dict[str, Any] = {"data": {"type": "image", "resolution": 32, "samples": 5000, "channels": 1}, "top_k": 50}
DATA = {"slug": "mnist-5k", "type": "image", "samples": 5000, "resolution": 28}


def validated(name: str, values: dict[str, float], *, team: str | None = None, direction: str = "min", metric: str = "") -> None:
    """A finished validation and its figures, as a worker leaves them."""
    metric = metric or tasks()["unconditional-image"]["metric"]
    recipe = {"task": "unconditional-image", "resolution": 32, "channels": 1, "metric_samples": 500, "batch_size": 16}
    plan = {"dataset": DATA, "metric": metric, "direction": direction}
    with db.transaction() as session:
        now = db.now(session)
        session.add(ValidationRow(id=name, created_at=now, team=team, request={}, plan=plan, outcome="succeeded", progress={}))
        session.flush()
        for architecture, value in values.items():
            body = {"recipe": recipe, "budget": {"seconds": 60.0}}
            row = {"validation_id": name, "architecture": architecture, "dataset": "mnist-5k", "metric": metric, "value": value}
            session.add(Measurement(id=f"{name}/{architecture}", created_at=now, body=body, **row))


@pytest.fixture
def knowledge(known: tuple[Knowledge, Advisor], sqlite_database: str) -> Iterator[Knowledge]:
    forget_settings()
    yield known[0]


@pytest.fixture
def few(knowledge: Knowledge) -> Advisor:
    """An advisor of some figures alone, so that a test may fit it often."""
    rows = tuple(
        f for f in knowledge.benchmarks if f.task == "unconditional-image" and f.architecture in ("dcgan", "sngan", "gan")
    )
    return fit(replace(knowledge, benchmarks=rows))


def test_a_measurement_becomes_a_figure_with_a_metric_a_protocol_and_a_publication_of_its_own(knowledge: Knowledge) -> None:
    validated("v1", {"dcgan": 0.9, "sngan": 0.4, "pixel-gaussian": 2.0})
    validated("v2", {"dcgan": float("inf")})
    validated("v3", {"dcgan": 0.1}, team="another team")
    found = [figure for figure, _ in figures_of(knowledge)]
    assert [f.id for f in found] == ["measured/v1/dcgan", "measured/v1/sngan"]
    figure = found[0]
    assert (figure.metric, figure.value, figure.source) == ("kid-efflite0-112", 0.9, "measured:v1")
    assert (figure.task, figure.dataset, figure.train_samples, figure.resolution) == ("unconditional-image", "mnist-5k", 5000, 32)
    assert figure.protocol == "measured here: 500 samples, 60 s of training"
    assert figure.metric in knowledge.metrics


def test_every_metric_that_a_validation_uses_gets_its_direction(knowledge: Knowledge) -> None:
    for terms in tasks().values():
        metric = knowledge.metrics.get(terms["metric"].replace("_", "-"))
        assert metric is None or metric.direction == terms["direction"], terms["metric"]
    validated("v1", {"dcgan": 0.9, "sngan": 0.4}, metric="a_new_score", direction="max")
    named = measured._naming(knowledge, figures_of(knowledge))
    assert named.metrics["a-new-score"].direction == "max"


def test_what_is_measured_moves_the_answer_and_two_validations_say_more_than_one(few: Advisor) -> None:
    asked = Task.model_validate(TASK | {"constraints": {"include": ["dcgan", "sngan", "gan"]}})

    def standings(advisor: Advisor) -> float:
        score = {c.architecture: c.score for c in recommend(asked, advisor).candidates}
        return score["dcgan"] - score["sngan"]

    shipped = standings(few)
    advisors = Advisors(few)
    validated("v1", {"dcgan": 0.2, "sngan": 0.9})
    once = standings(advisors.now())
    validated("v2", {"dcgan": 0.2, "sngan": 0.9})
    twice = standings(advisors.now())
    assert shipped < once < twice
    again = [
        f.model_copy(update={"id": f.id + str(i)})
        for i in range(2)
        for f, _ in figures_of(few.knowledge)
        if f.source == "measured:v1"
    ]
    repeated = standings(fit(few.knowledge, again))
    assert repeated < twice, "runs of one validation share its luck; another validation does not"


def test_it_is_fitted_anew_only_when_there_is_something_new(few: Advisor, monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[int] = []

    def counted(*args: Any) -> Advisor:
        fits.append(1)
        return fit(*args)

    monkeypatch.setattr(measured, "fit", counted)
    advisors = Advisors(few)
    assert advisors.now() is few
    validated("v1", {"dcgan": 0.9, "sngan": 0.4})
    held = advisors.now()
    assert held is not few
    assert advisors.now() is held
    assert fits == [1]
    with db.transaction() as session:
        session.delete(session.get(ValidationRow, "v1"))
    assert advisors.now() is few


def test_a_measurement_that_cannot_be_fitted_does_not_take_the_service_down(
    few: Advisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Advisor:
        raise ValueError("no such figure can be fitted")

    advisors = Advisors(few)
    validated("v1", {"dcgan": 0.9, "sngan": 0.4})
    monkeypatch.setattr(measured, "fit", broken)
    assert advisors.now() is few
    monkeypatch.setattr(measured, "fit", fit)
    assert advisors.now() is few, "it is not tried again until there is something new"
    validated("v2", {"dcgan": 0.9, "sngan": 0.4})
    assert advisors.now() is not few


def test_an_answer_cites_what_was_measured_here_and_leads_to_the_validation(client: TestClient) -> None:
    before = client.post("/v1/recommendations", json=TASK).json()
    validated("v1", {"dcgan": 0.9, "sngan": 0.4})
    answer = client.post("/v1/recommendations", json=TASK).json()
    assert answer["id"] != before["id"], "another answer, another id"
    reasons = {
        c["architecture"]: [r for r in c["reasons"] if (r["benchmark_id"] or "").startswith("measured/")]
        for c in answer["candidates"]
    }
    assert [r["benchmark_id"] for r in reasons["sngan"]] == ["measured/v1/sngan"]
    assert "0.4 of sngan on mnist-5k" in reasons["sngan"][0]["text"]
    assert "place 1 of 2 measured alike (measured here" in reasons["sngan"][0]["text"]
    found = client.get("/v1/benchmarks/measured/v1/sngan").json()
    assert (found["value"], found["source"]) == (0.4, "measured:v1")
    assert client.get("/evidence/measured/v1/sngan").headers["location"] == "/validations/v1"
    page = client.get(f"/recommendations/{answer['id']}").text
    assert 'href="/evidence/measured/v1/sngan"' in page
    assert 'href="/validations/v1"' in page
    assert client.get("/v1/benchmarks/measured/v9/sngan").status_code == 404
