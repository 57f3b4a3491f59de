"""Answers on their way into the store. An answer is a pure function of task and knowledge, so it may be sent before it is written.

It is written PAUSE_SECONDS later, with all others of that time in one transaction. Until then this process finds it here; another
process on the same database looks for 0.3 s before it says that there is none. A stop in order writes what waits. A process that is
killed loses what it answered in its last moment, and whoever asks again gets the same bytes under the same id.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from app import db
from app.tables import AskedRow, RecommendationRow

log = logging.getLogger("gan_advisor")
PAUSE_SECONDS = 0.05
MOST = 500
"""When so many wait, an asker waits until they are written; half a minute's work for a slow disk is not held in memory."""
AGAIN_SECONDS = 1.0
"""After the database has failed."""

Asked = tuple[str, str]
"""Team and id."""


class Writer:
    """Writes behind between `start` and `stop`, and at once otherwise."""

    def __init__(self) -> None:
        self._waiting: dict[Asked, dict[str, Any]] = {}
        self._writing = threading.Lock()
        self._some, self._ending = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._ending.clear()
        self._thread = threading.Thread(target=self._loop, name="answers", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Writes what waits."""
        self._ending.set()
        self._some.set()
        if self._thread is not None:
            self._thread.join()
        self._thread = None
        try:
            self.flush()
        except Exception:
            log.exception("%d answers were given and could not be stored", len(self._waiting))
            self._waiting.clear()

    def add(self, asked: Asked, row: dict[str, Any]) -> bool:
        """Takes a row of RecommendationRow for a team; False where it waits already. Raises SQLAlchemyError where too many wait."""
        if len(self._waiting) >= MOST:
            self.flush()
        mine = row | {"asked": time.monotonic()}
        new = self._waiting.setdefault(asked, mine) is mine
        if self._thread is None:
            self.flush()
        elif not self._some.is_set():
            self._some.set()
        return new

    def find(self, asked: Asked) -> str | None:
        """The JSON of an answer that waits."""
        row = self._waiting.get(asked)
        return None if row is None else row["body"]

    def flush(self) -> None:
        """Writes what waits now. Raises SQLAlchemyError, and then it goes on waiting."""
        with self._writing:
            batch = list(self._waiting.items())
            if not batch:
                return
            with db.transaction(unseen=True) as session:
                since = db.now(session) - time.monotonic()
                rows = [{**row, "created_at": since + row["asked"]} for _, row in batch]
                answers = [{name: value for name, value in row.items() if name != "asked"} for row in rows]
                teams = [
                    {"team": team, "recommendation_id": found, "created_at": row["created_at"]}
                    for ((team, found), _), row in zip(batch, rows, strict=True)
                ]
                db.insert_absent(session, RecommendationRow, answers)
                db.insert_absent(session, AskedRow, teams)
            for asked, _ in batch:
                del self._waiting[asked]

    def _loop(self) -> None:
        while not self._ending.is_set():
            self._some.wait()
            self._some.clear()
            self._ending.wait(PAUSE_SECONDS)
            try:
                self.flush()
            except Exception as error:  # noqa: BLE001  the database may be back at the next look
                log.warning("%d answers wait for the database: %s", len(self._waiting), type(error).__name__)
                self._ending.wait(AGAIN_SECONDS)
                self._some.set()


WRITER = Writer()
"""Of this process."""
