"""Listening to a log: one look serves all, news come to everybody in order, and whoever may not hear any more is let go."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app import db, keys
from app.tables import ValidationRow
from app.validations import listeners, record, store
from app.validations.listeners import Listeners
from app.vocabulary import Scope
from tests.validations.test_store import ask

LONG = 20.0
"""Until a test gives up; what is waited for comes within a second."""


def say(validation_id: str, number: int) -> None:
    with db.transaction() as session:
        record.append(session, validation_id, "validation.progress", {"number": number})


class Ear:
    """One listener and the frames that it has heard."""

    def __init__(self, all_: Listeners, validation_id: str, key_id: str | None = None, after: int = 0) -> None:
        self.frames: list[bytes] = []
        self.task = asyncio.ensure_future(self._hear(all_, validation_id, key_id, after))

    async def _hear(self, all_: Listeners, *what: Any) -> None:
        async for frame in all_.hear(*what):
            self.frames.append(frame)

    async def until(self, number: int) -> list[bytes]:
        """The first so many frames."""
        async with asyncio.timeout(LONG):
            while len(self.frames) < number:
                await asyncio.sleep(0.01)
        return self.frames[:number]


def play(story: Callable[[Listeners], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(story(Listeners()), 3 * LONG))  # type: ignore[arg-type]


def test_one_who_comes_while_a_look_is_under_way_is_told_at_once(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made, looks, go_on = ask(), list[int](), threading.Event()
    look = listeners._state

    def slow(*what: Any) -> Any:
        found = look(*what)
        looks.append(1)
        go_on.wait(LONG)
        return found

    monkeypatch.setattr(listeners, "_state", slow)
    monkeypatch.setattr(listeners, "PING_SECONDS", 10 * LONG)

    async def story(all_: Listeners) -> None:
        first = Ear(all_, made.id)
        while not looks:
            await asyncio.sleep(0.01)
        second = Ear(all_, made.id)
        await second.until(1)
        go_on.set()
        assert await first.until(2) == await second.until(2)
        for one in (first, second):
            one.task.cancel()

    play(story)


def test_everybody_hears_everything_in_order_until_done(database: str) -> None:
    made = ask()
    other = ask()

    async def story(all_: Listeners) -> None:
        early = [Ear(all_, made.id) for _ in range(20)]
        stranger = Ear(all_, other.id)
        for one in early:
            await one.until(2)
        for number in (2, 3):
            say(made.id, number)
        late = Ear(all_, made.id, after=2)
        await late.until(2)
        store.cancel(made.id)
        await asyncio.gather(*(one.task for one in (*early, late)))
        for one in early:
            assert one.frames == early[0].frames
        assert [b"id: %d" % n in f for n, f in enumerate(early[0].frames)] == [True] * 5 + [False]
        assert b"event: done" in early[0].frames[-1] and b"id: 4" in early[0].frames[-1]
        assert late.frames[1:] == early[0].frames[3:]
        assert len(stranger.frames) == 2
        stranger.task.cancel()

    play(story)


def test_many_listeners_cost_one_look_and_one_reading(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made, read = ask(), []

    def counted(validation_id: str, after: int, limit: int) -> list[dict[str, Any]]:
        read.append(after)
        return real(validation_id, after, limit)

    real = store.events
    monkeypatch.setattr(store, "events", counted)

    async def story(all_: Listeners) -> None:
        ears = [Ear(all_, made.id) for _ in range(200)]
        for one in ears:
            await one.until(2)
        say(made.id, 1)
        for one in ears:
            await one.until(3)
            one.task.cancel()

    play(story)
    assert sorted(set(read)) == [0, 1]
    assert len(read) <= 6


def test_a_stream_ends_with_its_key_and_the_first_key_ends_those_without(database: str) -> None:
    made = ask()

    async def story(all_: Listeners) -> None:
        open_ = Ear(all_, made.id)
        await open_.until(2)
        mine, other = (keys.create("t", scopes=frozenset(Scope)) for _ in range(2))
        await asyncio.wait_for(open_.task, LONG)
        ears = [Ear(all_, made.id, key.id) for key in (mine, other)]
        for one in ears:
            await one.until(2)
        keys.revoke(mine.id)
        await asyncio.wait_for(ears[0].task, LONG)
        assert b"done" not in ears[0].frames[-1]
        assert not ears[1].task.done()
        ears[1].task.cancel()

    play(story)


def test_a_stream_ends_when_what_it_tells_of_is_deleted(database: str) -> None:
    made = ask()

    async def story(all_: Listeners) -> None:
        ear = Ear(all_, made.id)
        await ear.until(2)
        with db.transaction() as session:
            session.delete(session.get_one(ValidationRow, made.id))
        await asyncio.wait_for(ear.task, LONG)

    play(story)


def test_silence_is_broken_by_comments(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "PING_SECONDS", 0.05)
    made = ask()

    async def story(all_: Listeners) -> None:
        ear = Ear(all_, made.id)
        await ear.until(10)
        assert ear.frames.count(b": ping\n\n") == len(ear.frames) - 2, "all but the first and that it waits in line"
        ear.task.cancel()

    play(story)
