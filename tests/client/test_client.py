"""The client against a service that fails in every way a service can, blocking and awaited alike."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from app.client import AsyncClient, Client, ServiceError
from app.vocabulary import Task, ValidationBudget, ValidationRequest

VALIDATION: dict[str, Any] = {
    "id": "v1",
    "created_at": "2026-11-23T00:00:00Z",
    "status": "succeeded",
    "done": True,
    "status_reason": None,
    "attempt": 1,
    "progress": {"fraction": 1.0, "step": 9, "eta_seconds": None},
    "plan": {},
    "report": None,
    "links": {},
}
EVENTS = [{"id": i, "type": "validation.progress", "timestamp": "", "data": {}} for i in range(1, 6)]


class Service:
    """Answers by script, and remembers what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked = list(answers), list[httpx.Request]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            return answer(request)
        return answer if isinstance(answer, httpx.Response) else httpx.Response(answer, headers={"content-type": "text/html"})

    @property
    def keys(self) -> list[str | None]:
        return [request.headers.get("idempotency-key") for request in self.asked]


class Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A stream that ends as a cut cable does."""

    def __init__(self, frames: str, error: Exception | None = None) -> None:
        self.frames, self.error = frames.encode(), error

    def __iter__(self) -> Iterator[bytes]:
        yield self.frames
        if self.error:
            raise self.error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self:
            yield part


def frames(*ids: int, done: bool = False) -> str:
    text = "id: 0\nretry: 3000\ndata: \n\n: ping\n\n"
    text += "".join(f"id: {i}\nevent: validation.progress\ndata: {json.dumps(EVENTS[i - 1])}\n\n" for i in ids)
    return text + ("event: done\ndata: {}\n\n" if done else "")


def stream(*ids: int, done: bool = False, error: Exception | None = None) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Broken(frames(*ids, done=done), error))


Calls = Callable[..., tuple[Any, list[float]]]


@pytest.fixture(params=["blocking", "awaited"])
def call(request: pytest.FixtureRequest) -> Calls:
    """Calls a method of a client over a scripted service; the result, and the pauses it made."""

    def blocking(service: Service, method: str, *args: Any, **kwargs: Any) -> tuple[Any, list[float]]:
        pauses: list[float] = []

        async def sleep(seconds: float) -> None:
            pauses.append(seconds)

        with Client("http://service", key="ga_1", transport=httpx.MockTransport(service)) as client:
            client._client._wire.sleep = sleep  # type: ignore[method-assign]
            result = getattr(client, method)(*args, **kwargs)
            return (list(result) if inspect.isgenerator(result) else result), pauses

    async def awaited(service: Service, method: str, *args: Any, **kwargs: Any) -> tuple[Any, list[float]]:
        pauses: list[float] = []

        async def sleep(seconds: float) -> None:
            pauses.append(seconds)

        async with AsyncClient("http://service", key="ga_1", transport=httpx.MockTransport(service)) as client:
            client._wire.sleep = sleep  # type: ignore[method-assign]
            result = getattr(client, method)(*args, **kwargs)
            return ([event async for event in result] if inspect.isasyncgen(result) else await result), pauses

    return blocking if request.param == "blocking" else lambda *a, **k: asyncio.run(awaited(*a, **k))


def test_both_clients_have_the_same_methods_with_the_same_parameters() -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        found = {n: getattr(kind, n) for n in dir(kind) if not n.startswith("_")}
        return {name: [p for p in inspect.signature(m).parameters if p != "self"] for name, m in found.items()}

    blocking, awaited = methods(Client), methods(AsyncClient)
    assert blocking.keys() == awaited.keys()
    assert blocking["events"] == awaited["events"]
    assert all(getattr(Client, name).__doc__ == getattr(AsyncClient, name).__doc__ for name in blocking if name != "events")


def test_a_retry_carries_the_key_of_the_first_try(call: Calls) -> None:
    service = Service(
        503, httpx.ConnectError("no"), httpx.Response(429, headers={"Retry-After": "7"}), httpx.Response(202, json=VALIDATION)
    )
    made, pauses = call(service, "validate", {"dataset": "mnist-5k"})
    assert made.id == "v1"
    assert len(set(service.keys)) == 1 and service.keys[0]
    assert pauses[2] == 7
    assert 0.1 <= pauses[0] <= 0.2 <= pauses[1] <= 0.4
    assert {request.headers["authorization"] for request in service.asked} == {"Bearer ga_1"}
    assert {request.content for request in service.asked} == {b'{"dataset":"mnist-5k"}'}


def test_each_creating_call_has_a_key_of_its_own_unless_one_is_given(call: Calls) -> None:
    service = Service(httpx.Response(202, json=VALIDATION))
    call(service, "validate", {})
    call(service, "validate", {})
    call(service, "validate", {}, idempotency_key="mine")
    call(service, "validation", "v1")
    assert len(set(service.keys[:2])) == 2
    assert service.keys[2:] == ["mine", None]


def test_a_refusal_is_told_and_not_repeated(call: Calls) -> None:
    problem = {
        "status": 422,
        "code": "unknown_slug",
        "detail": "'dcgann' is not known",
        "errors": [{"pointer": "#/x", "code": "c", "detail": "d"}],
    }
    service = Service(httpx.Response(422, json=problem, headers={"content-type": "application/problem+json"}))
    with pytest.raises(ServiceError, match="dcgann") as refused:
        call(service, "recommend", {"data": {"type": "image"}})
    assert (refused.value.status, refused.value.code, refused.value.errors[0].pointer) == (422, "unknown_slug", "#/x")
    assert not refused.value.retryable
    assert len(service.asked) == 1


@pytest.mark.parametrize(("answer", "code"), [(502, "not_ours"), (httpx.ConnectError("nobody there"), "unreachable")])
def test_what_does_not_pass_is_told_in_the_end(call: Calls, answer: Any, code: str) -> None:
    service = Service(answer)
    with pytest.raises(ServiceError) as failed:
        call(service, "validation", "v1")
    assert (failed.value.code, failed.value.retryable) == (code, True)
    assert len(service.asked) == 4


def test_a_type_is_sent_as_what_was_set_of_it(call: Calls) -> None:
    service = Service(httpx.Response(202, json=VALIDATION))
    task = Task.model_validate({"data": {"type": "image"}})
    call(service, "validate", ValidationRequest(task=task, dataset="mnist-5k", budget=ValidationBudget(max_seconds=3)))
    body = json.loads(service.asked[0].content)
    assert body == {"task": {"data": {"type": "image"}}, "dataset": "mnist-5k", "budget": {"max_seconds": 3}}


def test_what_a_later_service_adds_is_no_error_and_what_it_breaks_is_named(call: Calls) -> None:
    later = {**VALIDATION, "mood": "fine", "progress": {**VALIDATION["progress"], "tempo": 3}}
    assert call(Service(httpx.Response(200, json=later)), "validation", "v1")[0].progress.step == 9
    with pytest.raises(ServiceError) as failed:
        call(Service(httpx.Response(200, json={**VALIDATION, "status": "levitating"})), "validation", "v1")
    assert failed.value.code == "other_version"


def test_a_broken_stream_is_taken_up_where_it_broke(call: Calls) -> None:
    service = Service(stream(1, 2, error=httpx.ReadError("cut")), stream(3), 503, stream(4, 5, done=True))
    events, pauses = call(service, "events", "v1")
    assert [event["id"] for event in events] == [1, 2, 3, 4, 5]
    assert [request.headers["last-event-id"] for request in service.asked] == ["0", "2", "3", "3"]
    assert len(pauses) == 3


def test_a_stream_that_is_over_answers_204(call: Calls) -> None:
    assert call(Service(httpx.Response(204)), "events", "v1", 5)[0] == []


def test_a_stream_that_is_refused_is_told(call: Calls) -> None:
    with pytest.raises(ServiceError, match="none"):
        call(Service(httpx.Response(404, json={"status": 404, "code": "not_found", "detail": "none"})), "events", "v1")


def polled() -> Callable[[httpx.Request], httpx.Response]:
    """The log as pages of two. The first look finds one event, the second another, the third all of them and the end."""
    looks = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal looks
        if not request.url.path.endswith("/events"):
            looks += 1
            return httpx.Response(200, json={**VALIDATION, "done": looks >= 3}, headers={"Retry-After": "9"})
        found = EVENTS[int(request.url.params["after"]) : looks if looks < 3 else 5]
        return httpx.Response(200, json={"items": found[:2], "next_cursor": "x" if len(found) > 2 else None})

    return answer


NO_STREAM: dict[str, Callable[[], list[Any]]] = {
    "silent": lambda: [httpx.ReadTimeout("silence")],
    "silent after the first frame": lambda: [stream(error=httpx.ReadTimeout("silence"))],
    "another page": lambda: [200, 200, 200, 200],
    "cut again and again": lambda: [stream(error=httpx.RemoteProtocolError("cut")) for _ in range(4)],
}


@pytest.mark.parametrize("kind", NO_STREAM)
def test_where_no_stream_comes_through_the_log_is_polled(call: Calls, kind: str) -> None:
    events, pauses = call(Service(*NO_STREAM[kind](), polled()), "events", "v1")
    assert [event["id"] for event in events] == [1, 2, 3, 4, 5]
    assert pauses.count(9) == 2


def test_wait_shows_each_event_once_and_ends_with_the_validation(call: Calls) -> None:
    service = Service(
        stream(1, 2, error=httpx.ReadError("cut")), stream(3, 4, 5, done=True), httpx.Response(200, json=VALIDATION)
    )
    seen: list[int] = []
    done, _ = call(service, "wait", "v1", lambda event: seen.append(event["id"]))
    assert done.done
    assert seen == [1, 2, 3, 4, 5]


def test_an_awaited_wait_awaits_its_callback() -> None:
    seen: list[int] = []

    async def slowly(event: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        seen.append(event["id"])

    async def main() -> None:
        service = Service(stream(1, 2, done=True), httpx.Response(200, json=VALIDATION))
        async with AsyncClient("http://service", transport=httpx.MockTransport(service)) as client:
            await client.wait("v1", slowly)

    asyncio.run(main())
    assert seen == [1, 2]


def test_events_can_be_left_early() -> None:
    with Client("http://service", transport=httpx.MockTransport(Service(stream(1, 2, 3, done=True)))) as client:
        events = client.events("v1")
        assert next(events)["id"] == 1
        events.close()  # type: ignore[attr-defined]
