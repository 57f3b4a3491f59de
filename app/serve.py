"""`gan-advisor serve`: one command that runs the API and its workers, and ends them together."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time

import uvicorn
from threadpoolctl import threadpool_limits

from app import db, logs, policies
from app.access import require_keys
from app.connections import Connection
from app.knowledge.load import load
from app.knowledge.sync import require, stamp, sync
from app.recommend import fit
from app.settings import settings

log = logging.getLogger("gan_advisor")
LONGEST_PAUSE = 30.0


class Workers:
    """Worker processes kept alive: one that ends is started again after a pause that doubles up to half a minute."""

    def __init__(self, count: int) -> None:
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._keep, daemon=True) for _ in range(count)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Asks each worker to hand back its run, and waits for it."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def _keep(self) -> None:
        pause = 1.0
        while not self._stopping.is_set():
            started = time.monotonic()
            worker = subprocess.Popen([sys.executable, "-m", "app.cli", "worker", "--with-parent"])
            while worker.poll() is None and not self._stopping.wait(0.2):
                pass
            if self._stopping.is_set():
                worker.terminate()
                try:
                    worker.wait(25)
                except subprocess.TimeoutExpired:
                    worker.kill()
                return
            pause = 1.0 if time.monotonic() - started > 60 else min(2 * pause, LONGEST_PAUSE)
            log.warning("worker %s ended with %s; starting another in %.0f s", worker.pid, worker.returncode, pause)
            self._stopping.wait(pause)


def prepare() -> None:
    """Migrates, and brings the shipped knowledge into the embedded database, or into an empty one.

    A filled PostgreSQL is left for `knowledge sync`: other services of another version may live on it.
    """
    shipped = load()
    if settings().policies is not None:  # said here, where a mistake in one is a message and not a stack
        policies.prove(fit(policies.in_force(shipped)))
    db.upgrade()
    if stamp() is None or db.engine().dialect.name == "sqlite":
        sync(shipped)
    require(shipped)


def serve(host: str, port: int, workers: int) -> None:
    """Serves until SIGINT or SIGTERM."""
    logs.install()
    threadpool_limits(1, user_api="blas")  # matrices here are small: on busy cores threads would wait for each other
    prepare()
    for address in (host, settings().host):  # the second is what the application itself goes by
        require_keys(address)
    crew = Workers(workers)
    config = uvicorn.Config(
        "app.main:create_app",
        factory=True,
        host=host,
        port=port,
        log_level="warning",
        server_header=False,
        http=Connection,
        ws="none",
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    for number in (signal.SIGINT, signal.SIGTERM):  # the server raises them again once it has shut down; the workers come after
        signal.signal(number, lambda *_: None)
    crew.start()
    threading.Thread(target=_announce, args=(server, workers), daemon=True).start()
    try:
        server.run()
    finally:
        crew.stop()
    if not server.started:
        sys.exit(1)


def _announce(server: uvicorn.Server, workers: int) -> None:
    while not server.started:
        if server.should_exit:
            return
        time.sleep(0.05)
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    body = '{"data":{"type":"image","resolution":64},"budget":{"gpu_hours":2}}'
    print(  # noqa: T201
        f"GAN Advisor is at {address} with {workers} worker{'s' * (workers != 1)}; state in {settings().data_dir.absolute()}\n"
        f"curl -s {address}/v1/recommendations -H 'Content-Type: application/json' -d '{body}'",
        flush=True,
    )
