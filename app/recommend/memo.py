"""What was worked out before, kept while there is room: it changes no answer, only how soon it comes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memo(dict[K, V]):
    """At most so many values, then begun anew; empty when pickled. As safe among threads as a dict is."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def of(self, key: K, make: Callable[[], V]) -> V:
        """The value of a key, made where it is not there yet."""
        try:
            return self[key]
        except KeyError:
            if len(self) >= self.most:
                self.clear()
            made = self[key] = make()
            return made

    def __reduce__(self) -> tuple[type[Memo[K, V]], tuple[int]]:
        return type(self), (self.most,)
