"""`check` and `lock` as a person and a pipeline use them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gate.decided import TASK, command, forged, keep, locked, written


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return written(tmp_path)


def test_update_then_check_holds_and_a_second_update_changes_nothing(task: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("lock", "update") == 0
    first = Path("gan-decision.lock.json").read_bytes()
    assert command("check") == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("same: ")
    assert command("lock", "update", str(task)) == 0
    assert Path("gan-decision.lock.json").read_bytes() == first
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_check_ends_in_the_exit_code_of_what_it_found(task: Path) -> None:
    lock = locked(task)
    assert lock.choice is not None
    second = lock.choice.model_copy(update={"architecture": lock.runners_up[0].slug})
    keep(task, forged(lock, choice=second))
    assert command("check") == 2
    assert command("check", "--fail-on", "policy,stale") == 0
    assert command("check", "--fail-on", "never") == 0
    keep(task, lock)
    written(task.parent, max_memory_gb=0.1)
    assert command("check") == 3
    assert command("check", "--fail-on", "drift", "--fail-on", "stale") == 0


def test_an_unreadable_lock_is_5_and_a_wrong_command_64(task: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("check") == 5
    assert "lock update" in capsys.readouterr().err
    Path("gan-decision.lock.json").write_text("<<<<<<< ours\n")
    assert command("check") == 5
    assert command("lock", "explain") == 5
    for wrong in (("--format", "html"), ("--fail-on", "rain"), ("--report", "sarif"), ("--nope",), ("none.yaml",)):
        assert command("check", *wrong) == 64, wrong
    task.write_text("data: {type: picture}\n")
    assert command("check") == 64
    task.write_text("data: {type: image}\nconstraints: {exclude: [dcgann]}\n")
    assert command("lock", "update") == 64


def test_update_replaces_an_unreadable_lock_and_says_so(task: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("gan-decision.lock.json").write_text("{}")
    assert command("lock", "update") == 0
    assert "written anew" in capsys.readouterr().err
    assert command("check") == 0


def test_update_says_what_has_changed(task: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command("lock", "update")
    written(task.parent, {**TASK, "data": {**TASK["data"], "samples": 5001}})
    capsys.readouterr()
    assert command("lock", "update") == 0
    assert "  /task/data/samples: 5000 -> 5001" in capsys.readouterr().out.splitlines()


def test_a_validation_enters_the_lock_stays_in_it_and_fails_the_check(task: Path, capsys: pytest.CaptureFixture[str]) -> None:
    choice = locked(task).choice
    assert choice is not None
    hardware = {"gpu": None, "cpu": "EPYC", "threads": 2}
    verdict = {"outcome": "overturned", "candidate": choice.architecture}
    body = {"id": "v1", "verdict": verdict, "runs": {"a": {"hardware": hardware}, "b": None}}
    Path("report.json").write_text(json.dumps(body))
    assert command("lock", "update", "--validation", "report.json") == 0
    assert command("lock", "update") == 0
    (kept,) = json.loads(Path("gan-decision.lock.json").read_text())["validations"]
    assert (kept["id"], kept["verdict"], kept["hardware"]) == ("v1", "overturned", "EPYC")
    assert command("check") == 4
    assert command("check", "--fail-on", "drift") == 0
    Path("report.json").write_text("{}")
    assert command("lock", "update", "--validation", "report.json") == 64


def test_explain_names_what_stands_behind_each_sentence(task: Path, capsys: pytest.CaptureFixture[str]) -> None:
    locked(task)
    assert command("lock", "explain") == 0
    lines = capsys.readouterr().out.splitlines()
    sentences = [line for line in lines if line.startswith("  ") and line[-1] == "]"]
    assert len(sentences) > 4
    assert sum(line.endswith("behind when it was locked") for line in lines) == 4


def test_diff_says_every_fact(task: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = locked(task)
    keep(task, lock)
    other = task.parent / "other"
    other.mkdir()
    keep(other / "x", forged(lock, recipe={**lock.recipe, "batch_size": 7}))
    assert command("lock", "diff", "gan-decision.lock.json", "other/gan-decision.lock.json") == 0
    assert any(line.startswith("/recipe/batch_size: ") and line.endswith("-> 7") for line in capsys.readouterr().out.splitlines())


def test_reports_are_written_beside_what_is_shown(task: Path, capsys: pytest.CaptureFixture[str]) -> None:
    locked(task)
    assert command("check", "--report", "sarif=a.sarif", "--report", "junit=a.xml", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["drift"] == "same"
    assert json.loads(Path("a.sarif").read_text())["runs"][0]["results"] == []
    assert Path("a.xml").read_text().startswith("<?xml")


def test_github_gets_its_summary_and_outputs(
    task: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = locked(task)
    assert lock.choice is not None
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    monkeypatch.setenv("GITHUB_OUTPUT", "output")
    Path("output").write_text("before=1\n")
    assert command("check", "--format", "github") == 0
    assert Path("summary.md").read_text().startswith("### same: ")
    assert Path("output").read_text().splitlines()[:2] == ["before=1", f"architecture={lock.choice.architecture}"]
    Path("gan-decision.lock.json").unlink()
    assert command("check", "--format", "github") == 5
    assert "::error file=gan-task.yaml,title=" in capsys.readouterr().out


def test_an_annotation_names_the_file_from_the_root_of_the_repository(task: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked(task)
    (task.parent.parent / ".git").mkdir(exist_ok=True)
    try:
        command("check", "--report", "json=a.json")
    finally:
        (task.parent.parent / ".git").rmdir()
    assert json.loads(Path("a.json").read_text())["task"] == f"{task.parent.name}/gan-task.yaml"


def test_rules_of_the_team_count(task: Path) -> None:
    choice = locked(task).choice
    assert choice is not None
    slug = choice.architecture
    Path("ours.yaml").write_text(
        f"- id: not-that\n  when: {{architecture.slug: {slug}}}\n  then: {{exclude: true}}\n  text: Not that.\n  because: Ours.\n"
        f"  golden: [{{task: {{data: {{type: image}}}}, architecture: {slug}}}]\n"
    )
    assert command("check", "--policy", "ours.yaml", "--report", "json=a.json") == 3
    assert json.loads(Path("a.json").read_text())["findings"][0]["rule_id"] == "policy/not-that"


def test_a_check_starts_without_what_it_does_not_need(task: Path) -> None:
    locked(task)
    unwanted = ["torch", "sqlalchemy", "fastapi", "httpx", "scipy.stats", "scipy.linalg", "dbos", "alembic", "uvicorn"]
    code = (
        "import sys; from app import cli\ntry: cli.main()\nexcept SystemExit as end: assert end.code == 0, end.code\n"
        f"print([m for m in {unwanted!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, "check", str(task)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
