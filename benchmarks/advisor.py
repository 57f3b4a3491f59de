"""What an answer costs the processor, as a ratio to a matrix product of the same run."""

from __future__ import annotations

import statistics
import time

import numpy as np

from app.knowledge.load import load
from app.recommend import fit, recommend
from app.vocabulary import Task

ANSWERS = 60
SIDE = 512


def milliseconds(call: object, times: int) -> list[float]:
    """Milliseconds of each of `times` calls."""
    seen = []
    for number in range(times):
        began = time.perf_counter()
        call(number)  # type: ignore[operator]
        seen.append(1e3 * (time.perf_counter() - began))
    return seen


def main() -> None:
    began = time.perf_counter()
    knowledge = load()
    loaded = time.perf_counter()
    advisor = fit(knowledge)
    fitted = time.perf_counter()
    print(f"load {loaded - began:.2f} s, fit {fitted - loaded:.2f} s, {len(knowledge.benchmarks)} figures")
    matrix = np.random.default_rng(0).standard_normal((SIDE, SIDE))
    unit = statistics.median(milliseconds(lambda _: matrix @ matrix, ANSWERS))

    def ask(number: int) -> None:
        body = {"data": {"type": "image", "resolution": 64, "samples": 1000 + number}, "budget": {"gpu_hours": 20}}
        recommend(Task.model_validate(body), advisor)

    first = milliseconds(ask, 1)[0]
    answers = milliseconds(ask, ANSWERS)
    median = statistics.median(answers)
    print(f"matrix product {SIDE}: {unit:.2f} ms; first answer {first:.1f} ms")
    print(
        f"whole answer with flips: median {median:.2f} ms, worst {max(answers):.2f} ms, ratio {median / unit:.1f} (goal under 3 ms)"
    )


if __name__ == "__main__":
    main()
