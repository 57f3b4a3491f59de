"""How a command ends: its exit code, and an error as a message."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from pydantic import ValidationError

from app.errors import AdvisorError, LockUnreadable

# Exit codes of `check` and `validate`.
OK, OUR_ERROR, NOT_CONFIRMED, STALE, USAGE, TRY_LATER = 0, 1, 4, 5, 64, 75


def main_errors(run: Callable[[], object]) -> None:
    """Runs a command; an error of ours is a message and an exit code, never a stack."""
    try:
        run()
    except SystemExit as end:  # typer ends a wrong option with 2, which here is drift
        raise SystemExit(USAGE if hasattr(end.__context__, "format_message") else end.code) from None
    except AdvisorError as error:
        sys.stderr.write("".join(f"{line}\n" for line in _lines(error)))
        raise SystemExit(_code(error)) from None
    except ValueError as error:
        wrong = wrong_settings(error)
        if not wrong:
            raise
        sys.stderr.write("".join(f"error: {line}\n" for line in wrong))
        raise SystemExit(USAGE) from None


def _lines(error: AdvisorError) -> Iterator[str]:
    yield f"error: {error.detail}"
    for problem in error.errors:
        allowed = f" (allowed: {problem.allowed})" if problem.allowed else ""
        yield f"  {problem.pointer}: {problem.detail}{allowed}"


def _code(error: AdvisorError) -> int:
    if isinstance(error, LockUnreadable):
        return STALE
    if 400 <= error.status < 500:
        return USAGE
    return TRY_LATER if error.retryable else OUR_ERROR


def wrong_settings(error: ValueError) -> list[str]:
    """Which environment variables cannot be used, and why; none where the error is another."""
    from pydantic_settings import SettingsError

    if isinstance(error, SettingsError):
        return [str(error)]
    if isinstance(error, ValidationError) and error.title == "Settings":
        return [f"GAN_ADVISOR_{'_'.join(map(str, e['loc'][:1])).upper()}: {e['msg']}" for e in error.errors()]
    return []
