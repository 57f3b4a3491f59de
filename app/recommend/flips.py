"""The smallest change of one field of the task that changes rank 1, each found by applying it."""

from __future__ import annotations

from app.vocabulary import Flip

__all__ = ["Flip"]
