"""events.jsonl: one line an event, appended whole, numbered without gaps over resumes."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from models.contract import EVENTS, Event, read_events


class Journal:
    def __init__(self, run_dir: Path) -> None:
        """Goes on after the last whole line; a torn one, from a killed run, is cut off."""
        self.path = run_dir / EVENTS
        self.last: Event | None = None
        self.starts = end = 0
        for event, offset in read_events(run_dir):
            self.last, end = event, offset
            self.starts += event.type == "started"
        if self.path.exists() and self.path.stat().st_size > end:
            os.truncate(self.path, end)

    def write(self, type_: str, **data: Any) -> None:
        """Appends one event; a reader sees all of the line or none of it ending in a newline. Raises OSError, and leaves nothing of it,
        where there is no room."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        seq = self.last.seq + 1 if self.last else 1
        event = Event(seq=seq, type=type_, timestamp=now, data=data)  # type: ignore[arg-type]
        line = event.line().encode()
        with self.path.open("ab", buffering=0) as lines:
            whole = lines.tell()
            if lines.write(line) < len(line):  # the disk became full within the line
                lines.truncate(whole)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        self.last, self.starts = event, self.starts + (type_ == "started")
