"""Where a data set lies on the server's disk is told to nobody, in no form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app import db
from app.settings import settings
from app.tables import DeliveryRow, ValidationRow
from app.validations import named, record
from app.vocabulary import Status, WebhookEvent
from models import contract

TASK = {"data": {"type": "image", "resolution": 32, "channels": 1, "samples": 5000}}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "secret-place" / "faces"
    folder.mkdir(parents=True)
    monkeypatch.setenv("GAN_ADVISOR_DATA_FOLDERS", str(folder.parent))
    monkeypatch.setenv("GAN_ADVISOR_WEBHOOK_NETWORKS", '["127.0.0.0/8"]')
    monkeypatch.setenv("GAN_ADVISOR_WEBHOOK_SECONDS", "1000")
    return folder


def test_a_data_set_on_the_disk_goes_by_its_name_in_every_answer_event_file_and_message(place: Path, client: TestClient) -> None:
    hook = {"url": "http://127.0.0.1:9/", "events": list(WebhookEvent)}
    client.post("/v1/webhook-endpoints", json=hook).raise_for_status()
    body: dict[str, Any] = {"task": TASK, "dataset": f"{place}/.", "architectures": ["dcgan"], "budget": {"max_seconds": 10}}
    planned = client.post("/v1/validations?validate_only=true", json=body)
    made = client.post("/v1/validations", json=body)
    assert (planned.status_code, made.status_code) == (200, 202)
    name = made.json()["id"]
    with db.transaction() as session:
        plan = session.get_one(ValidationRow, name).plan
        session.execute(sa.update(ValidationRow).values(report={"plan": plan}))
    run_dir = settings().runs / name / "candidate"  # what a worker and a run leave there
    recipe = contract.Recipe(**{**plan["runs"][1]["recipe"], "augment": ()})
    contract.write_recipe(run_dir, recipe, contract.RunBudget(seconds=1))
    (run_dir / contract.LOG).write_text(f"{place}/1.png is broken\n{run_dir}/x\n{Path(contract.__file__)}, line 3\n")
    record.close(name, Status.FAILED, f"the data could not be loaded: {place} has 0 usable samples")
    files = client.get(f"/v1/validations/{name}/artifacts").json()["items"]
    assert {file["name"] for file in files} == {"recipe.yaml", "candidate/recipe.yaml", "log.txt", "candidate/log.txt"}
    shown = [client.get(file["href"]) for file in files]
    assert [len(one.content) for one in shown] == [file["bytes"] for file in files]
    shown += [planned, made, client.get("/v1/validations"), client.get(f"/v1/validations/{name}")]
    shown += [
        client.get(f"/v1/validations/{name}/events", headers={"Accept": a}) for a in ("application/json", "text/event-stream")
    ]
    shown += [client.get(page, headers={"Accept": "text/html"}) for page in ("/validations", f"/validations/{name}")]
    with db.reading() as session:
        messages = session.scalars(sa.select(DeliveryRow.body)).all()
    assert len(messages) == 2
    for one in [*(response.text for response in shown), *messages]:
        assert "faces" in one
        assert "secret-place" not in one
        assert str(settings().data_dir) not in one
        assert str(db.PROJECT) not in one


def test_a_plan_on_packaged_data_is_told_as_it_is() -> None:
    data = {"slug": "digits"}
    assert named.told({"a": ["digits", "/digits"]}, data) == {"a": ["digits", "/digits"]}
    assert named.name_of(data) == "digits"
    assert named.name_of({"slug": "/srv/x/faces/"}) == "faces"
