"""Clients that are slow, endless or deaf, against the real server with short limits."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from app import connections
from app.connections import Connection

HEAD = b"HTTP/1.1\r\nHost: localhost\r\n"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """How many bytes came; or far more than fit on the way, at /endless."""
    read, more = 0, True
    while more:
        message = await receive()
        read, more = read + len(message.get("body", b"")), message.get("more_body", False)
    size = 50_000_000 if scope["path"] == "/endless" else len(str(read))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(size).encode())]})
    await send({"type": "http.response.body", "body": b"x" * size if size > 1000 else str(read).encode()})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.5)
    server = uvicorn.Server(uvicorn.Config(echo, port=0, http=Connection, ws="none", lifespan="off", log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield int(server.servers[0].sockets[0].getsockname()[1])
    server.should_exit = True
    thread.join(20)


def sent(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """All that is answered until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as one:
        for part in parts:
            try:
                one.sendall(part)
            except OSError:
                break
            time.sleep(pause)
        return read(one)


def read(one: socket.socket) -> bytes:
    found = b""
    try:
        while data := one.recv(65_536):
            found += data
    except ConnectionError:
        pass
    return found


def refused(answer: bytes, status: int) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d" % status), answer
    assert b"content-type: application/problem+json" in head
    problem: dict[str, Any] = json.loads(body)
    assert problem["instance"].encode() in head
    return problem


def test_who_says_nothing_is_hung_up_on(port: int) -> None:
    assert sent(port) == b""


@pytest.mark.parametrize(
    "start", [b"GET / HTTP/1.1\r\nHost: local", b"GET /", b"POST / " + HEAD + b"Content-Length: 9\r\n\r\nhalf"]
)
def test_half_a_request_is_answered_408(port: int, start: bytes) -> None:
    assert refused(sent(port, start), 408)["code"] == "too_slow"


def test_a_second_request_on_a_connection_has_no_more_time_than_the_first(port: int) -> None:
    first = b"GET / " + HEAD + b"\r\n"
    answer = sent(port, first, first + b"GET / HTTP/1.1\r\nX-Half:", pause=0.1)
    assert answer.count(b"HTTP/1.1 200") == 2
    refused(answer[answer.rindex(b"HTTP/1.1") :], 408)


def test_a_body_that_trickles_is_cut_off_though_it_never_pauses(port: int) -> None:
    drops = [b"POST / " + HEAD + b"Content-Length: 2000\r\n\r\n", *[b"x"] * 100]
    refused(sent(port, *drops, pause=0.05), 408)


def test_a_body_that_keeps_coming_may_take_long(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "IDLE_SECONDS", 2.0)
    parts = [b"POST / " + HEAD + b"Connection: close\r\nContent-Length: 40000\r\n\r\n", *[b"x" * 2000] * 20]
    assert sent(port, *parts, pause=0.12).endswith(b"40000")


def test_a_head_without_end_is_answered_431(port: int) -> None:
    parts = [b"GET / " + HEAD, *[b"X-%d: %s\r\n" % (n, b"a" * 10_000) for n in range(100)]]
    assert refused(sent(port, *parts), 431)["code"] == "head_too_large"


def test_what_is_no_http_is_answered_as_a_problem_too(port: int) -> None:
    assert refused(sent(port, b"\x16\x03\x01 hello\r\n\r\n"), 400)["code"] == "malformed"


def test_who_asks_and_never_reads_is_let_go(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as one:
        one.sendall(b"GET /endless " + HEAD + b"\r\n")
        time.sleep(4)
        assert len(read(one)) < 50_000_000
