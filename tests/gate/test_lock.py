"""gan-task.yaml and gan-decision.lock.json: what they hold, how they are read, what they refuse."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from app.errors import LockUnreadable, Unprocessable
from app.gate import lock as locks
from app.gate.task import read
from tests.gate.decided import TODAY, advisor, forged, locked, report, written


def test_a_lock_holds_every_fact_of_the_decision(tmp_path: Path) -> None:
    body = json.loads(locks.render(locked(written(tmp_path, licence="commercial"))))
    fields = "schema task task_sha256 evidence ruleset choice recipe runners_up estimates constraints licences validations"
    assert set(fields.split()) | {"recheck_after"} <= body.keys()
    assert body["evidence"] == {"version": advisor().knowledge.version, "sha256": advisor().knowledge.sha256}
    assert body["estimates"]["gpu_hours"].keys() == {"low", "mid", "high", "unit"}
    assert body["runners_up"][0].keys() == {"slug", "margin"}
    assert body["constraints"]["licence"] == "commercial"
    assert body["licences"].keys() >= {body["choice"]["architecture"], body["runners_up"][0]["slug"]}


def test_it_is_canonical_and_holds_one_fact_on_a_line(tmp_path: Path) -> None:
    text = locks.render(locked(written(tmp_path)))
    assert text == json.dumps(json.loads(text), sort_keys=True, indent=2, ensure_ascii=False) + "\n"
    assert all(len(re.findall(r'": [^{\[]', line)) <= 1 for line in text.splitlines())
    assert locks.render(locks.parse(text, "it")) == text


def test_no_clock_is_in_the_digest(tmp_path: Path) -> None:
    path = written(tmp_path)
    early, late = locked(path), locked(written(tmp_path, recheck_days=180))
    assert early.sha256 == late.sha256
    moved = early.model_copy(update={"recheck_after": TODAY.replace(year=2030)})
    assert locks.parse(locks.render(moved), "it").sha256 == early.sha256


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"score": ', '"score": 1', "changed after it was written"),
        ("gan-decision/1", "gan-decision/2", "schema"),
        ("{", "<<<<<<< ours\n{", "JSON"),
        ('"task_sha256"', '"task_hash"', "task_sha256"),
    ],
)
def test_a_lock_that_was_touched_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = locks.render(locked(written(tmp_path))).replace(old, new, 1)
    with pytest.raises(LockUnreadable, match=said):
        locks.parse(text, "the lock")


def test_a_missing_lock_names_the_command_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(LockUnreadable, match="gan-advisor lock update"):
        locks.read(tmp_path / "none.json")


def test_differences_name_each_fact_that_differs(tmp_path: Path) -> None:
    lock = locked(written(tmp_path))
    other = forged(lock, recipe={**lock.recipe, "batch_size": 7})
    found = {pointer: (old, new) for pointer, old, new in locks.differences(lock, other)}
    assert found.keys() == {"/recipe/batch_size", "/sha256"}
    assert found["/recipe/batch_size"][1] == 7
    assert not list(locks.differences(lock, lock))


def test_a_task_file_knows_the_line_of_every_field(tmp_path: Path) -> None:
    path = tmp_path / "gan-task.yaml"
    path.write_text("# ours\ndata:\n  type: image\n\n  samples: 5000\npolicy:\n  deny:\n    - ctgan\n    - medgan\n")
    asked = read(path)
    lines = {
        pointer: asked.line(pointer) for pointer in ("/data", "/data/samples", "/policy/deny/1", "/data/resolution", "/budget")
    }
    assert lines == {"/data": 2, "/data/samples": 5, "/policy/deny/1": 9, "/data/resolution": 2, "/budget": 1}


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ("data: {type: picture}\n", "#/data/type"),
        ("data: {type: image}\npolicy: {max_gpu_hours: -1}\n", "#/policy/max_gpu_hours"),
        ("data: {type: image}\npolicy: {licence: free}\n", "#/policy/licence"),
        ("data: {type: image}\npolcy: {}\n", "#/polcy"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, text: str, pointer: str) -> None:
    path = tmp_path / "gan-task.yaml"
    path.write_text(text)
    with pytest.raises(Unprocessable) as refused:
        read(path)
    assert [problem.pointer for problem in refused.value.errors] == [pointer]


@pytest.mark.parametrize("text", ["- a\n- b\n", "data: [unclosed\n", ""])
def test_what_is_no_task_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "gan-task.yaml"
    path.write_text(text)
    with pytest.raises(Unprocessable):
        read(path)


def test_an_abstention_can_be_locked_and_holds(tmp_path: Path) -> None:
    path = written(tmp_path, {"data": {"type": "image"}, "constraints": {"include": ["coco-gan"]}})
    lock = locked(path)
    assert lock.choice is None
    assert lock.abstained_reason
    assert report(lock, path).drift == "same"


def test_a_field_that_a_later_version_adds_does_not_make_old_locks_differ(tmp_path: Path) -> None:
    lock = locked(written(tmp_path))
    assert "priorities" not in lock.task, "what is left to its default is not written down"
    assert "classes" not in lock.task["data"]
    body = json.loads(locks.render(lock))
    body["licences"] = dict(reversed(body["licences"].items()))
    assert locks.parse(json.dumps(body), "another order").sha256 == lock.sha256
