"""Inverse questions: the same prediction, asked of many settings, and the best of them in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from app.recommend.cost.ledger import Pair
from app.recommend.cost.predict import CPU, Predictor, number, predict, room_of
from app.vocabulary import Estimate, EstimateRequest, Question, Told

_MORE_GB = 8.0
_MOST = 4096
_LISTED = 5
NO_MEMORY = "Unknown: nobody has published how much memory training on such data takes."

Ask = Callable[..., Estimate]


def answered(asked: EstimateRequest, by: Predictor, ledger: Sequence[Pair] = ()) -> Estimate:
    """The estimate with the answers to the questions of the request."""
    found = predict(asked, by, ledger)
    if not asked.questions:
        return found

    told: dict[str, Estimate] = {}

    def ask(**changed: Any) -> Estimate:
        key = repr(changed)  # the questions ask for the same batches
        if key not in told:
            told[key] = predict(asked.model_copy(update=changed), by, ledger)
        return told[key]

    return found.model_copy(update={"answers": tuple(_ANSWERS[q](asked, found, by, ask) for q in asked.questions)})


def _largest_batch(asked: EstimateRequest, found: Estimate, by: Predictor, ask: Ask) -> Told:
    room = _room(asked, found, by)
    if found.peak_memory_bytes.expected is None:
        return Told(question=Question.LARGEST_BATCH, value=None, text=NO_MEMORY)
    expected, safe = _batch(room, ask, sure=False), _batch(room, ask, sure=True)
    together = f", {_most(expected, asked.gpus)} over {asked.gpus} GPUs" if asked.gpus > 1 else ""
    text = f"{_most(expected)} per pass on one GPU with {room:g} GB{together}; {_most(safe)} if it must hold with 95 %."
    if not expected:
        text = f"Not even one sample per pass is expected to fit into {room:g} GB."
    return Told(question=Question.LARGEST_BATCH, value=expected or None, text=text)


def _most(images: int, gpus: int = 1) -> str:
    return f"{'at least ' if images == _MOST else ''}{images * gpus:,}"


def _batch(room: float, ask: Ask, sure: bool) -> int:
    """The most samples in a pass whose peak, expected or at the upper end, stays within the room; 0 where one does not."""

    def holds(images: int) -> bool:
        peak = ask(images_per_pass=images).peak_memory_bytes
        needed = peak.high if sure else peak.expected
        return needed is not None and needed <= room * 1e9

    if not holds(1):
        return 0
    low, high = 1, 2
    while high <= _MOST and holds(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return min(low, _MOST)


def _largest_resolution(asked: EstimateRequest, found: Estimate, by: Predictor, ask: Ask) -> Told:
    if found.unit != "image":
        return Told(question=Question.LARGEST_RESOLUTION, value=None, text=f"One {found.unit} has no resolution.")
    card = by.knowledge.architectures[found.architecture]
    least, most = card.resolution.min or 16, card.resolution.max or 1024
    sizes = [size for size in (16, 32, 64, 128, 256, 512, 1024, 2048) if least <= size <= most]
    tried = [ask(resolution=size) for size in sizes]
    rows = tuple(
        {"resolution": e.resolution, "fits": e.fits, "gpu_hours": e.gpu_hours.expected, "usd": e.usd.expected,
         "peak_memory_bytes": e.peak_memory_bytes.expected}
        for e in tried
    )  # fmt: skip
    inside = [e for e in tried if e.fits]
    if not inside:
        return Told(question=Question.LARGEST_RESOLUTION, value=None, text="No resolution is expected to fit.", table=rows)
    best = inside[-1]
    text = f"{best.resolution} pixels: {best.why}"
    return Told(question=Question.LARGEST_RESOLUTION, value=best.resolution, text=text, table=rows)


def _cheapest_gpu(asked: EstimateRequest, found: Estimate, by: Predictor, ask: Ask) -> Told:
    """Each with the memory it has; the limits on hours and money stay."""
    limits = asked.budget.model_copy(update={"memory_gb": None})
    priced = [gpu for gpu in by.knowledge.gpus.values() if gpu.usd_per_hour and gpu.vendor != "CPU"]
    tried = [(gpu, ask(gpu=gpu.name, budget=limits)) for gpu in priced]
    rows: list[dict[str, Any]] = [
        {"gpu": gpu.name, "hours": e.train_seconds.expected / 3600, "usd": e.usd.expected, "price_source": gpu.price_source}
        for gpu, e in tried
        if e.fits is not False and e.train_seconds.expected is not None and e.usd.expected is not None
    ]
    rows = sorted(rows, key=lambda r: r["usd"])[:_LISTED]
    if not rows:
        unknown = found.gpu_hours.expected is None
        why = "the length of training is unknown; give kimg" if unknown else "none has the memory, the speed and the price"
        return Told(question=Question.CHEAPEST_GPU, value=None, text=f"No priced GPU is known to do it: {why}.")
    best = rows[0]
    several = f"{asked.gpus} x " if asked.gpus > 1 else ""
    text = f"{several}{best['gpu']}: {number(best['hours'])} hours and {number(best['usd'])} US dollars at its listed price."
    return Told(question=Question.CHEAPEST_GPU, value=best["gpu"], text=text, table=tuple(rows))


def _more_memory(asked: EstimateRequest, found: Estimate, by: Predictor, ask: Ask) -> Told:
    room = _room(asked, found, by)
    if found.peak_memory_bytes.expected is None:
        return Told(question=Question.MORE_MEMORY, value=None, text=NO_MEMORY)
    now, then = (_batch(gigabytes, ask, sure=False) for gigabytes in (room, room + _MORE_GB))
    if not then:
        text = f"Nothing: with {room + _MORE_GB:g} GB not even one sample per pass is expected to fit."
        return Told(question=Question.MORE_MEMORY, value=None, text=text)
    if not now:
        text = f"That it fits at all: {_most(then)} per pass with {room + _MORE_GB:g} GB."
        return Told(question=Question.MORE_MEMORY, value={"images_per_pass": then}, text=text)
    if now == _MOST:
        return Told(question=Question.MORE_MEMORY, value=None, text=f"Nothing: {_most(now)} per pass fit already.")
    before, after = (ask(images_per_pass=images).seconds_per_kimg.expected for images in (now, then))
    saved = 1 - after / before if before and after else 0.0
    faster = f"{saved:.0%} less time for as many samples" if saved >= 0.01 else "no less time: the GPU is full already"
    text = f"{_most(then)} instead of {now:,} per pass, and {faster}."
    value = {"images_per_pass": then, "now": now, "time_saved": round(max(saved, 0.0), 4)}
    return Told(question=Question.MORE_MEMORY, value=value, text=text)


def _room(asked: EstimateRequest, found: Estimate, by: Predictor) -> float:
    return room_of(asked, by.knowledge.gpus.get(found.gpu, CPU))


_ANSWERS: dict[Question, Callable[[EstimateRequest, Estimate, Predictor, Ask], Told]] = {
    Question.LARGEST_BATCH: _largest_batch,
    Question.LARGEST_RESOLUTION: _largest_resolution,
    Question.CHEAPEST_GPU: _cheapest_gpu,
    Question.MORE_MEMORY: _more_memory,
}
