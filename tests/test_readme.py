"""Every command of the README runs as it stands there."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from sklearn.datasets import load_digits

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.S) for line in block.splitlines() if line.strip()]
ASKING = [c for c in COMMANDS if c.startswith("curl")]
MAKING = ["make run", "make demo"]
OWN = [c for c in COMMANDS if "gan-task.yaml" in c and "docs/" not in c]  # about a folder of the reader's
OUTER = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # as outside of `make test`


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """`make run`, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {**OUTER, "GAN_ADVISOR_PORT": str(port), "GAN_ADVISOR_DATA_DIR": str(tmp_path / "served")}
    served = subprocess.Popen(["make", "run"], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert served.stdout is not None
    for line in served.stdout:
        if " is at " in line:
            break
    yield f"127.0.0.1:{port}"
    os.killpg(served.pid, signal.SIGTERM)
    served.wait(60)


def test_every_command_is_tried_by_one_of_the_tests_below() -> None:
    assert set(MAKING) <= set(COMMANDS)
    assert all(c in MAKING or c in ASKING or c.startswith(".venv/bin/gan-advisor ") for c in COMMANDS)


def test_make_run_serves_what_curl_asks(address: str) -> None:
    assert ASKING
    for command in ASKING:
        done = subprocess.run(shlex.split(command.replace("127.0.0.1:8000", address)), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0
        assert '"candidates":[{"rank":1' in done.stdout


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith(".venv/bin/") and c not in OWN])
def test_a_command_line_succeeds(command: str) -> None:
    done = subprocess.run(shlex.split(command), cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_commands_about_a_folder_of_the_readers_lead_to_a_lock_that_holds(tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    (tmp_path / "photos").mkdir()
    for place, (image, _) in enumerate(zip(*load_digits(return_X_y=True), strict=True)):
        if place < 300:
            Image.fromarray((image.reshape(8, 8) * 15).astype("uint8")).resize((32, 32)).save(tmp_path / f"photos/{place}.png")
    assert [c.split()[1] for c in OWN] == ["fingerprint", "recommend", "lock", "check"]
    for command in OWN:
        done = subprocess.run(shlex.split(command), cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("same: ")
    assert {"gan-task.yaml", "gan-decision.lock.json"} <= {path.name for path in tmp_path.iterdir()}


def test_make_demo_ends_in_a_verdict_and_leaves_its_files(tmp_path: Path) -> None:
    env = {**OUTER, "GAN_ADVISOR_DEMO_SECONDS": "20", "GAN_ADVISOR_DATA_DIR": str(tmp_path / "demo")}
    done = subprocess.run(["make", "demo"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    last = re.fullmatch(r"verdict: (confirmed|overturned|inconclusive)  report: (.+)", done.stdout.splitlines()[-1])
    assert last, done.stdout[-2000:]
    folder = Path(last[2]).parent
    assert {"report.json", "samples.png", "curves.svg"} <= {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)]+)\)", TEXT))))
def test_a_link_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
