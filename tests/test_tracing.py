"""Traces, sent to a real OTLP receiver on loopback: from the request over the queue to the run in a worker."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from app import tracing
from app.db import PROJECT
from app.errors import Unprocessable

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TASK = {"data": {"type": "image", "resolution": 32, "channels": 1, "samples": 5000}}


class Receiver:
    """Takes what is sent to /v1/traces."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.services: set[str] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
                if self.path == "/v1/traces":
                    for part in ExportTraceServiceRequest.FromString(body).resource_spans:
                        told = {a.key: a.value.string_value for a in part.resource.attributes}
                        outer.services.add(told["service.name"])
                        outer.spans += [span for scope in part.scope_spans for span in scope.spans]
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def one(self, name: str) -> Span:
        (found,) = [span for span in self.spans if span.name == name]
        return found


def told(span: Span) -> dict[str, Any]:
    return {a.key: getattr(a.value, str(a.value.WhichOneof("value"))) for a in span.attributes}


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    made = Receiver()
    threading.Thread(target=made.server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that a validation may name, and in which no image is: its first run fails at once."""
    folder = tmp_path / "images"
    folder.mkdir()
    monkeypatch.setenv("GAN_ADVISOR_DATA_FOLDERS", str(tmp_path))
    return folder


def test_a_request_its_advice_and_the_validation_that_it_queues_are_one_trace(
    receiver: Receiver, missing: Path, client: TestClient
) -> None:
    headers = {"traceparent": PARENT, "X-Request-Id": "mine-7"}
    client.post("/v1/recommendations?stream_token=secret", json=TASK, headers=headers)
    client.get("/healthz")
    client.get("/nothing/here")
    body = {"task": TASK, "dataset": str(missing), "architectures": ["dcgan"], "budget": {"max_seconds": 10}}
    made = client.post("/v1/validations", json=body, headers=headers).json()
    with subprocess.Popen([sys.executable, "-m", "app.validations.worker"], cwd=PROJECT) as worker:
        deadline = time.monotonic() + 90
        while not client.get(f"/v1/validations/{made['id']}").json()["done"] and time.monotonic() < deadline:
            time.sleep(0.2)
        worker.terminate()
    tracing.stop()
    asked, advised = receiver.one("POST /v1/recommendations"), receiver.one("advise")
    queued, run, train = receiver.one("POST /v1/validations"), receiver.one("validate"), receiver.one("train")
    assert {span.trace_id.hex() for span in (asked, advised, queued, run, train)} == {PARENT[3:35]}
    assert asked.parent_span_id.hex() == PARENT[36:52]
    assert (advised.parent_span_id, run.parent_span_id, train.parent_span_id) == (asked.span_id, queued.span_id, run.span_id)
    assert (asked.kind, run.kind) == (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CONSUMER)
    assert told(asked)["http.response.status_code"] == 201
    assert told(asked)["gan_advisor.request_id"] == "mine-7"
    assert told(run)["gan_advisor.validation"] == made["id"]
    assert told(train)["process.exit.code"] == 65, "no image can be read"
    assert receiver.one("GET").name == "GET", "an unknown path names no route, and /healthz is not traced"
    assert "secret" not in str(receiver.spans)
    assert receiver.services == {"gan-advisor"}


def test_without_an_endpoint_nothing_of_the_sdk_is_imported() -> None:
    code = "import app.main, app.validations.worker, sys; from app import tracing; tracing.start(); "
    code += "sys.exit(any(name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter')) for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT).returncode == 0


def test_an_endpoint_without_the_extra_is_said_at_the_start(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    with pytest.raises(Unprocessable, match=r"gan-advisor\[otel\]"):
        tracing.start()
