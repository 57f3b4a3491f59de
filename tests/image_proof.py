"""`python -m tests.image_proof ROOT TARGET [--mount PATH ...]`: builds a target of the Dockerfile without a Docker engine.

ROOT is a clean Debian root (`debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm ROOT`).
The steps of the Dockerfile are carried out in it by chroot, in their order; then the image is tried as its user would.
Needs root. Paths given by --mount are bound into ROOT for the build, such as a folder of wheels.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PORT = 18471


def steps(target: str) -> list[tuple[str, str]]:
    """(instruction, argument) of a target and of the stages it builds on."""
    stages: dict[str, list[tuple[str, str]]] = {}
    name = ""
    for line in (REPOSITORY / "Dockerfile").read_text().replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.split()
            stages[name] = list(stages.get(base, []))
        elif word and not word.startswith("#"):
            stages[name].append((word, rest.strip()))
    return stages[target]


class Root:
    """A folder that stands for the file system of the image."""

    def __init__(self, path: Path, mounts: list[Path]) -> None:
        self.path, self.mounts = path, mounts
        self.env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
        self.folder, self.user = "/", "root"
        self.command: list[str] = []

    @contextlib.contextmanager
    def mounted(self) -> Iterator[None]:
        """/proc, the network's names and what --mount gave."""
        bound = [Path("/proc"), Path("/dev"), *self.mounts]
        shutil.copy("/etc/resolv.conf", self.path / "etc/resolv.conf")
        with contextlib.suppress(FileExistsError):
            (self.path / "usr/bin/python").symlink_to("python3")  # as in the official image
        for source in bound:
            (self.path / source.relative_to("/")).mkdir(parents=True, exist_ok=True)
            subprocess.run(["mount", "--bind", source, self.path / source.relative_to("/")], check=True)
        try:
            yield
        finally:
            for source in reversed(bound):
                subprocess.run(["umount", self.path / source.relative_to("/")], check=True)

    def call(self, command: list[str], **options: object) -> subprocess.Popen[str]:
        inside = f"cd {self.folder} && exec {shlex.join(command)}"
        whole = ["chroot", f"--userspec={self.user}", str(self.path), "/bin/sh", "-c", inside]
        pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")} if self.user == "root" else {}
        return subprocess.Popen(whole, env={**pip, **self.env}, text=True, **options)  # type: ignore[call-overload,no-any-return]

    def run(self, command: list[str]) -> str:
        process = self.call(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output = process.communicate(timeout=1500)[0]
        if process.returncode:
            raise SystemExit(f"{shlex.join(command)} ended with {process.returncode}:\n{output}")
        return str(output)

    def carry_out(self, word: str, rest: str) -> None:
        """One instruction of the Dockerfile."""
        if word == "ENV":
            self.env |= {
                key: value.replace("$PATH", self.env["PATH"]) for key, value in (p.split("=", 1) for p in shlex.split(rest))
            }
        elif word == "ARG":
            key, _, value = rest.partition("=")
            self.env[key] = value
        elif word == "WORKDIR":
            self.folder = rest
            (self.path / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif word == "COPY":
            *sources, goal = rest.split()
            for source in sources:
                self.copy(REPOSITORY / source, self.path / self.folder.lstrip("/") / goal / ("" if goal != source else ".."))
        elif word == "RUN":
            self.run(["/bin/sh", "-c", rest])
        elif word == "USER":
            self.user = rest
        elif word == "CMD":
            self.command = json.loads(rest)
        elif word not in ("EXPOSE", "HEALTHCHECK"):
            raise SystemExit(f"the proof does not know {word}")

    def copy(self, source: Path, folder: Path) -> None:
        if source.is_dir():
            shutil.copytree(source, folder / source.name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / source.name)


def try_service(root: Root) -> None:
    """Serves on loopback, answers, holds no torch, and cannot write outside its data folder."""
    assert "torch" not in root.run(["pip", "list"]).lower().split(), "the service image holds torch"
    assert "denied" in root.call(["touch", "app/x"], stderr=subprocess.PIPE).communicate()[1].lower()
    command = [{"0.0.0.0": "127.0.0.1"}.get(word, word) for word in root.command] + ["--port", str(PORT)]
    service = root.call(command)
    try:
        for _ in range(150):
            with contextlib.suppress(urllib.error.URLError):
                body = b'{"data":{"type":"image","resolution":64}}'
                url = f"http://127.0.0.1:{PORT}/v1/recommendations"
                request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
                answer = json.load(urllib.request.urlopen(request))
                print("service answers:", answer["candidates"][0]["architecture"])
                return
            assert service.poll() is None, "the service ended"
            time.sleep(0.2)
        raise SystemExit("the service did not answer")
    finally:
        service.terminate()
        service.wait(30)


def try_worker(root: Root) -> None:
    """Comes up on a migrated database, and leaves in order when asked to."""
    root.run(["gan-advisor", "db", "upgrade"])
    root.run(["gan-advisor", "knowledge", "sync"])
    worker = root.call(root.command)
    time.sleep(10)
    assert worker.poll() is None, "the worker ended by itself"
    worker.terminate()
    print("worker came up and left with", worker.wait(30))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("target", choices=("service", "worker"))
    parser.add_argument("--mount", type=Path, action="append", default=[])
    given = parser.parse_args()
    root = Root(given.root.resolve(), given.mount)
    with root.mounted():
        for word, rest in steps(given.target):
            began = time.monotonic()
            root.carry_out(word, rest)
            print(f"{time.monotonic() - began:6.1f} s  {word} {rest[:90]}", flush=True)
        {"service": try_service, "worker": try_worker}[given.target](root)
    size = int(subprocess.run(["du", "-sxm", root.path], capture_output=True, text=True, check=True).stdout.split()[0])
    print(f"{given.target}: {size} MB")


if __name__ == "__main__":
    sys.exit(main())
