"""Log lines: as text, or as one JSON object each with the id of the request they belong to."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import orjson

from app.settings import settings

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
FIELDS = ("method", "path", "route", "status", "seconds", "key")


class JsonLines(logging.Formatter):
    """`{"time", "level", "logger", "message", "request_id", ...}`; a stack is one string."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: vars(record)[name] for name in FIELDS if name in vars(record)}
        if named := vars(record).get("request_id") or REQUEST_ID.get():
            line["request_id"] = named
        if record.exc_info:
            line["stack"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def install() -> None:
    """Sends the log of this process to standard error in the form of the settings; requests are logged only as JSON."""
    if settings().log_format == "json":
        handler = logging.StreamHandler()
        handler.setFormatter(JsonLines())
        logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
        for name in ("httpx", "dbos", "alembic"):  # their lines tell of addresses, not of work
            logging.getLogger(name).setLevel(logging.WARNING)
