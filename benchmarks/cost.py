"""What an estimate takes of the processor, and how far off estimates are: `python -m benchmarks.cost [--docs] [--likelihood]`.

--docs        print the backtest as the tables of docs/cost.md
--likelihood  maximise the marginal likelihood over the standard deviations of app/recommend/cost/terms.py, and print them
"""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import linalg, optimize

from app.knowledge.load import load
from app.recommend.cost import fit_predictor, predict
from app.recommend.cost.backtest import backtest
from app.recommend.cost.law import FLOOR, Prior, Rows
from app.recommend.cost.terms import MEMORY, TIME
from app.recommend.linear import Array
from app.vocabulary import EstimateRequest, Knowledge

CALLS = 500
SIDE = 512
WEAK = 0.35
"""Penalty on the squared log of a change: many sets of standard deviations explain the same rows."""
NETWORKS: tuple[dict[str, Any], ...] = (
    {"architecture": "stylegan3-t", "resolution": 512, "batch_size": 32, "gpus": 8, "gpu": "A100"},
    {"architecture": "ctgan", "batch_size": 500, "gpu": "T4"},
    {"architecture": "dcgan", "resolution": 64, "batch_size": 64, "gpu": "CPU"},
)


def speed(knowledge: Knowledge) -> None:
    began = time.perf_counter()
    by = fit_predictor(knowledge)
    print(f"fit {1e3 * (time.perf_counter() - began):.0f} ms to {len(knowledge.costs)} rows")
    matrix = np.random.default_rng(0).standard_normal((SIDE, SIDE))
    unit = statistics.median(_milliseconds(lambda: matrix @ matrix))
    print(f"matrix product of {SIDE}: {unit:.2f} ms")
    for body in NETWORKS:
        asked = EstimateRequest.model_validate(body)
        seen = _milliseconds(lambda asked=asked: predict(asked, by))
        median = statistics.median(seen)
        name = f"estimate of {body['architecture']}"
        print(f"{name}: median {median:.2f} ms, worst {max(seen):.2f} ms, ratio {median / unit:.2f} (goal 1 ms)")


def _milliseconds(call: Any) -> list[float]:
    seen = []
    for _ in range(CALLS):
        began = time.process_time()
        call()
        seen.append(1e3 * (time.process_time() - began))
    return seen


def tables(knowledge: Knowledge) -> None:
    """The backtest as Markdown."""
    own = backtest(knowledge)["own"]
    print("| rows | what | number | median error | 90th percentile | inside the 90 % interval |\n|---|---|---|---|---|---|")
    for name, part in (("known architecture", own), ("architecture never seen", own["unseen"])):
        for what in ("time", "memory"):
            scores = [part[f"{what}_{s}"] for s in ("rows", "median_relative_error", "p90_relative_error", "coverage90")]
            print(f"| {name} | {what} | {scores[0]} | {scores[1]:.0%} | {scores[2]:.0%} | {scores[3]:.0%} |")
    print("\n| architecture | rows of time | median error | rows of memory | median error |\n|---|---|---|---|---|")
    for slug, part in own["by_architecture"].items():
        cells = [part[f"{w}_{s}"] for w in ("time", "memory") for s in ("rows", "median_relative_error")]
        shown = [f"{c:.0%}" if isinstance(c, float) else "" if c is None else str(c) for c in cells]
        print(f"| {slug} | {' | '.join(shown)} |")


def likelihood(knowledge: Knowledge) -> None:
    by = fit_predictor(knowledge)
    for name, law, prior in (("TIME", by.time, TIME), ("MEMORY", by.memory, MEMORY)):
        before = law.rows.likelihood()
        found = fitted(law.rows, prior)
        after = Rows(law.rows.cases, law.rows.y, law.rows.terms, found).likelihood()
        print(f"{name}: log likelihood {before:.1f} -> {after:.1f}")
        for part in ("effects", "publication", "noise"):
            print(f"  {part}: { {k: float(f'{v:.2g}') for k, v in getattr(found, part).items()} }")


def fitted(rows: Rows, prior: Prior) -> Prior:
    """The prior whose standard deviations maximise the likelihood of the rows, near those given."""
    parts = ("effects", "publication", "noise")
    keys = [(part, name) for part in parts for name in getattr(prior, part)]
    first = np.log([max(getattr(prior, part)[name], 0.01) for part, name in keys])
    kinds = np.array(rows.kinds)
    squares = {name: rows.z[:, np.array(rows.names) == name] for name in prior.effects}

    def shape(part: str, name: str) -> Array:
        if part == "effects":
            z = squares[name]
            whole: Array = z @ z.T
            return whole
        return rows.same[name] if part == "publication" else np.diag((kinds == name).astype(float))

    shapes = [shape(part, name) for part, name in keys]
    rest = rows.y - rows.expected

    def cost(x: Array) -> tuple[float, Array]:
        squared = np.exp(2 * x)
        covariance = sum(s * m for s, m in zip(squared, shapes, strict=True)) + FLOOR**2 * np.eye(len(rest))
        root = linalg.cholesky(covariance, lower=True)
        inverse = linalg.cho_solve((root, True), np.eye(len(rest)))
        alpha = inverse @ rest
        value = 0.5 * rest @ alpha + np.log(np.diag(root)).sum() + WEAK * ((x - first) ** 2).sum()
        outer = np.outer(alpha, alpha) - inverse
        slope = np.array([-s * (outer * m).sum() for s, m in zip(squared, shapes, strict=True)])
        return float(value), slope + 2 * WEAK * (x - first)

    best = optimize.minimize(cost, first, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    named: dict[str, dict[str, float]] = {part: {} for part in parts}
    for (part, name), value in zip(keys, np.exp(best), strict=True):
        named[part][name] = float(value)
    return replace(prior, **named)


def main() -> None:
    knowledge = load()
    if "--docs" in sys.argv:
        tables(knowledge)
    elif "--likelihood" in sys.argv:
        likelihood(knowledge)
    else:
        speed(knowledge)


if __name__ == "__main__":
    main()
