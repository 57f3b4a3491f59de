"""Several processes behind one run, on a CPU through gloo; the same loop takes GPUs through NCCL, which is not tried here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from models import contract, crew, ranks
from models.contract import RunBudget
from models.train import train
from tests.models import ranked, tiny
from tests.models.test_train import failure, spawn, wait_for


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(crew, "NOTICE_SECONDS", 120.0)  # it would end this process, were that too busy to notice by itself


def others(pid: int) -> list[int]:
    """The processes that one has started and that have not ended."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            except OSError:
                continue
            if int(parent) == pid and state not in "ZX":
                found.append(int(entry.name))
    return found


def test_two_processes_with_half_a_batch_each_take_the_step_of_one_with_the_whole(tmp_path: Path) -> None:
    alone = ranked.played()
    meeting = tmp_path / "meeting"
    with subprocess.Popen([sys.executable, "-m", "tests.models.ranked", str(meeting)]) as other:
        ranks.join(meeting, 0, 2)
        try:
            together = ranked.played()
        finally:
            ranks.leave()
    assert other.returncode == 0
    assert 0 < alone["augmentation.strength"] < 1
    for name, value in alone.items():
        if name.partition(".")[0] != "augmentation" or name.endswith("strength"):
            torch.testing.assert_close(together[name], value, rtol=1e-4, atol=1e-5, msg=name)


def test_a_run_whose_second_process_is_killed_says_so_and_goes_on_from_its_checkpoint_as_if_nothing_had_been(
    tmp_path: Path,
) -> None:
    one = tiny.recipe("dcgan", resolution=16, measure_every_kimg=0.16)
    straight = tiny.folder(tmp_path / "straight", one, steps=24, devices=2)
    assert train(straight) == contract.EXIT_OK
    assert tiny.report(straight)["budget"]["devices"] == 2

    killed = tiny.folder(tmp_path / "killed", one, steps=24, devices=2)
    asked = iter(range(1000))

    def kill_at_the_22nd() -> bool:
        if next(asked) == 22:
            (other,) = others(os.getpid())
            os.kill(other, signal.SIGKILL)
        return False

    assert train(killed, stopping=kill_at_the_22nd) == contract.EXIT_RANK_LOST
    assert failure(killed) == {"code": "rank_lost", "detail": "process 1 of 2, counted from 0, was killed by signal 9"}
    assert not others(os.getpid())
    assert train(killed) == contract.EXIT_OK
    assert [e.data["resumed_from_step"] for e in tiny.events(killed) if e.type == "started"] == [None, 10]
    assert tiny.report(killed)["ema_sha256"] == tiny.report(straight)["ema_sha256"]


def test_sigterm_ends_every_process_with_a_checkpoint(tmp_path: Path) -> None:
    run_dir = tiny.folder(tmp_path, tiny.recipe("gan"), steps=10**7, devices=2)
    run = spawn(run_dir)
    wait_for(lambda: any(event.type == "progress" for event in tiny.events(run_dir)), 300)
    (other,) = others(run.pid)
    os.kill(other, signal.SIGTERM)  # as when the whole group is told; only the first process decides
    run.terminate()
    assert run.wait(120) == contract.EXIT_STOPPED
    assert not Path(f"/proc/{other}").exists()
    assert tiny.events(run_dir)[-1].type == "checkpoint"


def test_a_batch_that_cannot_be_split_is_refused_before_anything_waits(tmp_path: Path) -> None:
    assert train(tiny.folder(tmp_path, tiny.recipe("dcgan"), steps=3, devices=3)) == contract.EXIT_BAD_RECIPE
    assert "batch_size 16 cannot be split among 3 devices" in str(failure(tmp_path)["detail"])
    with pytest.raises(ValueError, match="1 to 64 devices"):
        RunBudget(steps=1, devices=0)
