"""The loop as the worker sees it: files, events, exit codes, budgets, and what survives which death."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

from models import checkpoint, contract, losses
from models.contract import RunBudget
from models.journal import Journal
from models.train import train
from tests.models import tiny


def spawn(run_dir: Path, *arguments: str) -> subprocess.Popen[bytes]:
    log = (run_dir / contract.LOG).open("ab")
    return subprocess.Popen([sys.executable, "-m", "models.train", str(run_dir), *arguments], stdout=log, stderr=log)


def wait_for(what: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def failure(run_dir: Path) -> dict[str, object]:
    last = tiny.events(run_dir)[-1]
    assert last.type == "failed"
    return dict(last.data)


@pytest.fixture
def straight(tmp_path: Path) -> str:
    """Digest of the generator after 40 steps without interruption."""
    run_dir = tiny.folder(tmp_path / "straight", tiny.recipe("dcgan", resolution=16), steps=40)
    assert train(run_dir) == contract.EXIT_OK
    return str(tiny.report(run_dir)["ema_sha256"])


def test_a_run_leaves_every_file_of_the_contract(tmp_path: Path) -> None:
    run_dir = tiny.folder(tmp_path, tiny.recipe("dcgan", measure_every_kimg=0.3), steps=40)
    assert train(run_dir) == contract.EXIT_OK
    for name in set(contract.ARTIFACTS) - {contract.LOG}:
        assert (run_dir / name).stat().st_size > 0, name
    seen = tiny.events(run_dir)
    assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
    assert [seen[0].type, seen[-1].type] == ["started", "finished"]
    report = tiny.report(run_dir)
    assert report["steps"] == 40
    assert report["kimg"] == 0.64
    assert [row["step"] for row in report["history"]] == [0, 19, 38, 40]
    assert set(report["parameters"]) == {"generator", "discriminator"}
    assert report["dataset"]["samples"] == 1297
    assert "dcgan on digits" in (run_dir / contract.CURVES).read_text()
    grids = sorted(int(path.stem) for path in (run_dir / contract.GRIDS).iterdir())
    assert grids == [0, 5, 10, 15, 19, 20, 25, 30, 35, 38, 40], "every measurement, and every eighth of the budget"
    assert [event.data["step"] for event in seen if event.type == "samples"] == grids


def test_two_runs_of_one_recipe_give_the_same_bits_and_a_finished_run_is_left_alone(tmp_path: Path, straight: str) -> None:
    run_dir = tiny.folder(tmp_path / "again", tiny.recipe("dcgan", resolution=16), steps=40)
    train(run_dir)
    assert tiny.report(run_dir)["ema_sha256"] == straight
    events = (run_dir / contract.EVENTS).read_bytes()
    assert train(run_dir) == contract.EXIT_OK
    assert (run_dir / contract.EVENTS).read_bytes() == events


@pytest.mark.parametrize("stop_at", [1, 17, 40])
def test_a_stopped_run_resumes_to_the_same_bits(tmp_path: Path, straight: str, stop_at: int) -> None:
    run_dir = tiny.folder(tmp_path / "stopped", tiny.recipe("dcgan", resolution=16), steps=40)
    asked = iter(range(10_000))
    assert train(run_dir, stopping=lambda: next(asked) >= stop_at + 4) == contract.EXIT_STOPPED
    assert not (run_dir / contract.REPORT).exists()
    assert train(run_dir) == contract.EXIT_OK
    report, seen = tiny.report(run_dir), tiny.events(run_dir)
    assert report["ema_sha256"] == straight
    assert report["resumed"] == 1
    assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
    starts = [event.data["resumed_from_step"] for event in seen if event.type == "started"]
    assert starts[0] is None
    assert starts[1] > 0


def test_sigterm_leaves_a_checkpoint_and_kill_9_loses_at_most_what_came_after_it(tmp_path: Path) -> None:
    run_dir = tiny.folder(tmp_path, tiny.recipe("dcgan"), steps=10_000)
    child = spawn(run_dir)
    wait_for(lambda: any(event.type == "progress" for event in tiny.events(run_dir)))
    child.terminate()
    assert child.wait(20) == contract.EXIT_STOPPED
    stopped_at = json.loads((run_dir / contract.CHECKPOINT_STATE).read_text())["game"]["step"]
    assert stopped_at > 0
    child = spawn(run_dir)
    wait_for(lambda: tiny.events(run_dir)[-1].type == "progress")
    child.kill()
    child.wait()
    with (run_dir / contract.EVENTS).open("ab") as lines:
        lines.write(b'{"data": {"half": ')  # what a kill in the middle of a write leaves
    one, _ = contract.read_recipe(run_dir / contract.RECIPE)
    contract.write_recipe(run_dir, one, RunBudget(steps=stopped_at + 5))
    assert train(run_dir) == contract.EXIT_OK
    seen = tiny.events(run_dir)
    assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
    assert [event.data["resumed_from_step"] for event in seen if event.type == "started"][1] == stopped_at
    assert tiny.report(run_dir)["resumed"] == 2


def test_a_passed_deadline_kills_the_run_even_while_it_is_stopped(tmp_path: Path) -> None:
    run_dir, lease = tiny.folder(tmp_path / "run", tiny.recipe("dcgan"), seconds=60), tmp_path / "lease"
    lease.write_text(str(time.time() + 3))
    child = spawn(run_dir, "--lease", str(lease))
    time.sleep(1.5)
    new = tmp_path / "new"
    new.write_text(str(time.time() + 3))
    new.replace(lease)
    time.sleep(2.0)
    assert child.poll() is None, "a renewed lease must hold"
    child.send_signal(signal.SIGSTOP)
    time.sleep(1.5)
    child.send_signal(signal.SIGCONT)
    assert child.wait(5) == -signal.SIGALRM


def test_a_run_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    run_dir = tiny.folder(tmp_path, tiny.recipe("dcgan"), seconds=60)
    code = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-m', 'models.train', {str(run_dir)!r}])\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert worker.stdout is not None
    child = int(worker.stdout.readline())
    wait_for(lambda: (run_dir / contract.EVENTS).exists())
    worker.kill()
    worker.wait()
    worker.stdout.close()

    def gone() -> bool:
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return True
        return Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z"

    wait_for(gone, 5)


def test_a_budget_in_seconds_is_kept_and_counts_over_resumes(tmp_path: Path) -> None:
    run_dir = tiny.folder(tmp_path, tiny.recipe("dcgan"), seconds=2.0)
    start = time.monotonic()
    assert train(run_dir, stopping=lambda: time.monotonic() > start + 1.2) == contract.EXIT_STOPPED
    first = json.loads((run_dir / contract.CHECKPOINT_STATE).read_text())["record"]["seconds"]
    assert train(run_dir) == contract.EXIT_OK
    assert first < tiny.report(run_dir)["seconds"] < 3.0


def test_a_nan_goes_back_to_the_checkpoint_at_half_the_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter(range(1_000))
    real = losses.non_saturating_g
    monkeypatch.setattr(losses, "non_saturating_g", lambda fake: real(fake) * (float("nan") if next(calls) == 20 else 1.0))
    run_dir = tiny.folder(tmp_path, tiny.recipe("dcgan"), steps=40)
    assert train(run_dir) == contract.EXIT_OK
    report = tiny.report(run_dir)
    assert [row["code"] for row in report["health"]] == ["not_finite"]
    assert report["steps"] == 40
    assert all(
        tensor.isfinite().all() for tensor in _tensors(run_dir / contract.GENERATOR).values() if tensor.is_floating_point()
    )
    assert json.loads((run_dir / contract.CHECKPOINT_STATE).read_text())["record"]["setbacks"] == 1


def test_a_run_that_diverges_again_and_again_fails_with_the_reason(tmp_path: Path) -> None:
    run_dir = tiny.folder(tmp_path, tiny.recipe("wgan-gp", lr_d=1e30, gradient_penalty=10.0), steps=200)
    assert train(run_dir) == contract.EXIT_DIVERGED
    assert [event.data["code"] for event in tiny.events(run_dir) if event.type == "health"] == ["not_finite"] * 2
    assert failure(run_dir)["code"] == "diverged"


@pytest.mark.parametrize(
    ("fields", "exit_code", "said"),
    [
        ({"architecture": "no-such-gan"}, contract.EXIT_BAD_RECIPE, "there is no network for 'no-such-gan'"),
        ({"resolution": 33}, contract.EXIT_BAD_RECIPE, "recipe.resolution must be"),
        ({"resolution": 0}, contract.EXIT_BAD_RECIPE, "recipe.resolution must be above zero"),
        ({"lr_d": -1.0}, contract.EXIT_BAD_RECIPE, "recipe.lr_d must be above zero"),
        ({"precision": "int4"}, contract.EXIT_BAD_RECIPE, "recipe.precision must be"),
        ({"metric": "fid50k"}, contract.EXIT_BAD_RECIPE, "metric 'fid50k' is not known"),
        ({"augment": ["blur"]}, contract.EXIT_BAD_RECIPE, "augmentation 'blur' is not known"),
        ({"options": {"threads": 0}}, contract.EXIT_BAD_RECIPE, "threads"),
        ({"dataset": "cifar-11"}, contract.EXIT_BAD_DATA, "data set 'cifar-11' is not known"),
        ({"dataset": "folder:/nowhere"}, contract.EXIT_BAD_DATA, "/nowhere is not a folder"),
        ({"classes": 12}, contract.EXIT_BAD_DATA, "wants 12 classes, digits has 10"),
        ({"metric": "kid_efflite0_112", "metric_samples": 100}, contract.EXIT_BAD_DATA, "needs 250 samples"),
        ({"width": 10**11}, contract.EXIT_OUT_OF_MEMORY, "memory"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(
    tmp_path: Path, fields: dict[str, object], exit_code: int, said: str
) -> None:
    run_dir = tiny.folder(tmp_path, tiny.recipe("dcgan"), steps=3)
    body = yaml.safe_load((run_dir / contract.RECIPE).read_text())
    body["recipe"] |= fields
    (run_dir / contract.RECIPE).write_text(yaml.safe_dump(body))
    assert train(run_dir) == exit_code
    assert said in str(failure(tmp_path)["detail"])


def test_a_wrong_recipe_file_is_refused_with_the_field(tmp_path: Path) -> None:
    tiny.folder(tmp_path, tiny.recipe("dcgan"), steps=3)
    text = (tmp_path / contract.RECIPE).read_text()
    (tmp_path / contract.RECIPE).write_text(text.replace("lr_g:", "learning_rate:"))
    assert train(tmp_path) == contract.EXIT_BAD_RECIPE
    assert "recipe.learning_rate is not a field" in str(failure(tmp_path)["detail"])
    assert train(tmp_path / "absent") == contract.EXIT_BAD_RECIPE


def test_a_folder_is_not_resumed_with_another_recipe(tmp_path: Path) -> None:
    tiny.folder(tmp_path, tiny.recipe("dcgan"), steps=20)
    asked = iter(range(100))
    train(tmp_path, stopping=lambda: next(asked) > 10)
    tiny.folder(tmp_path, tiny.recipe("dcgan", lr_g=1e-3), steps=20)
    assert train(tmp_path) == contract.EXIT_BAD_RECIPE


def test_a_crash_between_the_two_files_of_a_checkpoint_leaves_the_old_pair(tmp_path: Path) -> None:
    checkpoint.save_checkpoint(tmp_path, b"old", {"step": 1})
    checkpoint.write(tmp_path / "checkpoint-0123456789abcdef.safetensors", b"new")  # and killed before the JSON
    found = checkpoint.load_checkpoint(tmp_path)
    assert found is not None
    assert found[0] == b"old"
    checkpoint.save_checkpoint(tmp_path, b"third", {"step": 3})
    assert len(list(tmp_path.glob("checkpoint-*.safetensors"))) == 1


def test_an_event_for_which_there_is_no_room_leaves_nothing_of_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write("started", dataset="digits")
    whole = (tmp_path / contract.EVENTS).stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (whole + 10, hard))  # room for ten bytes of the next line
    try:
        with pytest.raises(OSError, match="No space"):
            journal.write("progress", step=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / contract.EVENTS).stat().st_size == whole
    journal.write("progress", step=2)
    assert [(event.seq, event.type) for event in tiny.events(tmp_path)] == [(1, "started"), (2, "progress")]


def test_a_damaged_checkpoint_is_said_and_training_starts_afresh(tmp_path: Path) -> None:
    tiny.folder(tmp_path, tiny.recipe("dcgan"), steps=20)
    asked = iter(range(100))
    train(tmp_path, stopping=lambda: next(asked) > 10)
    (tensors,) = tmp_path.glob("checkpoint-*.safetensors")
    tensors.write_bytes(tensors.read_bytes()[:-1])
    assert train(tmp_path) == contract.EXIT_OK
    assert "checkpoint_damaged" in [event.data["code"] for event in tiny.events(tmp_path) if event.type == "health"]


def test_the_baseline_needs_no_training_and_is_measured_like_a_network(tmp_path: Path) -> None:
    one = tiny.recipe("pixel-gaussian", metric="kid_efflite0_112", metric_samples=250)
    assert train(tiny.folder(tmp_path, one, steps=5)) == contract.EXIT_OK
    report = tiny.report(tmp_path)
    assert report["steps"] == 0
    metric = report["metric"]
    assert len(metric["last"]["replicates"]) == 100
    assert metric["last"]["low"] <= metric["last"]["value"] <= metric["last"]["high"]
    assert metric["last"]["value"] > metric["floor"]


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return dict(load_file(path))
