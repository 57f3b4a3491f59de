"""Follows one run's events.jsonl into the log of its validation, none twice and none lost."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.validations import record
from app.validations.record import Claim, Line
from models import contract

CHECK_SECONDS = 0.5
TYPES = {"started": "progress", "finished": "progress", "failed": "health"}
"""Events of a run that have another name in the log of the validation, where started and failed are said of the whole."""


@dataclass(frozen=True)
class Leg:
    """One run's stretch of the race, in shares of its budget; and in seconds what the race has behind it, and all it takes."""

    start: float
    end: float
    before: float
    total: float


class Tail:
    """What a run has reported, and how far the validation is."""

    def __init__(self, held: Claim, run_dir: Path, run: Mapping[str, Any], leg: Leg) -> None:
        self._held, self._run_dir, self._run, self._leg = held, run_dir, run, leg
        self._offset, self._checked = 0, 0.0
        self._known = record.relayed(held.validation_id, run["name"])
        self._progress: dict[str, Any] = {}
        self._advance({})

    def look(self) -> bool:
        """Relays what is new; True when the user wants it canceled. Raises record.Superseded."""
        lines, offset = [], self._offset
        for event, after in contract.read_events(self._run_dir, self._offset):
            offset = after
            kind = TYPES.get(event.type, event.type)
            data = {"run": self._run["name"], "architecture": self._run["architecture"], **event.data}
            if kind == "progress":
                if event.type != "started":  # a resumed run tells how far it is a moment later
                    self._advance({**event.data, "fraction": 1.0} if event.type == "finished" else event.data)
                data |= {"run_fraction": data.get("fraction"), "fraction": self._progress["fraction"]}
            if event.seq > self._known:
                lines.append(Line(kind, f"{self._run['name']}:{event.seq}", data))
        if not lines and time.monotonic() - self._checked < CHECK_SECONDS:
            return False
        wanted = record.relay(self._held, lines, self._progress) if lines else record.cancel_wanted(self._held)
        self._offset, self._checked = offset, time.monotonic()
        return wanted

    def _advance(self, told: Mapping[str, Any]) -> None:
        leg, seconds = self._leg, float(self._run["budget"]["seconds"])
        reached = min(max(float(told.get("fraction") or 0.0), leg.start), leg.end)
        done = min(leg.before + (reached - leg.start) * seconds, leg.total)
        self._progress = {
            "fraction": round(done / leg.total, 4),
            "step": int(told.get("step") or self._progress.get("step", 0)),
            "eta_seconds": round(leg.total - done, 1),
            "run": self._run["name"],
            "architecture": self._run["architecture"],
        }
