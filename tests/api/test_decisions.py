"""POST /v1/decisions:check finds what `gan-advisor check` finds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient

from app.gate.lock import body_of
from tests.api.test_validations import problem
from tests.gate.decided import command, forged, locked, written

PATH = "/v1/decisions:check"


def body(path: Path, **changes: Any) -> dict[str, Any]:
    """The two files as JSON, the lock perhaps another whole one."""
    return {"task": yaml.safe_load(path.read_text()), "lock": body_of(forged(locked(path), **changes))}


@pytest.mark.parametrize("policy", [{}, {"max_memory_gb": 0.1}, {"deny": ["stylegan2-ada"]}])
def test_it_finds_what_the_command_finds(
    client: TestClient, tmp_path: Path, policy: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, **policy)
    sent = body(path)
    capsys.readouterr()
    code = command("check", str(path), "--format", "json")
    said = json.loads(capsys.readouterr().out)
    found = client.post(PATH, json=sent)
    assert found.status_code == 200
    assert found.json() == {k: v for k, v in said.items() if k not in ("task", "findings")} | {
        "findings": [{k: v for k, v in f.items() if k != "line"} for f in said["findings"]]
    }
    assert found.json()["exit_code"] == code


def test_what_counts_is_said_in_the_request(client: TestClient, tmp_path: Path) -> None:
    path = written(tmp_path)
    lock = locked(path)
    assert lock.choice is not None
    overtaken = body(path, choice=lock.choice.model_copy(update={"architecture": lock.runners_up[0].slug}))
    codes = [client.post(PATH, json={**overtaken, **more}).json()["exit_code"] for more in ({}, {"fail_on": []})]
    assert codes == [2, 0]
    assert client.post(PATH, json=overtaken).json()["drift"] == "overtaken"


def test_a_lock_that_was_changed_by_hand_and_a_wrong_task_are_refused(client: TestClient, tmp_path: Path) -> None:
    whole = body(written(tmp_path))
    changed = {**whole, "lock": {**whole["lock"], "abstained_reason": "mine"}}
    assert problem(client.post(PATH, json=changed), 422)["code"] == "lock_unreadable"
    wrong = {**whole, "task": {**whole["task"], "policy": {"max_memory": 3}}}
    assert problem(client.post(PATH, json=wrong), 422)["errors"][0]["pointer"] == "#/task/policy/max_memory"
    nowhere = {**whole, "task": {"data": {"type": "image"}, "budget": {"gpu": "RTX 309"}}}
    assert problem(client.post(PATH, json=nowhere), 422)["errors"][0]["pointer"] == "#/task/budget/gpu"
