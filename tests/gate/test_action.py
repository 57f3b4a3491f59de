"""The Action's own shell steps, run as a runner runs them: the exit code of the check comes through untouched."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.gate.decided import TASK, forged, keep, locked, written

ROOT = Path(__file__).resolve().parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
HOOK = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())[0]
COMMAND = Path(sys.executable).with_name("gan-advisor")
CODES = (0, 1, 2, 3, 4, 5, 64, 75)


def step(name: str, folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """One step as GitHub runs `shell: bash`, its inputs filled in."""
    (found,) = [s for s in ACTION["runs"]["steps"] if s["name"] == name]
    given = {k: v["default"] for k, v in ACTION["inputs"].items()} | inputs
    values = {f"inputs.{k}": v for k, v in given.items()} | {"github.action_path": str(ROOT)}

    def filled(text: str) -> str:
        return re.sub(r"\$\{\{ *([a-z._-]+) *\}\}", lambda m: values[m[1]], text)

    assert found["shell"] == "bash"
    assert "${{" not in found["run"], "an input in the script could be read as shell"
    script = folder / "step.sh"
    script.write_text(found["run"])
    env = {"PATH": os.environ["PATH"], "RUNNER_TEMP": str(folder / "temp"), "GITHUB_OUTPUT": str(folder / "output")}
    env |= {k: filled(v) for k, v in found["env"].items()} | {"OMP_NUM_THREADS": "1"}
    where = folder / filled(found.get("working-directory", "."))
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
    return subprocess.run(command, cwd=where, env=env, capture_output=True, text=True, timeout=120)


def installed(folder: Path, script: str | None = None) -> None:
    """What Install leaves: the command itself, or one in its place."""
    place = folder / "temp" / "gan-advisor" / "bin" / "gan-advisor"
    place.parent.mkdir(parents=True)
    if script is None:
        place.symlink_to(COMMAND)
    else:
        place.write_text(f"#!/bin/bash\n{script}\n")
        place.chmod(0o755)


def outputs(folder: Path) -> dict[str, Any]:
    return dict(line.split("=", 1) for line in (folder / "output").read_text().splitlines())


@pytest.mark.parametrize("code", CODES)
def test_every_exit_code_comes_through_untouched(tmp_path: Path, code: int) -> None:
    installed(tmp_path, f"exit {code}")
    assert step("Check", tmp_path).returncode == code
    assert outputs(tmp_path) == {"exit-code": str(code)}


def test_no_step_hides_a_failure() -> None:
    assert not any("continue-on-error" in s or "if" in s for s in ACTION["runs"]["steps"])
    assert ACTION["runs"]["using"] == "composite"
    assert ACTION["outputs"].keys() == {"architecture", "first", "drift", "exit-code"}
    assert all(f"{code} " in ACTION["outputs"]["exit-code"]["description"] for code in CODES)


@pytest.mark.parametrize("code", [0, 2, 3, 5, 64])
def test_the_command_itself_ends_the_step_with_its_code(tmp_path: Path, code: int) -> None:
    installed(tmp_path)
    path = written(tmp_path, **({"max_memory_gb": 0.1} if code == 3 else {}))
    lock = locked(path)
    assert lock.choice is not None
    if code == 2:
        keep(path, forged(lock, choice=lock.choice.model_copy(update={"architecture": lock.runners_up[0].slug})))
    if code == 5:
        (tmp_path / "gan-decision.lock.json").unlink()
    if code == 64:
        path.write_text("data: {type: picture}\n")
    done = step("Check", tmp_path)
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stdout.startswith("::error file=gan-task.yaml,") is (code != 0)
    assert outputs(tmp_path)["exit-code"] == str(code)
    if code in (0, 2, 3):
        assert outputs(tmp_path)["first"] == lock.choice.architecture


def test_inputs_reach_the_command_as_they_are(tmp_path: Path) -> None:
    installed(tmp_path, 'printf "%s\\n" "$@" > said')
    (tmp_path / "sub").mkdir()
    odd = {"task": "-a $(touch broken) task.yaml", "lock": "a b.json", "fail-on": "policy,stale", "sarif": "s", "junit": "j"}
    assert step("Check", tmp_path, **odd, **{"working-directory": "sub"}).returncode == 0
    options = ["--format", "github", "--lock=a b.json", "--fail-on=policy,stale", "--report=sarif=s", "--report=junit=j"]
    assert (tmp_path / "sub" / "said").read_text().splitlines() == ["check", *options, "--", odd["task"]]
    assert not (tmp_path / "sub" / "broken").exists()


def test_install_builds_from_the_action_with_the_locked_versions(tmp_path: Path) -> None:
    stub = tmp_path / "python"
    make = 'mkdir -p "$3/bin"; cp "$0" "$3/bin/python"'
    stub.write_text(f'#!/bin/bash\nif [ "$2" = venv ]; then {make}; else printf "%s\\n" "$@" > "{tmp_path}/said"; fi\n')
    stub.chmod(0o755)
    assert step("Install", tmp_path, python=str(stub)).returncode == 0
    said = (tmp_path / "said").read_text().splitlines()
    assert said[:3] == ["-m", "pip", "install"]
    assert said[-3:] == ["-c", f"{ROOT}/constraints.txt", str(ROOT)]


def test_the_hook_runs_and_looks_at_the_right_files(tmp_path: Path) -> None:
    locked(written(tmp_path, TASK))
    files = re.compile(HOOK["files"])
    for name, seen in {
        "gan-task.yaml": True,
        "a/gan-task.yml": True,
        "gan-decision.lock.json": True,
        "my-gan-task.yaml": False,
    }.items():
        assert bool(files.search(name)) is seen, name
    name, *rest = HOOK["entry"].split()
    command = [str(COMMAND.with_name(name)), *rest, *HOOK["args"]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert HOOK["pass_filenames"] is False
