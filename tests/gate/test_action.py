"""The Action's own shell steps, run as a runner runs them: the exit code of the check comes through untouched."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
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
    env |= {"GITHUB_REPOSITORY": "us/ours", "GITHUB_SHA": "5e1f"}
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
    assert ACTION["outputs"].keys() == {"architecture", "first", "drift", "exit-code", "verdict", "validation-url"}
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


CHECKS = 'if [ "$1" = check ]; then echo architecture=dcgan >> "$GITHUB_OUTPUT"; exit 0; fi\n'
TRAINED = {"mode": "validate", "server": "http://gpu.example", "dataset": "mnist-5k", "key": "ga_secret"}


@pytest.mark.parametrize("code", CODES)
def test_validate_passes_the_code_of_a_validation_through_untouched(tmp_path: Path, code: int) -> None:
    installed(tmp_path, f"{CHECKS}exit {code}")
    (tmp_path / "gan-decision.lock.json").write_text("{}")
    assert step("Check", tmp_path, **TRAINED).returncode == code
    assert outputs(tmp_path)["exit-code"] == str(code)


def test_validate_trains_the_locked_choice_under_one_key_for_a_commit_and_its_lock(tmp_path: Path) -> None:
    installed(tmp_path, CHECKS + 'printf "%s\\n" "$@" "$GAN_ADVISOR_KEY" > said')
    keys = []
    for lock in ("{}", "{}", '{"other": 1}'):
        (tmp_path / "gan-decision.lock.json").write_text(lock)
        assert step("Check", tmp_path, **TRAINED).returncode == 0
        *options, key, end, task, secret = (tmp_path / "said").read_text().splitlines()
        assert options == [
            "validate",
            "--format=github",
            "--server=http://gpu.example",
            "--dataset=mnist-5k",
            "--max-seconds=600",
            "--architecture=dcgan",
        ]
        assert (end, task, secret) == ("--", "gan-task.yaml", "ga_secret")
        keys.append(key)
    assert keys[0] == keys[1] != keys[2]
    wanted = hashlib.sha256(b"us/ours\n5e1f\n{}").hexdigest()
    assert keys[0] == f"--idempotency-key={wanted}"


def test_validate_trains_nothing_where_the_decision_does_not_hold(tmp_path: Path) -> None:
    installed(tmp_path, 'if [ "$1" = check ]; then exit 2; fi\ntouch trained')
    assert step("Check", tmp_path, **TRAINED).returncode == 2
    assert not (tmp_path / "trained").exists()
    assert step("Check", tmp_path, mode="train").returncode == 64


def test_a_build_that_is_canceled_cancels_its_validation_and_a_re_run_joins_it(tmp_path: Path) -> None:
    path = written(tmp_path)
    locked(path)
    serve = [COMMAND, "serve", "--no-worker", "--port", "0"]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        try:
            address = service.stdout.readline().split(" is at ")[1].split()[0]
            command = [COMMAND, "validate", path, f"--server={address}", "--dataset=digits", "--architecture=dcgan"]
            command += ["--format=github", "--idempotency-key=one"]
            output = tmp_path / "output"
            env = {**os.environ, "GITHUB_OUTPUT": str(output)}
            with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as build:
                assert build.stdout is not None
                assert build.stdout.readline().startswith("validation ")
                build.send_signal(signal.SIGTERM)
                assert build.wait(60) == 75
            (found,) = httpx.get(f"{address}/v1/validations").json()["items"]
            assert found["status"] == "canceled"
            again = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
            assert again.returncode == 4
            assert "canceled" in again.stdout
            assert len(httpx.get(f"{address}/v1/validations").json()["items"]) == 1
            lines = output.read_text().splitlines()
            assert lines == [f"validation-url={address}/validations/{found['id']}"] * 2 + ["verdict=canceled"]
        finally:
            service.terminate()


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
