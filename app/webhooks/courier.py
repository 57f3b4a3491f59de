"""Sends what is due, one thread in each service process. A delivery is leased while it is on its way, so that only one sends it."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import sqlalchemy as sa

from app import db
from app.settings import settings
from app.tables import DeliveryRow, EndpointRow
from app.webhooks import sign
from app.webhooks.address import Place, Refused, resolve

log = logging.getLogger("gan_advisor")
SCHEDULE = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Seconds from one attempt to the next; about three days, then it has failed."""
TIMEOUT = 20.0
"""Seconds of one attempt from its connection to the end of the answer's head, however that trickles."""
LEASE_SECONDS = 90.0
"""After this a delivery whose process was lost is sent again."""
LONGEST_WAIT = 86_400.0
KEEP_SECONDS = 30 * 86_400.0
AT_ONCE, OF_A_TEAM = 20, 5
"""Deliveries of one look, all on their way together: the slow endpoints of one team leave room for those of others."""


@dataclass(frozen=True)
class Letter:
    """A leased delivery and where it goes."""

    id: str
    endpoint_id: str
    url: str
    keys: tuple[str, ...]
    body: bytes
    attempt: int


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended: a status, or the reason why there is none."""

    status: int | None
    error: str | None
    retry_after: float = 0.0

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Courier:
    """Looks every `webhook_seconds` until stopped."""

    def __init__(self) -> None:
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="webhooks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join(2)  # what is on its way is leased, and sent again by the next process

    def _loop(self) -> None:
        swept = time.monotonic()
        while not self._ending.wait(settings().webhook_seconds):
            try:
                while deliver_due() and not self._ending.is_set():
                    pass
                if time.monotonic() - swept > 3600:
                    swept = time.monotonic()
                    forget()
            except Exception as error:  # noqa: BLE001  the next look is as good as this one
                log.warning("webhooks could not be sent: %s", type(error).__name__)


def deliver_due() -> int:
    """Sends what is due now; how many attempts that were."""
    letters = lease()
    if letters:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(_deliver, letters))
    return len(letters)


def lease() -> list[Letter]:
    """Takes up to AT_ONCE due deliveries for this process. What is for a disabled endpoint waits until it is enabled."""
    with db.reading() as session:
        now = db.now(session)
        place = sa.func.row_number().over(partition_by=EndpointRow.team, order_by=DeliveryRow.next_at).label("place")
        columns = DeliveryRow.id, DeliveryRow.next_at, place
        due = sa.select(*columns).join(EndpointRow).where(DeliveryRow.next_at <= now, EndpointRow.enabled).subquery()
        first = sa.select(due.c.id, due.c.next_at).where(due.c.place <= OF_A_TEAM)
        found = session.execute(first.order_by(due.c.next_at).limit(AT_ONCE)).all()
    letters = []
    for delivery_id, next_at in found:
        with db.transaction() as session:
            mine = DeliveryRow.id == delivery_id, DeliveryRow.next_at == next_at
            taken = sa.update(DeliveryRow).where(*mine).values(next_at=now + LEASE_SECONDS).returning(DeliveryRow.id)
            if session.execute(taken).first() is not None:
                row = session.get_one(DeliveryRow, delivery_id)
                letters.append(_letter(row, session.get_one(EndpointRow, row.endpoint_id), now))
    return letters


def _letter(row: DeliveryRow, endpoint: EndpointRow, now: float) -> Letter:
    old = endpoint.old_secret if endpoint.old_secret_until is not None and endpoint.old_secret_until > now else None
    keys = (endpoint.secret, old) if old else (endpoint.secret,)
    return Letter(row.id, endpoint.id, endpoint.url, keys, row.body.encode(), row.attempts + 1)


def _deliver(letter: Letter) -> None:
    record(letter, send(letter))


def send(letter: Letter) -> Outcome:
    """One attempt. Follows no redirect, reads no answer beyond its head."""
    try:
        place = resolve(letter.url)
    except Refused as refused:
        return Outcome(None, f"the URL {refused}")
    headers = sign.headers(letter.id, int(time.time()), letter.body, letter.keys)
    headers |= {"Content-Type": "application/json", "User-Agent": "gan-advisor", "Host": place.host_header}
    try:
        return asyncio.run(_post(place, letter.body, headers))
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        return Outcome(None, f"no answer: {type(error).__name__}")


async def _post(place: Place, body: bytes, headers: dict[str, str]) -> Outcome:
    """Asynchronous for its deadline alone: a timeout of each read would never end with who sends a byte now and then."""
    async with (
        asyncio.timeout(TIMEOUT),
        httpx.AsyncClient(timeout=None, trust_env=False, follow_redirects=False) as client,  # noqa: S113
        client.stream("POST", place.url, content=body, headers=headers, extensions={"sni_hostname": place.host}) as response,
    ):
        error = None if response.is_success else f"answered {response.status_code}"
        return Outcome(response.status_code, error, _retry_after(response))


def record(letter: Letter, outcome: Outcome) -> None:
    """Writes how an attempt ended, and when the next one is. An endpoint that answers 410 is disabled."""
    with db.transaction() as session:
        now = db.now(session)
        values: dict[str, object] = {"attempts": letter.attempt, "status": outcome.status, "error": outcome.error}
        gone, last = outcome.status == 410, letter.attempt > len(SCHEDULE)
        if outcome.delivered or gone or last:
            values |= {"state": "delivered" if outcome.delivered else "failed", "next_at": None, "finished_at": now}
        else:
            pause = SCHEDULE[letter.attempt - 1] * random.uniform(0.9, 1.1)
            values["next_at"] = now + max(pause, min(outcome.retry_after, LONGEST_WAIT))
        session.execute(sa.update(DeliveryRow).where(DeliveryRow.id == letter.id).values(**values))
        if gone:
            off = {"enabled": False, "disabled_reason": "it answered 410"}
            session.execute(sa.update(EndpointRow).where(EndpointRow.id == letter.endpoint_id).values(**off))
            waiting = DeliveryRow.endpoint_id == letter.endpoint_id, DeliveryRow.state == "pending"
            ended = {"state": "failed", "error": "the endpoint is disabled", "next_at": None, "finished_at": now}
            session.execute(sa.update(DeliveryRow).where(*waiting).values(**ended))


def forget() -> None:
    """Deletes deliveries that ended long ago."""
    with db.transaction() as session:
        session.execute(sa.delete(DeliveryRow).where(DeliveryRow.finished_at < db.now(session) - KEEP_SECONDS))


def _retry_after(response: httpx.Response) -> float:
    told = response.headers.get("retry-after", "")
    return float(told) if told.isdigit() and len(told) < 9 else 0.0
