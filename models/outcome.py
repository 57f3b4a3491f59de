"""How a run can end before its report."""

from __future__ import annotations


class Refused(Exception):
    """The run cannot be done: an exit code and a code for the worker, a sentence for the user."""

    def __init__(self, exit_code: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.exit_code, self.code = exit_code, code


class Stopped(Exception):
    """Told to stop."""
