"""Servers under load and the clients that load them: plain sockets on loopback, timed from outside."""

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
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx
import uvloop

Requests = Iterator[bytes]
Server = tuple[int, "subprocess.Popen[bytes]"]
"""Port and process."""


class Load(NamedTuple):
    """What a server did for some clients: requests, and a second; seconds of latency; seconds of processor time a request."""

    answered: int
    rate: float
    p50: float
    p99: float
    cpu: float


def task(number: int) -> dict[str, object]:
    """A task for each number."""
    return {"data": {"type": "image", "resolution": 64, "samples": 1000 + number}, "budget": {"gpu_hours": 2}}


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def post(path: str, body: object) -> bytes:
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


@contextlib.contextmanager
def server(command: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, *command], env={**os.environ, **env}, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def service(**env: str) -> Iterator[Server]:
    """Port and process of the service without a worker, on an empty embedded database."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        command = ["-m", "app.cli", "serve", "--no-worker", "--port", str(port)]
        with server(command, {"GAN_ADVISOR_DATA_DIR": folder, **env}) as process:
            up(f"http://127.0.0.1:{port}/healthz")
            yield port, process


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


def resident(process: subprocess.Popen[bytes]) -> float:
    """MB of memory that a process holds."""
    status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1e3


def processor(process: subprocess.Popen[bytes]) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Client(asyncio.Protocol):
    """Sends the next request when the last one is answered; counts bytes and holds none, so that it is not what is measured."""

    def __init__(self, requests: Requests, seen: list[float], until: float, done: asyncio.Future[None]) -> None:
        self._requests, self._seen, self._until, self._done = requests, seen, until, done
        self._left, self._head, self._began = 0, b"", 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self._next()

    def _next(self) -> None:
        self._began = time.perf_counter()
        request = next(self._requests, None) if self._began < self._until else None
        if request is None:
            self._transport.close()
            self._done.set_result(None)
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if not self._left:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            assert self._head[9:11] == b"20", self._head[:500]
            length = self._head[:end].lower().split(b"content-length: ")[1].split(b"\r")[0]
            data, self._left, self._head = self._head[end + 4 :], int(length), b""
        self._left -= len(data)
        if not self._left:
            self._seen.append(time.perf_counter() - self._began)
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server hung up"))


def load(to: Server, clients: int, requests: Requests, seconds: float, most: int | None = None) -> Load:
    """Clients that each wait for their answer, for so many seconds, or until so many requests were answered."""
    seen: list[float] = []
    limit = requests if most is None else _first(requests, most)

    async def run() -> None:
        loop, until = asyncio.get_running_loop(), time.perf_counter() + seconds
        done = [loop.create_future() for _ in range(clients)]
        for one in done:
            await loop.create_connection(partial(Client, limit, seen, until, one), "127.0.0.1", to[0])
        await asyncio.gather(*done)

    began, spent = time.perf_counter(), processor(to[1])
    uvloop.run(run())
    took = time.perf_counter() - began
    seen.sort()
    tail, cpu = seen[int(0.99 * (len(seen) - 1))], (processor(to[1]) - spent) / len(seen)
    return Load(len(seen), len(seen) / took, statistics.median(seen), tail, cpu)


def _first(requests: Requests, most: int) -> Requests:
    for _ in range(most):
        yield next(requests)
