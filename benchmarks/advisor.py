"""What an answer costs the processor, and how good the advice is.

`python -m benchmarks.advisor [--many] [--docs] [--agreement] [--likelihood]`

--many        fit and ask with a million private figures beside the shipped ones
--docs        print the backtest as the tables of docs/advice.md
--agreement   how well one publication's table foretells another's: the most that figures of others can tell
--likelihood  maximise the marginal likelihood over the variances of app/recommend/hierarchy.py, a minute or two, and print them
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from itertools import combinations, product
from typing import Any

import numpy as np
from scipy import optimize
from scipy.stats import rankdata

from app.knowledge.load import load
from app.recommend import Advisor, fit, recommend
from app.recommend.backtest import LEAST, METHODS, backtest
from app.recommend.candidates import candidates_of
from app.recommend.describe import describe
from app.recommend.designs import designs_of
from app.recommend.figures import figures_of, publication, quality_rows
from app.recommend.hierarchy import NUISANCE, PRIOR, Layout
from app.recommend.rank import rank
from app.vocabulary import Benchmark, Direction, Knowledge, Task

ANSWERS = 200
SIDE = 512
MANY = 1_000_000
BODIES: tuple[dict[str, Any], ...] = (
    {"data": {"type": "image", "resolution": 64}, "budget": {"gpu_hours": 20}},
    {"data": {"type": "image", "resolution": 256}},
    {"data": {"type": "image", "resolution": 32, "labels": "class", "classes": 10}},
    {"data": {"type": "tabular", "columns": 12}, "constraints": {"licence": "commercial"}},
    {"data": {"type": "audio"}},
)


def milliseconds(call: Callable[[int], object], times: int) -> list[float]:
    """CPU milliseconds of each of `times` calls."""
    seen = []
    for number in range(times):
        began = time.process_time()
        call(number)
        seen.append(1e3 * (time.process_time() - began))
    return seen


def speed(knowledge: Knowledge, private: tuple[Benchmark, ...] = ()) -> None:
    began = time.perf_counter()
    advisor = fit(knowledge, private)
    print(f"fit {time.perf_counter() - began:.2f} s with {len(knowledge.benchmarks) + len(private):,} figures")
    gc.collect()
    gc.freeze()
    matrix = np.random.default_rng(0).standard_normal((SIDE, SIDE))
    unit = statistics.median(milliseconds(lambda _: matrix @ matrix, ANSWERS))
    ranked = milliseconds(lambda number: candidates(task(number), advisor), ANSWERS)
    whole = milliseconds(lambda number: recommend(task(number), advisor), ANSWERS)
    rows = (("ranking, reasons and recipes", ranked, 0.5), ("whole answer with flips", whole, 3.0))
    print(f"matrix product of {SIDE}: {unit:.2f} ms")
    for name, seen, goal in rows:
        median = statistics.median(seen)
        print(f"{name}: median {median:.2f} ms, worst {max(seen):.2f} ms, ratio {median / unit:.2f} (goal {goal} ms)")


def task(number: int) -> Task:
    """A task that was not asked before."""
    body = BODIES[number % len(BODIES)]
    return Task.model_validate({**body, "data": {**body["data"], "samples": 1000 + 37 * number}})


def candidates(asked: Task, advisor: Advisor) -> object:
    described, _, facts = describe(asked, advisor.rules, advisor.knowledge)
    return candidates_of(described, facts, rank(facts, advisor), advisor)


def many(knowledge: Knowledge) -> tuple[Benchmark, ...]:
    """A million private figures: five architectures on each of 200,000 data sets."""
    shipped = next(f for f in knowledge.benchmarks if f.task == "unconditional-image" and f.metric == "fid")
    slugs = ("dcgan", "stylegan2", "wgan-gp", "sngan", "stylegan2-ada")
    values = np.random.default_rng(0).uniform(2, 100, MANY)
    same = {**shipped.__dict__, "protocol": "ours", "source": "private:team"}
    return tuple(
        Benchmark.model_construct(
            **{**same, "id": f"private/{i}", "dataset": f"set-{i // 5}", "architecture": slugs[i % 5], "value": float(v)}
        )
        for i, v in enumerate(values)
    )


def tables(knowledge: Knowledge) -> None:
    """The backtest as Markdown."""
    report = backtest(knowledge)["own"]
    print(f"{report['groups']} groups, knowledge {knowledge.version} {knowledge.sha256[:12]}\n")
    print("| method | best of the group named | rank correlation | within 20 % of the best | inside the 80 % interval |")
    print("|---|---|---|---|---|")
    for method in METHODS:
        print(f"| {method.replace('_', ' ')} | {cells(report['methods'][method])} |")
    print("\n| task | groups | advisor | newest | most reported | additive | random | advisor's rank correlation |")
    print("|---|---|---|---|---|---|---|---|")
    for name, part in report["by_task"].items():
        hits = " | ".join(f"{part['methods'][m]['top1']:.2f}" for m in METHODS)
        print(f"| {name} | {part['groups']} | {hits} | {part['methods']['advisor']['spearman']:.2f} |")


def cells(scores: Mapping[str, float | None]) -> str:
    return " | ".join("" if value is None else f"{value:.2f}" for value in scores.values())


def agreement(knowledge: Knowledge) -> None:
    """Rank correlation of two publications' figures by one metric of the designs they share, at least three."""
    tables: dict[tuple[str, str, str], dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in quality_rows(knowledge.benchmarks, knowledge):
        sign = 1 if knowledge.metrics[row.metric].direction is Direction.MAX else -1
        table = tables[str(row.task), row.metric, publication(row.source)][row.dataset]
        table[row.architecture] = max(sign * row.value, table.get(row.architecture, -np.inf))
    found: dict[bool, list[tuple[float, bool]]] = {True: [], False: []}
    for (one, first), (other, second) in combinations(tables.items(), 2):
        if one[:2] != other[:2] or one[2] == other[2]:
            continue
        for (here, a), (there, b) in product(first.items(), second.items()):
            shared = sorted(a.keys() & b.keys())
            x, y = np.array([a[s] for s in shared]), np.array([b[s] for s in shared])
            if len(shared) >= LEAST and np.ptp(x) and np.ptp(y):
                found[here == there].append((np.corrcoef(rankdata(x), rankdata(y))[0, 1], bool(x.argmax() == y.argmax())))
    for same, pairs in found.items():
        rank, best = np.mean(pairs, axis=0)
        print(
            f"{'the same' if same else 'another'} data set: {len(pairs)} pairs, rank correlation {rank:.2f}, same best {best:.2f}"
        )


def likelihood(knowledge: Knowledge) -> None:
    """Variances that maximise the marginal likelihood, each held near 0.03 by a weak prior, since many explain the same."""
    rows = quality_rows(knowledge.benchmarks, knowledge)
    figures, designs = figures_of(rows, knowledge.metrics), designs_of(knowledge.architectures, rows)
    prior, nuisance = list(PRIOR), [name for name in NUISANCE if name != "cell"]
    first = Layout(rows, designs, knowledge.architectures, knowledge.datasets)
    shared = {"column": first.column, "z": first.z, "codes": first.codes}

    def loss(log_variance: np.ndarray) -> float:
        values = np.exp(log_variance).tolist()
        some, rest = values[: len(prior)], values[len(prior) :]
        layout = Layout(
            rows,
            designs,
            knowledge.architectures,
            knowledge.datasets,
            dict(zip(prior, some, strict=True)),
            {"cell": NUISANCE["cell"], **dict(zip(nuisance, rest, strict=True))},
        )
        layout.__dict__.update(shared)
        return float(-layout.fit(figures).log_likelihood + 0.15 * ((log_variance - np.log(0.03)) ** 2).sum())

    start = np.log([*(PRIOR[n] for n in prior), *(NUISANCE[n] for n in nuisance)])
    print(f"now {-loss(start):.1f}", flush=True)
    found = optimize.minimize(loss, start, method="L-BFGS-B", bounds=[(-8, 1)] * len(start), options={"maxiter": 12})
    print(f"found {-found.fun:.1f}")
    for name, value in zip([*prior, *(f"nuisance {n}" for n in nuisance)], np.exp(found.x), strict=True):
        print(f"  {name}: {value:.3f}")


def main() -> None:
    began = time.perf_counter()
    knowledge = load()
    print(f"load {time.perf_counter() - began:.2f} s")
    if "--docs" in sys.argv:
        tables(knowledge)
    elif "--agreement" in sys.argv:
        agreement(knowledge)
    elif "--likelihood" in sys.argv:
        likelihood(knowledge)
    elif "--many" in sys.argv:
        speed(knowledge, many(knowledge))
    else:
        speed(knowledge)


if __name__ == "__main__":
    main()
