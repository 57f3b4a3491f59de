"""Memory over many requests, and a thousand listeners on one process. `make load` runs it.

The requests are of the kinds that a service gets: one task in ten is new, the others were asked before or read the knowledge base.
Each listener is a connection of its own to the stream of one validation; events are written as a worker writes them, by another
process, and timed until they have reached everybody.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count

import httpx
import uvloop

from benchmarks.caller import get, load, post, resident, service, task
from benchmarks.service import READS

REQUESTS, SECONDS, PARTS = 200_000, 420.0, 10
NEW = 10
"""One request in so many asks for a task that nobody has asked for before."""
LISTENERS, EVENTS = 1000, 20
VALIDATION = {
    "task": {"data": {"type": "image", "resolution": 32, "channels": 1, "samples": 5000}},
    "dataset": "mnist-5k",
    "budget": {"max_seconds": 60},
    "architectures": ["dcgan"],
}


def mixed() -> Iterator[bytes]:
    """New tasks, one of the last hundred again, and reads."""
    reads = [get(path) for path in READS]
    for number in count(1):
        kind = number % NEW
        asked = number // NEW if kind == 0 else max(0, number // NEW - number % 97)
        yield post("/v1/recommendations", task(asked)) if kind % 2 == 0 else reads[number % len(reads)]


def memory() -> None:
    with service() as server:
        requests = mixed()
        print(f"\n{REQUESTS:,} requests of 32 clients, {SECONDS:.0f} s at the most; one in {NEW} is new\n")
        print("| requests | a second | p50 ms | p99 ms | resident MB |\n| --- | --- | --- | --- | --- |")
        print(f"| 0 | | | | {resident(server[1]):.0f} |")
        begun, done, each = time.monotonic(), 0, REQUESTS // PARTS
        while done < REQUESTS and (left := SECONDS - (time.monotonic() - begun)) > 0:
            found = load(server, 32, requests, left, each)
            done += found.answered
            print(
                f"| {done:,} | {found.rate:,.0f} | {1e3 * found.p50:.1f} | {1e3 * found.p99:.0f} | {resident(server[1]):.0f} |",
                flush=True,
            )


class Ear(asyncio.Protocol):
    """A listener: when each event came, by its number."""

    def __init__(self, path: str, opened: list[int], heard: dict[int, list[float]]) -> None:
        self._path, self._opened, self._heard, self._rest = path, opened, heard, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        request = get(self._path).replace(b"\r\n\r\n", b"\r\nAccept: text/event-stream\r\n\r\n")
        transport.write(request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        now = time.time()
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"id: "):
                number = int(line[4:])
                if number == 1:  # that it waits in line: everybody is told first
                    self._opened.append(number)
                elif number > 1:
                    self._heard.setdefault(number, []).append(now)


SAY = """
import sys, time
from app import db
from app.validations import record
for number in range(int(sys.argv[2])):
    time.sleep(0.5)
    at = time.time()
    with db.transaction() as session:
        record.append(session, sys.argv[1], "validation.progress", {"at": at})
    print(at, flush=True)
"""


def listeners() -> None:
    with tempfile.TemporaryDirectory() as folder, service(GAN_ADVISOR_DATA_DIR=folder) as server:
        base = f"http://127.0.0.1:{server[0]}"
        made = httpx.post(f"{base}/v1/validations", json=VALIDATION).json()["id"]
        before = resident(server[1])
        opened: list[int] = []
        heard: dict[int, list[float]] = {}

        async def run() -> tuple[float, list[float], list[float]]:
            loop, begun = asyncio.get_running_loop(), time.monotonic()
            for _ in range(LISTENERS):
                await loop.create_connection(lambda: Ear(f"/v1/validations/{made}/events", opened, heard), "127.0.0.1", server[0])
            while len(opened) < LISTENERS:
                await asyncio.sleep(0.05)
            took = time.monotonic() - begun
            say = await asyncio.create_subprocess_exec(
                sys.executable, "-c", SAY, made, str(EVENTS),
                stdout=asyncio.subprocess.PIPE, env={**os.environ, "GAN_ADVISOR_DATA_DIR": folder},
            )  # fmt: skip
            told, reads = [], []
            assert say.stdout is not None
            async with httpx.AsyncClient(base_url=base) as client:
                while line := await say.stdout.readline():
                    told.append(float(line))
                    began = time.monotonic()
                    (await client.get("/v1/gpus?limit=5")).raise_for_status()
                    reads.append(time.monotonic() - began)
            await asyncio.sleep(2)
            return took, told, reads

        took, told, reads = uvloop.run(run())
        late = sorted(at - begun for number, begun in enumerate(told, 2) for at in heard.get(number, []))
        print(f"\n{LISTENERS:,} listeners on one process, connected and told of the first event in {took:.1f} s")
        print(f"{EVENTS} events reached {len(late):,} of {LISTENERS * EVENTS:,} ears;", end=" ")
        print("from before the commit to the ear p50 {:.0f} ms, p99 {:.0f} ms, last {:.0f} ms".format(
            *(1e3 * t for t in (statistics.median(late), late[int(0.99 * (len(late) - 1))], late[-1]))
        ))  # fmt: skip
        print(
            f"a read of the knowledge meanwhile: median {1e3 * statistics.median(reads):.0f} ms, most {1e3 * max(reads):.0f} ms"
        )
        print(f"resident {before:.0f} MB before, {resident(server[1]):.0f} MB with them")


def main() -> None:
    listeners()
    memory()


if __name__ == "__main__":
    main()
