"""The service from Python: `Client("http://127.0.0.1:8000", key="ga_...").recommend({"data": {"type": "image"}})`."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any

import httpx
import orjson

from app.errors import AdvisorError, FieldProblem

RETRIED = (429, 502, 503, 504)


class ServiceError(AdvisorError):
    """What the service answered instead: its problem document."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        errors = [FieldProblem(**error) for error in problem.get("errors", [])]
        super().__init__(str(problem.get("detail", "the service answered without a reason")), errors)
        self.status, self.code = int(problem.get("status", 0)), str(problem.get("code", "unknown"))


class Client:
    """Synchronous client. Creating calls carry an idempotency key of their own, so a retry never creates twice."""

    def __init__(self, url: str, *, key: str = "", timeout: float = 30.0, tries: int = 4) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=url, timeout=timeout, headers=headers)
        self._tries = tries

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.close()

    def recommend(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Ranked architectures for a task. Raises ServiceError."""
        return self._json("POST", "/v1/recommendations", json=task)

    def validate(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Queues a validation and returns it. Raises ServiceError."""
        return self._json("POST", "/v1/validations", json=request)

    def validation(self, validation_id: str) -> dict[str, Any]:
        return self._json("GET", f"/v1/validations/{validation_id}")

    def cancel(self, validation_id: str) -> dict[str, Any]:
        return self._json("POST", f"/v1/validations/{validation_id}/cancel")

    def events(self, validation_id: str, after: int = 0) -> Iterator[dict[str, Any]]:
        """Each event as it happens, ending when the validation has ended; a lost connection is taken up where it broke."""
        while True:
            headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
            try:
                with self._http.stream("GET", f"/v1/validations/{validation_id}/events", headers=headers, timeout=60) as response:
                    if response.status_code == 204:
                        return
                    if response.status_code >= 400:
                        response.read()
                        raise ServiceError(_problem(response))
                    for kind, data in _frames(response.iter_lines()):
                        if kind == "done":
                            return
                        event = orjson.loads(data)
                        after = event["id"]
                        yield event
            except httpx.TransportError:
                time.sleep(1)

    def wait(self, validation_id: str, on_event: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:
        """The validation once it has ended; `on_event` sees every event on the way."""
        for event in self.events(validation_id):
            if on_event:
                on_event(event)
        return self.validation(validation_id)

    def download(self, validation_id: str, name: str) -> bytes:
        """One artifact, such as samples.png. Raises ServiceError."""
        response = self._send("GET", f"/v1/validations/{validation_id}/artifacts/{name}")
        return response.content

    def _json(self, method: str, path: str, json: Any = None) -> dict[str, Any]:
        return orjson.loads(self._send(method, path, json).content)  # type: ignore[no-any-return]

    def _send(self, method: str, path: str, json: Any = None) -> httpx.Response:
        headers = {"Idempotency-Key": uuid.uuid4().hex} if method == "POST" else {}
        for attempt in range(self._tries):
            last = attempt + 1 == self._tries
            try:
                response = self._http.request(method, path, json=json, headers=headers)
            except httpx.TransportError as error:
                if last:
                    raise ServiceError({"status": 0, "code": "unreachable", "detail": f"no answer: {error}"}) from error
                time.sleep(0.2 * 2**attempt)
                continue
            if response.status_code not in RETRIED or last:
                break
            time.sleep(float(response.headers.get("Retry-After", 0.2 * 2**attempt)))
        if response.status_code >= 400:
            raise ServiceError(_problem(response))
        return response


def _problem(response: httpx.Response) -> dict[str, Any]:
    if "json" in response.headers.get("content-type", ""):
        return dict(orjson.loads(response.content))
    return {"status": response.status_code, "code": "not_ours", "detail": f"HTTP {response.status_code} from something else"}


def _frames(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    """(event, data) of each server-sent event that carries data."""
    kind, data = "message", ""
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            kind = value
        elif field == "data":
            data += value
        elif not line:
            if data:
                yield kind, data
            kind, data = "message", ""
