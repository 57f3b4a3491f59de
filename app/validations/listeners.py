"""Who listens to the log of a validation: one look at the database serves all of them, and whoever lost the right to hear is let go.

Each process looks for its own listeners, every LOOK_SECONDS while there are any, and at once for a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson
import sqlalchemy as sa
from fastapi.sse import format_sse_event
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from app import db
from app.tables import ApiKeyRow, EventRow, ValidationRow
from app.validations import store
from app.validations.view import shown

log = logging.getLogger("gan_advisor")
LOOK_SECONDS = 0.3
PING_SECONDS = 15.0
FRAMES = 500
"""Events read at once."""

Frames = list[tuple[int, bytes]]
"""Id and bytes of events."""


class Log(NamedTuple):
    """How far a validation has come."""

    last: int
    done: bool


@dataclass(eq=False)
class Listener:
    """One connection. Its key is None where no key was ever made."""

    validation_id: str
    key_id: str | None
    news: asyncio.Event = field(default_factory=asyncio.Event)
    seen: Log | None = None
    """How far the log was when it last looked: a look at the database that began before it came may end after."""
    gone: bool = False


class Listeners:
    """Those of one process."""

    def __init__(self) -> None:
        self._all: set[Listener] = set()
        self._logs: dict[str, Log] = {}
        self._read: dict[tuple[Callable[[str, int], Frames], str, int], asyncio.Future[Frames]] = {}
        """What one of them read, for the others."""
        self._looking: asyncio.Task[None] | None = None
        self._soon = asyncio.Event()

    async def hear(self, validation_id: str, key_id: str | None, after: int) -> AsyncIterator[bytes]:
        """Every event after `after`, then `done`; a comment when nothing happens for a while. Ends early with the key."""
        yield format_sse_event(id=str(after), data_str="", retry=3000)
        with self._listening(validation_id, key_id) as one:
            while not one.gone:
                one.news.clear()
                known = one.seen = self._logs.get(validation_id)
                if known is not None and known.last > after:
                    if not (frames := await self._shared(_frames, validation_id, after)):
                        return  # it was deleted
                    after = frames[-1][0]
                    for _, frame in frames:
                        yield frame
                elif known is not None and known.done:
                    for _, frame in await self._shared(_end, validation_id, after):
                        yield frame
                    return
                elif not await _within(PING_SECONDS, one.news):
                    yield b": ping\n\n"

    @contextlib.contextmanager
    def _listening(self, validation_id: str, key_id: str | None) -> Iterator[Listener]:
        one = Listener(validation_id, key_id)
        self._all.add(one)
        if validation_id not in self._logs:
            self._soon.set()
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            yield one
        finally:
            self._all.discard(one)

    async def _shared(self, read: Callable[[str, int], Frames], validation_id: str, after: int) -> Frames:
        """What comes after an event, read once for all who ask."""
        key = read, validation_id, after
        if key not in self._read:
            self._read[key] = asyncio.ensure_future(run_in_threadpool(read, validation_id, after))
        try:
            return await asyncio.shield(self._read[key])
        except SQLAlchemyError:
            self._read.pop(key, None)
            raise

    async def _look(self) -> None:
        while self._all:
            self._soon.clear()
            asked = list(self._all)
            try:
                told = await run_in_threadpool(_state, {one.validation_id for one in asked}, {one.key_id for one in asked})
            except Exception as error:  # noqa: BLE001  the next look is as good as this one
                log.warning("listeners wait for the database: %s", type(error).__name__)
            else:
                self._tell(asked, *told)
            await _within(LOOK_SECONDS, self._soon)
        self._logs, self._read = {}, {}

    def _tell(self, asked: Iterable[Listener], logs: dict[str, Log], good: Collection[str | None]) -> None:
        before, self._logs = self._logs, logs
        self._read = {key: read for key, read in self._read.items() if key[1] in logs and logs[key[1]] == before.get(key[1])}
        for one in asked:
            one.gone = one.key_id not in good or one.validation_id not in logs
            if one.gone or logs[one.validation_id] != one.seen:
                one.news.set()


async def _within(seconds: float, event: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _state(ids: set[str], keys: set[str | None]) -> tuple[dict[str, Log], set[str | None]]:
    """How far these validations have come, and which of these keys are good still."""
    mine = ValidationRow.id.in_(ids)
    last = sa.select(sa.func.max(EventRow.seq)).where(EventRow.validation_id == ValidationRow.id).scalar_subquery()
    with db.reading() as session:
        ended = set(session.scalars(sa.select(ValidationRow.id).where(mine, ValidationRow.outcome.is_not(None))))
        lasts = session.execute(sa.select(ValidationRow.id, last).where(mine)).all()  # after: no event can come between
        lives = ApiKeyRow.revoked_at.is_(None), sa.or_(ApiKeyRow.expires_at.is_(None), ApiKeyRow.expires_at > db.now(session))
        good: set[str | None] = set(session.scalars(sa.select(ApiKeyRow.id).where(ApiKeyRow.id.in_(keys - {None}), *lives)))
        if None in keys and session.scalar(sa.select(ApiKeyRow.id).limit(1)) is None:
            good.add(None)
    return {name: Log(end or 0, name in ended) for name, end in lasts}, good


def _frames(validation_id: str, after: int) -> Frames:
    found = store.events(validation_id, after, FRAMES)
    return [(e["id"], format_sse_event(id=str(e["id"]), event=e["type"], data_str=orjson.dumps(e).decode())) for e in found]


def _end(validation_id: str, after: int) -> Frames:
    with db.reading() as session:
        (state,) = shown(session, [session.get_one(ValidationRow, validation_id)])
    return [(after, format_sse_event(id=str(after), event="done", data_str=state.model_dump_json()))]
