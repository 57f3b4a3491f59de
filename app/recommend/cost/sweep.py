"""A law for every design at once: its terms read at a few points and mixed into coefficients, with their covariance.

Exact where the law is a polynomial of what the points vary, but for effects that one point alone has; what a ranking needs of a
law, at the price of one matrix product.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from app.recommend.cost.cases import Case
from app.recommend.cost.law import FLOOR, NARROW, Law
from app.recommend.linear import Array, Effects

Point = Callable[[Case], Case]
PARABOLA = np.array([[0.0, 1.0, 0.0], [-0.5, 0.0, 0.5], [0.5, -1.0, 0.5]])
"""Coefficients of 1, r and r^2 from the values one octave below, at, and one octave above 256 pixels."""


def at_size(resolution: int) -> Point:
    """The same design at so many pixels; what is no image stays as long as it is."""
    return lambda case: replace(case, resolution=resolution) if case.unit == "image" else case


OCTAVES = (at_size(128), at_size(256), at_size(512))


def sweep(law: Law, cases: Sequence[Case], points: Sequence[Point], mixing: Array) -> Effects:
    """Coefficients (cases, k) of every case, `mixing` (k, points) times its terms at the points; `noise` is of one new figure."""
    prior, column = law.rows.prior, law.rows.column
    shape = (len(cases), len(mixing), len(column))
    z, means, unseen = np.zeros(shape), np.zeros(shape[:2]), np.zeros((*shape[:2], len(mixing)))
    unseen[:, 0, 0] = sum(sd**2 for sd in prior.publication.values())
    narrow = np.ones((len(cases), 1, 1))
    for i, case in enumerate(cases):
        read = [{(name, label): factor for name, label, factor in law.rows.terms(point(case))} for point in points]
        for name, label in read[0]:
            if not all((name, label) in other for other in read):
                continue  # an effect of one point alone
            powers = mixing @ [other[name, label] for other in read]
            means[i] += prior.means.get(name, 0.0) * powers
            place = column.get((name, label))
            if place is None:
                unseen[i] += prior.effects[name] ** 2 * np.outer(powers, powers)
            else:
                z[i, :, place] += powers
        if case.architecture in law.architectures:
            narrow[i] = NARROW
    covariance = narrow * (z @ law.covariance @ z.transpose(0, 2, 1) + unseen)
    return Effects(means + z @ law.effects, covariance, math.hypot(prior.noise["asked"], FLOOR))


def log_figure(effects: Effects, x: Sequence[float]) -> tuple[Array, Array]:
    """Mean of the law at coefficients x, and the standard deviation of a new figure."""
    mean, sd = effects.at(np.array(x))
    return mean, np.hypot(sd, effects.noise)
