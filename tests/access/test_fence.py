"""What a training process may not do, tried from inside one that stands behind the same fence."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.settings import Settings, child_environment
from app.validations import fence
from app.validations.child import Child

TRIES = """
import os, resource, socket, sys
sys.stdin.read()
found = {}
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=5)
    found["network"] = True
except OSError:
    found["network"] = False
try:
    held = bytearray(2_000_000_000)
    found["memory"] = True
except MemoryError:
    found["memory"] = False
try:
    open(sys.argv[2], "wb").write(bytes(3_000_000))
    found["disk"] = True
except OSError:
    found["disk"] = False
found["core"] = resource.getrlimit(resource.RLIMIT_CORE)
found["own"] = sorted(name for name in os.environ if name.startswith("GAN_ADVISOR"))
print(found)
"""


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_ADVISOR_DATABASE_URL", "postgresql+psycopg://advisor:password@db/advisor")
    few = Settings(run_memory_bytes=1_000_000_000, run_file_bytes=1_000_000)
    monkeypatch.setattr(fence, "settings", lambda: few)


def tried(prefix: tuple[str, ...], environment: dict[str, str], tmp_path: Path) -> dict[str, object]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        command = [*prefix, sys.executable, "-c", TRIES, str(listening.getsockname()[1]), str(tmp_path / "file")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, env=child_environment(**environment), **pipes) as process:  # type: ignore[call-overload]
            fence.limit(process.pid, environment)
            out, _ = process.communicate("", timeout=60)
    found: dict[str, object] = eval(out)
    return found


def test_no_memory_and_no_file_beyond_the_limit_no_core_and_no_setting_of_the_service(narrow: None, tmp_path: Path) -> None:
    found = tried((), {}, tmp_path)
    assert found == {"network": True, "memory": False, "disk": False, "core": (0, 0), "own": []}


def test_no_network_where_the_system_lets_a_user_have_none(narrow: None, tmp_path: Path) -> None:
    fence.without_network.cache_clear()
    found = tried(fence.without_network(), {}, tmp_path)
    assert found["network"] is (fence.without_network() == ())


def test_a_driver_of_a_gpu_may_map_what_it_wants(narrow: None, tmp_path: Path) -> None:
    assert tried((), {"CUDA_VISIBLE_DEVICES": "0"}, tmp_path)["memory"] is True


def test_where_no_namespace_can_be_made_training_goes_on_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fence, "_ALONE", ("false",))
    fence.without_network.cache_clear()
    assert fence.without_network() == ()
    assert "keep the network" in caplog.text
    fence.without_network.cache_clear()


def test_a_training_process_stands_behind_the_fence(narrow: None, tmp_path: Path) -> None:
    child = Child.start(tmp_path, tmp_path / "lease", {"OMP_NUM_THREADS": "1"})
    assert child is not None
    pid = child._process.pid
    try:
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert "1000000000" in next(line for line in limits.splitlines() if line.startswith("Max data size"))
        outside, deadline = Path("/proc/self/ns/net").readlink(), time.monotonic() + 20
        alone = bool(fence.without_network())
        while alone and Path(f"/proc/{pid}/ns/net").readlink() == outside and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (Path(f"/proc/{pid}/ns/net").readlink() != outside) is alone
    finally:
        child.kill()
