"""The service under load, as a ratio to a route of the same framework that does nothing but return as many bytes.

Both run as one uvicorn process on loopback, are asked in short turns by one client process, and are timed from outside: requests a
second, and the processor time of a request, which others on the machine change less. `make load` runs it.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
from itertools import count, repeat

import httpx

from benchmarks.caller import Load, Requests, free_port, get, load, post, resident, server, service, task, up

SECONDS = 0.5
TURNS = 7
CLIENTS = (1, 32, 64)
READS = ("/v1/gpus", "/v1/architectures", "/v1/architectures/dcgan", "/v1/benchmarks?dataset=cifar10", "/v1/rules?limit=10")
NOOP = """
import sys
from fastapi import FastAPI, Response
from app.vocabulary import Task
app = FastAPI()
def add(size):
    body = b"x" * size
    @app.get(f"/read/{size}")
    async def read():
        return Response(body, media_type="application/json")
    @app.post(f"/ask/{size}")
    async def ask(task: Task):
        return Response(body, media_type="application/json")
for size in sys.argv[2:]:
    add(int(size))
import uvicorn
uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
"""


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


def median(loads: list[Load]) -> Load:
    return Load(*(statistics.median(values) for values in zip(*loads, strict=True)))  # type: ignore[arg-type]


def main() -> None:
    first, again = knowing()
    print(f"load and sync the knowledge: {first:.2f} s (limit 2 s), again {1e3 * again:.0f} ms")
    seconds, memory, torch = importing()
    print(f"import app.main: {seconds:.2f} s, {memory:.0f} MB, torch imported: {torch}")
    with service() as ours, contextlib.ExitStack() as stack:
        url, numbers = f"http://127.0.0.1:{ours[0]}", count(1)
        kinds: list[tuple[str, str, Requests]] = [
            ("new", "ask", (post("/v1/recommendations", task(number)) for number in numbers)),
            ("asked before", "ask", repeat(post("/v1/recommendations", task(0)))),
            *((path, "read", repeat(get(path))) for path in READS),
        ]
        plain = {"Accept-Encoding": "identity"}
        sizes = {path: len(httpx.get(url + path, headers=plain).content) for path in READS}
        sizes |= dict.fromkeys(("new", "asked before"), len(httpx.post(f"{url}/v1/recommendations", json=task(0)).content))
        port = free_port()
        peer = port, stack.enter_context(server(["-c", NOOP, str(port), *{str(size) for size in sizes.values()}], {}))
        up(f"http://127.0.0.1:{port}/none")
        print(f"\n{TURNS} turns of {SECONDS} s, in turn with the no-op; medians\n")
        print("| request | bytes | clients | a second | p50 ms | p99 ms | no-op | p50 | p99 | ratio | of processor time |")
        print("| --- " * 11 + "|")
        for kind, verb, requests in kinds:
            path = f"/{verb}/{sizes[kind]}"
            nothing = repeat(get(path) if verb == "read" else post(path, task(0)))
            for clients in CLIENTS:
                rows = [(load(peer, clients, nothing, SECONDS), load(ours, clients, requests, SECONDS)) for _ in range(TURNS)]
                noop, real = (median(list(side)) for side in zip(*rows, strict=True))
                ratio = statistics.median(mine.rate / its.rate for its, mine in rows)
                cells = (kind, f"{sizes[kind]:,}", clients, f"{real.rate:,.0f}", f"{1e3 * real.p50:.2f}", f"{1e3 * real.p99:.1f}")
                cells += (f"{noop.rate:,.0f}", f"{1e3 * noop.p50:.2f}", f"{1e3 * noop.p99:.1f}")  # type: ignore[assignment]
                print("|", " | ".join(map(str, (*cells, f"{ratio:.2f}", f"{noop.cpu / real.cpu:.2f}"))), "|", flush=True)
        print(f"\nresident after {next(numbers):,} new tasks: {resident(ours[1]):.0f} MB")


if __name__ == "__main__":
    main()
