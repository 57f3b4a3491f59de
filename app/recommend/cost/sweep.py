"""A law for every design at once: each becomes a parabola in octaves of resolution, with the covariance of its coefficients.

Exact but for effects that one resolution alone has; what a ranking needs of a law, at the price of one matrix product.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.recommend.cost.cases import Case
from app.recommend.cost.law import Law
from app.recommend.linear import Array, Effects

_HALF, _USUAL, _DOUBLE = 128, 256, 512


def parabolas(law: Law, cases: Sequence[Case]) -> Effects:
    """Coefficients of 1, r and r^2 for every case, whatever its resolution; `noise` is that of one new figure."""
    shape = (len(cases), 3, len(law.rows.column))
    z, means, unseen = np.zeros(shape), np.zeros(shape[:2]), np.zeros((*shape[:2], 3))
    for i, case in enumerate(cases):
        low, middle, high = (
            {(name, label): factor for name, label, factor in law.rows.terms(replace(case, resolution=size))}
            for size in (_HALF, _USUAL, _DOUBLE)
        )
        for (name, label), at in middle.items():
            if (name, label) not in low:
                continue  # an effect of one resolution alone
            below, above = low[name, label], high[name, label]
            powers = np.array([at, (above - below) / 2, (above + below) / 2 - at])
            means[i] += law.rows.prior.means.get(name, 0.0) * powers
            place = law.rows.column.get((name, label))
            if place is None:
                unseen[i] += law.rows.prior.effects[name] ** 2 * np.outer(powers, powers)
            else:
                z[i, :, place] += powers
    return Effects(means + z @ law.effects, z @ law.covariance @ z.transpose(0, 2, 1) + unseen, _noise(law))


def _noise(law: Law) -> float:
    prior = law.rows.prior
    return math.sqrt(sum(sd**2 for sd in prior.publication.values()) + prior.noise["asked"] ** 2)


def log_per_image(effects: Effects, octaves: float) -> tuple[Array, Array]:
    """Mean of the law at so many octaves from 256 pixels, and the standard deviation of a new figure."""
    mean, sd = effects.at(np.array([1.0, octaves, octaves * octaves]))
    return mean, np.hypot(sd, effects.noise)
