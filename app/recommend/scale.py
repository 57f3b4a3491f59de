"""Figures on one scale: a transform per metric so that differences are comparable, then signed so that higher is better."""

from __future__ import annotations

import numpy as np

from app.recommend.linear import Array
from app.vocabulary import Direction, Metric

_TINY = 1e-3


def to_scale(value: Array, metric: Metric | None, sign: float) -> Array:
    """log for amounts, logit for shares of a range [0, 1] or [0, 100], identity where negative values occur; times `sign`."""
    high = metric.high if metric else None
    low = metric.low if metric else None
    if (low is not None and low < 0) or np.any(value < 0):
        return sign * value
    if high in (1, 100):
        share = np.clip(value / high, _TINY, 1 - _TINY)
        return sign * np.log(share / (1 - share))
    return sign * np.log(np.maximum(value, 1e-9))


def from_scale(scaled: Array, metric: Metric | None, sign: float, signed_values: bool) -> Array:
    """Inverse of `to_scale`."""
    raw = scaled * sign
    high = metric.high if metric else None
    if signed_values or (metric and metric.low is not None and metric.low < 0):
        return raw
    if high in (1, 100):
        return high / (1 + np.exp(-raw))
    return np.exp(raw)


def sign_of(metric: Metric | None) -> float:
    """+1 where higher is better, -1 where lower is."""
    return 1.0 if metric and metric.direction is Direction.MAX else -1.0
