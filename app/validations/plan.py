"""The plan of a validation: runs, recipes, budgets, metric, threshold and the rule of the verdict, all fixed before the start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from sys import maxsize
from typing import Any

from app.errors import FieldProblem, Unprocessable
from app.settings import settings
from app.validations.devices import needed
from app.validations.known import dataset, defaults, on_cpu, tasks, trainable
from app.validations.rungs import rungs, whole_runs
from app.vocabulary import Candidate, RecipeValue, Recommendation, ValidationRequest
from models.contract import Recipe

CONFIDENCE = 0.95
LEAST_STEPS = 100
"""A candidate that had no time for so many steps is not overturned: what it would have become is not known."""
SEED_NOISE = 0.2
"""Standard deviation of a trained network's figure over seeds, relative to the figure: measured on mnist-5k after 16 kimg, 9 % for
DCGAN over five seeds and 17 % for SNGAN over three, sampling included. A task of another metric states its own; a fitted baseline
has none."""

CPU_RESOLUTIONS = (8, 16, 32)
CPU_WIDTH_DIVISOR = 4
"""Of the width that the publication uses; the same for all, so that none is favoured."""
CPU_BATCH = 64
CPU_FRAMES = 16
"""Of a clip, at most."""
QUICK_SECONDS = 600.0
QUICK = {"batch_size": 16, "rates": 5.0, "rate": 1e-3, "ema_half_life_kimg": 2.0}
"""Runs shorter than QUICK_SECONDS make few updates, and it is updates that count: small batches, rates raised up to `rate`.
On mnist-5k DCGAN then reaches in 16 kimg (KID 0.8) what its published batch and rates reach in 90."""
MEASURING = ((30.0, 250), (300.0, 500), (float("inf"), 1000))
"""Below so many seconds of training, so many samples for the metric: measuring must not eat the budget."""
BASELINE_SHARE = 0.1
BASELINE_SECONDS = 60.0
"""A baseline is fitted, not trained; its share is for measuring it."""


def plan(request: ValidationRequest, recommendation: Recommendation, team: str | None = None) -> dict[str, Any]:
    """What will be run and how it will be judged. Raises Unprocessable that names the field and what would be allowed."""
    _check_budget(request)
    task = recommendation.task
    slug = str(task.task)
    if slug not in tasks():
        detail = f"{slug} cannot be validated here yet"
        raise Unprocessable(detail, [_problem("#/task/task", "not_trainable", detail, sorted(tasks()))])
    terms = tasks()[slug]
    data = dataset(request.dataset, slug, task.data, team)
    _check_size(data, terms)
    chosen = _chosen(request, recommendation, slug)
    metric, direction, threshold = terms["metric"], terms["direction"], terms["threshold"]
    scaled: list[str] = []
    names = ["candidate", "runner-up", *(f"runner-up-{n}" for n in range(2, len(chosen)))]
    trained, noise = bool(terms.get("trained")), float(terms.get("seed_noise", SEED_NOISE))
    seconds = _split(request.budget.max_seconds, len(chosen), trained)
    shared = _shared(slug, data, request.seed, metric, seconds[1])
    first = Recipe(architecture=terms["baseline"], **shared)
    if trained:
        first = _recipe(terms["baseline"], None, data, shared, seconds[0], [])
    runs = [_run("baseline", first, seconds[0], noise if trained else 0.0)]
    for name, (slug, known) in zip(names, chosen.items(), strict=False):
        runs.append(_run(name, _recipe(slug, known, data, shared, seconds[1], scaled), seconds[1], noise))
    total, halvings = request.budget.max_seconds, rungs(len(chosen))
    return {
        "dataset": data,
        "metric": metric,
        "direction": direction,
        "confidence": CONFIDENCE,
        "threshold": threshold,
        "least_steps": LEAST_STEPS,
        "rule": _rule(threshold, halvings),
        "seed": request.seed,
        "budget": {"max_seconds": total, "wall_seconds": 1.5 * total + 60 * len(runs) * (1 + len(halvings))},
        "rungs": halvings,
        "runs": runs,
        "needs": needed(runs, request),
        "scaled": scaled,
    }


def alone(slug: str, task: str, data: Mapping[str, Any], seconds: float, seed: int = 0) -> Recipe:
    """What a validation of these seconds would train of one architecture or baseline that no recommendation speaks of."""
    return _recipe(slug, None, data, _shared(task, data, seed, tasks()[task]["metric"], seconds), seconds, [])


def _check_budget(request: ValidationRequest) -> None:
    limit = settings().max_run_seconds
    if request.budget.max_seconds > limit:
        detail = f"max_seconds is {request.budget.max_seconds:g}, the limit of this service is {limit:g}"
        raise Unprocessable(detail, [_problem("#/budget/max_seconds", "over_limit", detail, {"le": limit})])


def _check_size(data: Mapping[str, Any], terms: Mapping[str, Any]) -> None:
    least, found = terms.get("least"), data.get("samples")
    if least and found is not None and found < least:
        name = data.get("id") or data["slug"].rpartition("/")[2]
        detail = f"{name} has {found:,} samples; {terms['metric']}, by which runs are judged, needs {least:,} at least"
        raise Unprocessable(detail, [_problem("#/dataset", "too_few", detail, {"ge": least})])


def _chosen(request: ValidationRequest, recommendation: Recommendation, task: str) -> dict[str, Candidate | None]:
    """The architectures to train, best first."""
    able = trainable(task)
    ranked = {c.architecture: c for c in recommendation.candidates}
    if request.architectures is not None:
        wanted = tuple(dict.fromkeys(request.architectures))
        for place, slug in enumerate(wanted):
            if slug not in able:
                detail = f"{slug} cannot be trained here on {task}"
                pointer = f"#/architectures/{place}"
                raise Unprocessable(detail, [_problem(pointer, "not_trainable", detail, sorted(able))])
        return {slug: ranked.get(slug) for slug in wanted}
    found = {slug: c for slug, c in ranked.items() if slug in able}
    if not found:
        detail = f"none of the {len(ranked)} candidates can be trained here; name some in `architectures`"
        raise Unprocessable(detail, [_problem("#/architectures", "not_trainable", detail, sorted(able))])
    return dict(list(found.items())[: request.top_k])


def _split(total: float, candidates: int, trained: bool) -> tuple[float, float]:
    """Seconds of the baseline and of each candidate that goes to the end; a baseline that is trained gets as much."""
    whole = whole_runs(candidates)
    baseline = total / (whole + 1) if trained else min(BASELINE_SHARE * total, BASELINE_SECONDS)
    return round(baseline, 2), round((total - baseline) / whole, 2)


def _run(name: str, recipe: Recipe, seconds: float, seed_noise: float) -> dict[str, Any]:
    body = asdict(recipe) | {"augment": list(recipe.augment), "options": dict(recipe.options)}
    return {
        "name": name,
        "architecture": recipe.architecture,
        "recipe": body,
        "budget": {"seconds": seconds, "steps": None},
        "seed_noise": seed_noise,
    }


def _shared(task: str, data: Mapping[str, Any], seed: int, metric: str, seconds: float) -> dict[str, Any]:
    """What all runs of a validation have in common: task, data, seed and the way of measuring."""
    size = data.get("resolution") or CPU_RESOLUTIONS[-1]
    return {
        "task": task,
        "dataset": data["slug"],
        "length": min(data.get("length") or 0, CPU_FRAMES if data["type"] == "video" else maxsize),
        "classes": data.get("classes") or 0 if task == "class-conditional-image" else 0,
        "resolution": next((r for r in CPU_RESOLUTIONS if r >= size), CPU_RESOLUTIONS[-1]),
        "channels": data.get("channels") or 3,
        "seed": seed,
        "metric": metric,
        "metric_samples": next(samples for below, samples in MEASURING if seconds < below),
    }


def _recipe(
    slug: str,
    known: Candidate | None,
    data: Mapping[str, Any],
    shared: Mapping[str, Any],
    seconds: float,
    scaled: list[str],
) -> Recipe:
    """The network's own numbers, over them the candidate's where the loop takes them, scaled to a CPU and to the time there is.

    What was changed is added to `scaled`.
    """
    given = {**defaults(slug), **_numbers(known.recipe if known else {})}
    whole = {**asdict(Recipe(architecture=slug, dataset="")), **given}
    smaller = on_cpu(slug)
    if data["type"] == "image":
        smaller = {
            "width": max(8, whole["width"] // CPU_WIDTH_DIVISOR),
            **smaller,
            "batch_size": min(CPU_BATCH, whole["batch_size"]),
        }
    if seconds < QUICK_SECONDS and data["type"] == "image":
        smaller |= {"batch_size": QUICK["batch_size"], "ema_half_life_kimg": QUICK["ema_half_life_kimg"]}
        own = {**whole, **smaller}
        smaller |= {rate: max(own[rate], min(QUICK["rates"] * own[rate], QUICK["rate"])) for rate in ("lr_g", "lr_d")}
    changed = [_change(field, whole[field], value) for field, value in smaller.items() if whole[field] != value]
    if (data.get("resolution") or 0) > shared["resolution"]:
        changed.insert(0, f"resolution {data['resolution']} -> {shared['resolution']}")
    if (data.get("length") or 0) > shared["length"]:
        changed.insert(0, f"length {data['length']} -> {shared['length']}")
    if known is None:
        scaled.append(f"{slug} is not among the candidates: the recipe is the network's own")
    if changed:
        scaled.append(f"{slug}, to train for {seconds:.0f} s on a CPU: {', '.join(changed)}")
    return Recipe(architecture=slug, **{**given, **smaller, **shared})


def _change(field: str, before: Any, after: Any) -> str:
    if isinstance(after, Mapping):
        return ", ".join(f"{name} {before.get(name)} -> {value}" for name, value in after.items() if before.get(name) != value)
    return f"{field} {before:g} -> {after:g}"


def _numbers(values: Mapping[str, RecipeValue]) -> dict[str, Any]:
    """The fields of Recipe that a candidate's recipe gives as plain numbers within sane bounds."""
    found: dict[str, Any] = {}

    def take(field: str, value: Any, low: float, high: float, *, whole: bool = False) -> None:
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            found[field] = int(value) if whole else float(value)

    plain = {name: entry.value for name, entry in values.items() if entry.origin != "kin"}  # a network knows better itself
    take("lr_g", plain.get("lr_g"), 1e-6, 1e-1)
    take("lr_d", plain.get("lr_d"), 1e-6, 1e-1)
    take("batch_size", plain.get("batch_size"), 4, 65_536, whole=True)
    take("d_steps", plain.get("d_steps_per_g"), 1, 16, whole=True)
    take("gradient_penalty", plain.get("gradient_penalty"), 0, 1e4)
    betas = plain.get("betas")
    if isinstance(betas, list | tuple) and len(betas) == 2:
        take("beta1", betas[0], 0, 0.9999)
        take("beta2", betas[1], 0, 0.9999)
    return found


def _rule(threshold: float, halvings: Sequence[Mapping[str, Any]]) -> str:
    shares = " and ".join(f"{rung['share']:.3g} ({rung['keep']} go on)" for rung in halvings)
    halved = f" Runner-ups that are not among the better half at a share of {shares} of the budget stop there and decide nothing."
    return (
        f"Confirmed when the {100 * CONFIDENCE:.0f} % interval of the paired difference to the baseline lies above {threshold:g} "
        f"and no runner-up beats the candidate by more; overturned when it lies below -{threshold:g}, when a runner-up does, or "
        "when the candidate diverges; otherwise inconclusive, as is a candidate that loses and had time for fewer than "
        f"{LEAST_STEPS} steps."
    ) + (halved if halvings else "")


def _problem(pointer: str, code: str, detail: str, allowed: Any) -> FieldProblem:
    return FieldProblem(pointer=pointer, code=code, detail=detail, allowed=allowed)
