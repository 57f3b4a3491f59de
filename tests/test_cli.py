"""The command line as a person and a pipeline use it: real processes, exit codes, plain messages."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from app.answers import stored
from app.settings import Settings
from app.vocabulary import Recommendation


def run(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, input=stdin, timeout=120)


def test_it_recommends_without_a_server_or_a_database(tmp_path: Path) -> None:
    done = run("recommend", "--type", "image", "--resolution", "64", "--samples", "5000", "--gpu-hours", "20", "--json")
    assert done.returncode == 0, done.stderr
    answer = Recommendation.model_validate_json(done.stdout)
    assert answer.candidates
    assert answer.task.data.samples == 5000
    assert not (tmp_path / "var").exists()


def test_a_person_gets_a_table_with_reasons() -> None:
    done = run("recommend", "--type", "tabular", "--samples", "20000")
    assert done.returncode == 0, done.stderr
    assert "architecture" in done.stdout
    assert "assumed" in done.stdout


def test_it_says_why_a_design_is_not_first_under_the_rules_of_the_team(tmp_path: Path) -> None:
    policy = tmp_path / "ours.yaml"
    policy.write_text(
        "- id: no-ctgan\n  when: {architecture.slug: ctgan}\n  then: {exclude: true}\n  text: Not CTGAN.\n  because: We say so.\n"
        "  golden: [{task: {data: {type: tabular}}, architecture: ctgan}]\n"
    )
    done = run("recommend", "--type", "tabular", "--samples", "20000", "--policy", str(policy), "--why-not", "CTGAN")
    assert done.returncode == 0, done.stderr
    assert "excluded: Not CTGAN. [policy/no-ctgan]" in done.stdout


def test_a_task_comes_from_a_file_and_options_win_over_it(tmp_path: Path) -> None:
    task = tmp_path / "task.yaml"
    task.write_text("data: {type: image, resolution: 256, samples: 1000}\nbudget: {gpu_hours: 50}\n")
    done = run("recommend", str(task), "--resolution", "64", "--json")
    answer = Recommendation.model_validate_json(done.stdout)
    assert (answer.task.data.resolution, answer.task.data.samples) == (64, 1000)
    piped = run("recommend", "-", "--json", stdin=task.read_text())
    assert json.loads(piped.stdout)["task"]["data"]["resolution"] == 256


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("recommend", "--type", "smell"), "#/data/type"),
        (("recommend", "--type", "image", "--resolution", "0"), "#/data/resolution"),
        (("recommend",), "#/data"),
        (("recommend", "nowhere.yaml"), "nowhere.yaml"),
        (("recommend", "--type", "image", "--gpu", "RTX 309"), "RTX 3090"),
        (("recommend", "--type", "image", "--why-not", "fastgann"), "fastgan"),
        (("recommend", "--type", "image", "--policy", "nowhere.yaml"), "nowhere.yaml"),
        (("knowledge", "show", "dcgann"), "dcgan"),
        (("train", "nowhere.yaml", "--out", "x"), "nowhere.yaml"),
    ],
)
def test_wrong_input_is_a_message_and_exit_64(arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments)
    assert done.returncode == 64
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_knowledge_is_shown_synced_once_and_clean() -> None:
    assert "cifar10" in run("knowledge", "show", "sngan").stdout
    assert run("db", "upgrade").returncode == 0
    assert run("knowledge", "sync").stdout.startswith("synced")
    assert run("knowledge", "sync").stdout.startswith("unchanged")
    assert run("knowledge", "fmt", "--check").returncode == 0
    assert run("knowledge", "lint").returncode == 0


def test_a_recipe_trains_by_hand_to_its_report(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "recipe: {architecture: gan, dataset: digits, resolution: 8, channels: 1, width: 8, latent_dim: 8,"
        " metric_samples: 250, options: {threads: 1}}\nbudget: {steps: 5}\n"
    )
    done = run("train", str(recipe), "--out", str(tmp_path / "run"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "run" / "report.json").read_text())["steps"] == 5


def test_serve_prints_its_address_answers_and_ends_its_worker_with_itself(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "app.cli", "serve", "--port", "0"]
    service = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert service.stdout is not None
        address = service.stdout.readline().split(" is at ")[1].split()[0]
        assert service.stdout.readline().startswith(f"curl -s {address}/v1/recommendations")
        body = {"data": {"type": "image", "resolution": 64}, "budget": {"gpu_hours": 2}}
        assert httpx.post(f"{address}/v1/recommendations", json=body).status_code == 201
        deadline = time.monotonic() + 30
        while httpx.get(f"{address}/readyz").json()["workers"] != 1:
            assert time.monotonic() < deadline, "no worker came up"
            time.sleep(0.2)
        children = Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()
        last = httpx.post(f"{address}/v1/recommendations", json={"data": {"type": "tabular"}}).json()["id"]
    finally:
        service.send_signal(signal.SIGTERM)
        assert service.wait(40) == 0
    assert stored(last), "what was answered in the last moment is written before the end"
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def test_killing_serve_takes_its_worker_along(tmp_path: Path) -> None:
    service = subprocess.Popen([sys.executable, "-m", "app.cli", "serve", "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    service.stdout.readline()
    threads = Path(f"/proc/{service.pid}/task")
    deadline = time.monotonic() + 20
    while not (workers := [p for t in threads.iterdir() for p in (t / "children").read_text().split()]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(3)
    os.kill(service.pid, signal.SIGKILL)
    service.wait()
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < deadline, "the worker lives on without its service"
        time.sleep(0.2)


def test_a_wrong_setting_is_a_message_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_ADVISOR_PORT", "many")
    told = run("db", "upgrade")
    assert told.returncode == 64
    assert "GAN_ADVISOR_PORT" in told.stderr and "Traceback" not in told.stderr


@pytest.mark.parametrize("given", ["/data:/more", '["/data", "/more"]'])
def test_folders_are_named_as_in_a_path_or_as_a_list(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_ADVISOR_DATA_FOLDERS", given)
    assert Settings().data_folders == (Path("/data"), Path("/more"))
