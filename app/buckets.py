"""How often somebody may do something: a bucket of tokens for each, in this process."""

from __future__ import annotations

from collections import OrderedDict

MOST_HELD = 10_000
WINDOW = 60
"""Seconds in which an empty bucket fills."""


class Buckets:
    """The last MOST_HELD of them; one that nobody took from for a while is full."""

    def __init__(self, quota: int) -> None:
        self.quota = quota
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Tokens and when they were counted."""

    def left(self, who: str, now: float) -> float:
        """The tokens there are."""
        tokens, then = self._held.get(who, (float(self.quota), now))
        return min(float(self.quota), tokens + (now - then) * self.quota / WINDOW)

    def take(self, who: str, now: float) -> float:
        """The tokens that are left after one is taken; negative where there is none, and then none is taken."""
        tokens = self.left(who, now)
        left = tokens - 1
        self._held.pop(who, None)
        self._held[who] = (left if left >= 0 else tokens), now
        while len(self._held) > MOST_HELD:
            self._held.popitem(last=False)
        return left

    def wait(self, tokens: float) -> float:
        """Seconds until one who has so many, less than one, has one."""
        return (1 - tokens) * WINDOW / self.quota
