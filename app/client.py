"""The service from Python: `Client("http://127.0.0.1:8000").recommend({"data": {"type": "image"}}).candidates[0]`.

`AsyncClient` has the same methods to await. Both are one program: every call is a coroutine over a wire, and where the wire
never waits for a loop, as that of `Client` never does, a coroutine runs to its end at the first step.
"""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from inspect import isawaitable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import httpx
import orjson
from pydantic import BaseModel, ValidationError

from app.errors import AdvisorError, FieldProblem
from app.vocabulary import Estimate, EstimateRequest, Recommendation, Task, Validation, ValidationRequest, WhyNot

RETRIED = (429, 502, 503, 504)
SILENCE = 35.0
"""Seconds without a byte after which a stream is given up for polling; the service speaks every 15."""
POLL = 2.0
LONGEST_PAUSE = 60.0

Event = dict[str, Any]
OnEvent = Callable[[Event], object]
P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


class ServiceError(AdvisorError):
    """What the service answered instead: its problem document."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        errors = [FieldProblem(**error) for error in problem.get("errors", [])]
        super().__init__(str(problem.get("detail", "the service answered without a reason")), errors)
        self.status, self.code = int(problem.get("status", 0)), str(problem.get("code", "unknown"))
        self.retryable = self.status in (0, *RETRIED)


# ------------------------------------------------------------------ the wire


class Wire(Protocol):
    """What a client needs of the world."""

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response: ...
    def stream(self, path: str, headers: Mapping[str, str]) -> Any: ...
    async def sleep(self, seconds: float) -> None: ...
    async def close(self) -> None: ...


class _Waiting:
    """Over an event loop."""

    def __init__(self, **options: Any) -> None:
        self._http = httpx.AsyncClient(**options)

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        return await self._http.request(method, path, **options)

    @asynccontextmanager
    async def stream(self, path: str, headers: Mapping[str, str]) -> AsyncIterator[tuple[httpx.Response, AsyncIterator[str]]]:
        async with self._http.stream("GET", path, headers=dict(headers), timeout=SILENCE) as response:
            if response.status_code != 200:
                await response.aread()
            yield response, response.aiter_lines()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        await self._http.aclose()


class _Blocking:
    """Over nothing: each coroutine here ends without ever giving control away."""

    def __init__(self, **options: Any) -> None:
        self._http = httpx.Client(**options)

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._http.request(method, path, **options)

    @asynccontextmanager
    async def stream(self, path: str, headers: Mapping[str, str]) -> AsyncIterator[tuple[httpx.Response, AsyncIterator[str]]]:
        with self._http.stream("GET", path, headers=dict(headers), timeout=SILENCE) as response:
            if response.status_code != 200:
                response.read()
            yield response, _each(response.iter_lines())

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def close(self) -> None:
        self._http.close()


async def _each(items: Iterable[T]) -> AsyncGenerator[T]:
    for item in items:
        yield item


# ------------------------------------------------------------------ the calls, written once


class AsyncClient:
    """Creating calls carry an idempotency key of their own, so a retry never creates twice."""

    _wire: Wire

    def __init__(
        self, url: str, *, key: str = "", timeout: float = 30.0, tries: int = 4, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._open(_Waiting(**_options(url, key, timeout), transport=transport), tries)

    def _open(self, wire: Wire, tries: int) -> None:
        self._wire, self._tries = wire, tries

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._wire.close()

    async def recommend(self, task: Task | Mapping[str, Any]) -> Recommendation:
        """Ranked architectures for a task. Raises ServiceError, as every call here."""
        return await self._ask(Recommendation, "POST", "/v1/recommendations", task)

    async def recommendation(self, recommendation_id: str) -> Recommendation:
        """An answer as it was given."""
        return await self._ask(Recommendation, "GET", f"/v1/recommendations/{recommendation_id}")

    async def why_not(self, recommendation_id: str, architecture: str) -> WhyNot:
        """Why an architecture is not the first of an answer."""
        return await self._ask(WhyNot, "GET", f"/v1/recommendations/{recommendation_id}/why-not/{architecture}")

    async def estimate(self, request: EstimateRequest | Mapping[str, Any]) -> Estimate:
        """What training one architecture takes."""
        return await self._ask(Estimate, "POST", "/v1/estimates", request)

    async def validate(self, request: ValidationRequest | Mapping[str, Any], *, idempotency_key: str | None = None) -> Validation:
        """Queues a validation and returns it. The same key and body give the same validation."""
        return await self._ask(Validation, "POST", "/v1/validations", request, idempotency_key)

    async def validation(self, validation_id: str) -> Validation:
        """State, progress and report."""
        return await self._ask(Validation, "GET", f"/v1/validations/{validation_id}")

    async def cancel(self, validation_id: str) -> Validation:
        """Stops it; no harm where that was done before."""
        return await self._ask(Validation, "POST", f"/v1/validations/{validation_id}/cancel")

    async def download(self, validation_id: str, name: str) -> bytes:
        """One artifact, such as samples.png."""
        return (await self._send("GET", f"/v1/validations/{validation_id}/artifacts/{name}")).content

    async def wait(self, validation_id: str, on_event: OnEvent | None = None) -> Validation:
        """The validation once it has ended; `on_event` sees every event on the way, once and in order, and may be a coroutine."""
        async for event in self.events(validation_id):
            if on_event is not None and isawaitable(seen := on_event(event)):
                await seen
        return await self.validation(validation_id)

    async def events(self, validation_id: str, after: int = 0) -> AsyncGenerator[Event]:
        """Each event after `after` as it happens, until the validation has ended.

        A stream that breaks is taken up where it broke; where none comes through, as behind some proxies, the log is polled.
        """
        path, broken = f"/v1/validations/{validation_id}/events", 0
        while broken < self._tries:
            headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
            try:
                async with self._wire.stream(path, headers) as (response, lines):
                    if response.status_code == 204:
                        return
                    if response.status_code >= 400 and response.status_code not in RETRIED:
                        raise ServiceError(_problem(response))
                    if response.headers.get("content-type", "").startswith("text/event-stream"):
                        async for kind, data in _frames(lines):
                            if kind == "done":
                                return
                            event = orjson.loads(data)
                            after, broken = event["id"], 0
                            yield event
            except httpx.ReadTimeout:
                break
            except httpx.TransportError:
                pass
            broken += 1
            await self._wire.sleep(_pause(broken))
        async for event in self._polled(path, after):
            yield event

    async def _polled(self, path: str, after: int) -> AsyncGenerator[Event]:
        while True:
            state = await self._send("GET", path.removesuffix("/events"))  # before the events: none can come between
            page = orjson.loads((await self._send("GET", path, params={"after": after})).content)
            for event in page["items"]:
                after = event["id"]
                yield event
            if page["next_cursor"] is None:
                if orjson.loads(state.content)["done"]:
                    return
                await self._wire.sleep(_told(state) or POLL)

    async def _ask(self, kind: type[M], method: str, path: str, body: Any = None, key: str | None = None) -> M:
        response = await self._send(method, path, body=body, key=key)
        try:
            return kind.model_validate_json(response.content, extra="ignore")  # a later service may say more
        except ValidationError as error:
            detail = f"the service speaks another version: {error.errors()[0]['msg']} at {error.errors()[0]['loc']}"
            raise ServiceError({"status": response.status_code, "code": "other_version", "detail": detail}) from None

    async def _send(
        self, method: str, path: str, *, body: Any = None, key: str | None = None, params: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        headers = {"Idempotency-Key": key or uuid.uuid4().hex} if method == "POST" else {}
        content = None if body is None else orjson.dumps(body, default=_plain)
        if content is not None:
            headers["Content-Type"] = "application/json"
        for attempt in range(1, self._tries + 1):
            last = attempt == self._tries
            try:
                response = await self._wire.send(method, path, content=content, headers=headers, params=params)
            except httpx.TransportError as error:
                if last:
                    raise ServiceError({"status": 0, "code": "unreachable", "detail": f"no answer: {error}"}) from error
                await self._wire.sleep(_pause(attempt))
                continue
            if response.status_code not in RETRIED or last:
                break
            await self._wire.sleep(_told(response) or _pause(attempt))
        if response.status_code >= 400:
            raise ServiceError(_problem(response))
        return response


# ------------------------------------------------------------------ the same, blocking


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    finally:
        coroutine.close()
    raise RuntimeError("a blocking wire waited for a loop")


def _blocking(method: Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[Client, P], T]:
    def call(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return _run(method(self._client, *args, **kwargs))

    call.__doc__, call.__name__ = method.__doc__, method.__name__
    return call


class Client:
    """Creating calls carry an idempotency key of their own, so a retry never creates twice."""

    def __init__(
        self, url: str, *, key: str = "", timeout: float = 30.0, tries: int = 4, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._client = AsyncClient.__new__(AsyncClient)
        self._client._open(_Blocking(**_options(url, key, timeout), transport=transport), tries)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    close = _blocking(AsyncClient.close)
    recommend = _blocking(AsyncClient.recommend)
    recommendation = _blocking(AsyncClient.recommendation)
    why_not = _blocking(AsyncClient.why_not)
    estimate = _blocking(AsyncClient.estimate)
    validate = _blocking(AsyncClient.validate)
    validation = _blocking(AsyncClient.validation)
    cancel = _blocking(AsyncClient.cancel)
    download = _blocking(AsyncClient.download)
    wait = _blocking(AsyncClient.wait)

    def events(self, validation_id: str, after: int = 0) -> Iterator[Event]:
        """Each event after `after` as it happens, until the validation has ended."""
        events = self._client.events(validation_id, after)
        try:
            while True:
                try:
                    yield _run(_next(events))
                except StopAsyncIteration:
                    return
        finally:
            _run(events.aclose())


async def _next(events: AsyncGenerator[Event]) -> Event:
    return await anext(events)


# ------------------------------------------------------------------ words on the wire


def _options(url: str, key: str, timeout: float) -> dict[str, Any]:
    return {"base_url": url, "timeout": timeout, "headers": {"Authorization": f"Bearer {key}"} if key else {}}


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _pause(attempt: int) -> float:
    """0.2 s doubled each time, up to half of it by chance: clients that failed together do not come back together."""
    longest: float = min(0.2 * 2 ** (attempt - 1), LONGEST_PAUSE)
    return longest * random.uniform(0.5, 1.0)


def _told(response: httpx.Response) -> float | None:
    """Seconds of Retry-After; None where it is absent or a date."""
    wait = response.headers.get("Retry-After", "")
    return min(float(wait), LONGEST_PAUSE) if wait.isdecimal() else None


def _problem(response: httpx.Response) -> dict[str, Any]:
    if "json" in response.headers.get("content-type", ""):
        return dict(orjson.loads(response.content))
    return {"status": response.status_code, "code": "not_ours", "detail": f"HTTP {response.status_code} from something else"}


async def _frames(lines: AsyncIterator[str]) -> AsyncGenerator[tuple[str, str]]:
    """(event, data) of each server-sent event that carries data."""
    kind, data = "message", ""
    async for line in lines:
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
