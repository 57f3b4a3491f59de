"""The service under load, as a ratio to a route of the same framework that does nothing but return as many bytes.

Both run as one uvicorn process on loopback, are asked in turn by one client process, and are timed from outside.
Prints requests per second, latency, and what importing the service costs.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

SECONDS = 4.0
TURNS = 3
NOOP = """
import sys
from fastapi import FastAPI, Response
from app.vocabulary import Task
body = b"x" * int(sys.argv[2])
app = FastAPI()
@app.post("/v1/recommendations")
async def noop(task: Task):
    return Response(body, media_type="application/json")
import uvicorn
uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
"""


def task(number: int) -> dict[str, object]:
    """A task nobody has asked before in this run."""
    return {"data": {"type": "image", "resolution": 64, "samples": 1000 + number}, "budget": {"gpu_hours": 2}}


@contextlib.contextmanager
def server(command: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, *command], env={**os.environ, **env}, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def up(url: str) -> None:
    for _ in range(300):
        with contextlib.suppress(httpx.TransportError):
            httpx.get(url)
            return
        time.sleep(0.1)
    raise SystemExit(f"{url} did not come up")


async def post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
    """One request on an open connection; a plain socket, so that the client is not what is measured."""
    head = (
        f"POST /v1/recommendations HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    assert answer[9:11] == b"20", answer
    await reader.readexactly(int(answer.lower().split(b"content-length: ")[1].split(b"\r")[0]))


async def load(port: int, clients: int, fresh: bool, number: int) -> tuple[float, float, float, int]:
    """(requests per second, p50 seconds, p99 seconds, last task number) over SECONDS of closed-loop clients."""
    seen: list[float] = []
    stop = time.perf_counter() + SECONDS

    async def client() -> None:
        nonlocal number
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < stop:
            number += fresh
            body = json.dumps(task(number)).encode()
            began = time.perf_counter()
            await post(reader, writer, body)
            seen.append(time.perf_counter() - began)
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    seen.sort()
    return len(seen) / SECONDS, statistics.median(seen), seen[int(0.99 * (len(seen) - 1))], number


def importing() -> tuple[float, float, bool]:
    """(seconds, MB of memory, torch imported) of importing the service."""
    code = (
        "import time; t = time.perf_counter(); import app.main, sys, resource;"
        "print(time.perf_counter() - t, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, 'torch' in sys.modules)"
    )
    seconds, memory, torch = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split()
    return float(seconds), float(memory), torch == "True"


def knowing() -> tuple[float, float]:
    """(seconds of load and first sync, seconds of a sync that changes nothing) on an empty embedded database."""
    code = (
        "import time; from app import db; from app.knowledge.load import load; from app.knowledge.sync import sync; db.upgrade();"
        "t = time.perf_counter(); k = load(); sync(k); u = time.perf_counter(); sync(k); print(u - t, time.perf_counter() - u)"
    )
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "GAN_ADVISOR_DATA_DIR": folder}
        first, again = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env).stdout.split()
    return float(first), float(again)


def main() -> None:
    first, again = knowing()
    print(f"load and sync the knowledge: {first:.2f} s (limit 2 s), again {1e3 * again:.0f} ms")
    seconds, memory, torch = importing()
    print(f"import app.main: {seconds:.2f} s, {memory:.0f} MB, torch imported: {torch}")
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        port, noop_port = free_port(), free_port()
        url, noop_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{noop_port}"
        command = ["-m", "app.cli", "serve", "--no-worker", "--port", str(port)]
        service = stack.enter_context(server(command, {"GAN_ADVISOR_DATA_DIR": folder}))
        up(f"{url}/healthz")
        size = len(httpx.post(f"{url}/v1/recommendations", json=task(0)).content)
        stack.enter_context(server(["-c", NOOP, str(noop_port), str(size)], {}))
        up(f"{noop_url}/none")
        print(f"answer {size} bytes; {SECONDS:.0f} s a turn, {TURNS} turns interleaved, medians")
        number = 1
        for clients in (1, 32):
            for fresh in (True, False):
                ours, noop = [], []
                for _ in range(TURNS):
                    noop.append(asyncio.run(load(noop_port, clients, False, 0))[:3])
                    *figures, number = asyncio.run(load(port, clients, fresh, number))
                    ours.append(tuple(figures))
                (rate, p50, p99), (peer, peer50, _) = (
                    [statistics.median(x) for x in zip(*rows, strict=True)] for rows in (ours, noop)
                )
                kind = "new" if fresh else "asked before"
                print(
                    f"{clients:3d} clients, {kind:12}: {rate:7.0f}/s  p50 {1e3 * p50:6.2f} ms  p99 {1e3 * p99:6.2f} ms"
                    f"   no-op {peer:7.0f}/s  p50 {1e3 * peer50:6.2f} ms   ratio {rate / peer:.2f}"
                )
        status = Path(f"/proc/{service.pid}/status").read_text().splitlines()
        resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1e3
        print(f"resident after {number} tasks: {resident:.0f} MB")


if __name__ == "__main__":
    main()
