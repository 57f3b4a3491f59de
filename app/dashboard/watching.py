"""The pages of validations: started by a form, watched live, cancelled by a button. What is drawn comes from the event log alone."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from app.answers import ask
from app.dashboard.answer import answer_page
from app.dashboard.charts import Bar, Series, curves, intervals
from app.dashboard.race import columns, lanes
from app.dashboard.render import Page, advisor, page, team, typed
from app.dashboard.text import number
from app.errors import Conflict, Unprocessable
from app.validations import store
from app.vocabulary import Recommendation, Task, Validation, ValidationRequest
from models.contract import GRIDS, REPORT, SAMPLES

router = APIRouter(prefix="/validations", route_class=Page, include_in_schema=False)
Typed = Annotated[dict[str, str], Depends(typed)]
Events = Sequence[Mapping[str, Any]]
LISTED = 50
MOST_EVENTS = 20_000
MOST_POINTS = 240
"""Points of one curve; a longer one is thinned."""
MOMENTS = 8
"""Grids of one run that are shown beside each other, from its first to its last."""
LOGGED = 60
"""Events the log shows, newest first."""
QUIET = ("progress", "samples", "checkpoint", "metric", "verdict")
"""Event types the log leaves to the pictures."""


@router.get("")
def listing(request: Request) -> Response:
    """The validations, newest first."""
    items, _ = store.page(LISTED, None, team(request))
    return page(request, "validations.html", items=items)


@router.post("")
def create(request: Request, fields: Typed) -> Response:
    """Queues a validation of an answer and goes to its page; one that cannot be planned goes back to the answer, saying why."""

    def advise(task: Task) -> Recommendation:
        return ask(task, advisor(request))

    asked = fields.get("recommendation_id", "")
    body = {
        "recommendation_id": asked,
        "architectures": [slug for slug in fields.get("architectures", "").split(",") if slug] or None,
        "dataset": fields.get("dataset", "").strip(),
        "budget": {"max_seconds": fields.get("max_seconds", "").strip()},
        "seed": fields.get("seed", "").strip() or 0,
    }
    try:
        made, _ = store.create(ValidationRequest.model_validate(body), advise, None, team(request), advisor(request))
    except ValidationError as error:
        wrong = {_field(e["loc"]): e["msg"] for e in error.errors()}
    except Unprocessable as error:
        wrong = {_field(e.pointer.split("/")): e.detail for e in error.errors} or {"": error.detail}
    else:
        return RedirectResponse(f"/validations/{made.id}", status_code=303)
    return answer_page(request, asked, fields, wrong)


def _field(path: Sequence[Any]) -> str:
    """The field of the form that a path into the request ends in: `budget`, `max_seconds` is the latter, a place in a list its list."""
    return next((str(part) for part in reversed(path) if str(part) in ("dataset", "max_seconds", "seed", "architectures")), "")


@router.get("/{validation_id}")
def watch(request: Request, validation_id: str) -> Response:
    """State, curves, samples and verdict; the script swaps the live parts, without it the page reloads itself."""
    return page(request, "validation.html", **context_of(store.get(validation_id, team(request)), team(request)))


@router.post("/{validation_id}/cancel")
def cancel(request: Request, validation_id: str, _: Typed) -> Response:
    """Stops it, and shows it stopping. One that has ended in the meantime is shown as it ended."""
    with contextlib.suppress(Conflict):
        store.cancel(validation_id, team(request))
    return RedirectResponse(f"/validations/{validation_id}", status_code=303)


# ------------------------------------------------------------------ what is drawn


def context_of(it: Validation, team: str | None = None) -> dict[str, Any]:
    """The names validation.html uses."""
    events = [{**e, "type": e["type"].removeprefix("validation.")} for e in store.events(it.id, 0, MOST_EVENTS)]
    artifacts = store.artifacts(it.id, team)
    verdict = (it.report or {}).get("verdict")
    return {
        "it": it,
        "seen": events[-1]["id"] if events else 0,
        "spoken": spoken(it),
        "metric_chart": metric_chart(events),
        "loss_chart": loss_chart(events),
        "samples": sample_grids(it, events, {name for name, _ in artifacts}),
        "health": [e for e in events if e["type"] == "health"],
        "log": [e for e in reversed(events) if e["type"] not in QUIET][:LOGGED],
        "files": files_by_run(it.id, artifacts),
        "race": lanes(it, newest_figures(events)),
        "rungs": columns(it),
        "verdict": verdict,
        "verdict_chart": verdict_chart(verdict) if verdict else None,
    }


def spoken(it: Validation) -> str:
    """What a screen reader hears when it changes: the status, and the progress in tenths."""
    return f"{it.status}, {math.floor(it.progress.fraction * 10) * 10} %" if it.status == "running" else str(it.status)


@dataclass(frozen=True)
class Grown:
    """The samples of a run: the newest grid, whose address changes with it, and (kimg, metric, address) from its first to its last."""

    run: str
    newest: str
    moments: Sequence[tuple[float, float | None, str]]


def sample_grids(it: Validation, events: Events, files: Set[str]) -> list[Grown]:
    """Of each run that has some, the candidate first."""
    folder = f"/v1/validations/{it.id}/artifacts"
    figures = {(e["data"].get("run"), e["data"].get("step")): e["data"].get("value") for e in events if e["type"] == "metric"}
    found = []
    for run in sorted(it.plan["runs"], key=lambda run: run["name"] == "baseline"):
        name = run["name"]
        drawn = [e for e in events if e["type"] == "samples" and e["data"].get("run") == name]
        kimg = {e["data"]["step"]: e["data"]["kimg"] for e in drawn if f"{name}/{GRIDS}/{e['data']['step']}.png" in files}
        moments = [
            (kimg[step], figures.get((name, step)), f"{folder}/{name}/{GRIDS}/{step}.png")
            for step in spread(sorted(kimg), MOMENTS)
        ]
        if f"{name}/{SAMPLES}" in files:
            newest = f"{folder}/{name}/{SAMPLES}?{drawn[-1]['id'] if drawn else 0}"
            found.append(Grown(_of({**run, "run": name}), newest, moments))
    return found


def spread(steps: Sequence[int], most: int) -> list[int]:
    """At most so many of them, evenly from the first to the last."""
    if len(steps) <= most:
        return list(steps)
    return [steps[round(place * (len(steps) - 1) / (most - 1))] for place in range(most)]


def files_by_run(validation_id: str, artifacts: Iterable[tuple[str, int]]) -> dict[str, list[tuple[str, str, int]]]:
    """Run, or "" for the whole -> (name, address, bytes), without the grids; the candidate's files, which stand at the top too, are
    listed once."""
    grouped: dict[str, list[tuple[str, str, int]]] = {}
    for name, size in artifacts:
        run, _, last = name.rpartition("/")
        if (run or last == REPORT) and not run.endswith(f"/{GRIDS}"):
            grouped.setdefault(run, []).append((last, f"/v1/validations/{validation_id}/artifacts/{name}", size))
    return grouped


def newest_figures(events: Events) -> dict[str, float]:
    """Run -> the metric it last reported."""
    metrics = [e["data"] for e in events if e["type"] == "metric"]
    return {d["run"]: d["value"] for d in metrics if "run" in d and _finite(d.get("value"))}


def metric_chart(events: Events) -> dict[str, Any] | None:
    """The metric of every run over thousands of images, with the runs' names for the legend."""
    found: dict[str, list[tuple[float, float]]] = {}
    name = ""
    for e in events:
        data = e["data"]
        if e["type"] == "metric" and _finite(data.get("value"), data.get("kimg")):
            name = str(data.get("name", "metric"))
            found.setdefault(_of(data), []).append((data["kimg"], data["value"]))
    return _chart(name, found.items())


def loss_chart(events: Events) -> dict[str, Any] | None:
    """Losses of the run that reported last."""
    progress = [e["data"] for e in events if e["type"] == "progress"]
    if not progress:
        return None
    own = [d for d in progress if _of(d) == _of(progress[-1])]
    lines = [
        (name, [(d["kimg"], d[key]) for d in own if _finite(d.get(key), d.get("kimg"))])
        for key, name in (("loss_d", "discriminator"), ("loss_g", "generator"))
    ]
    return _chart(f"Losses of {_of(progress[-1])}", lines)


def _of(data: Mapping[str, Any]) -> str:
    """The run an event speaks of, as `dcgan (candidate)`."""
    return f"{data.get('architecture', 'run')} ({data.get('run', '')})"


def _chart(title: str, lines: Iterable[tuple[str, list[tuple[float, float]]]]) -> dict[str, Any] | None:
    series = [Series(name, _thinned(points)) for name, points in lines if points]
    if not series:
        return None
    latest = "; ".join(f"{s.name} {number(s.points[-1][1])} at {number(s.points[-1][0])} thousand images" for s in series)
    svg = curves(series, title=title, desc=f"Over thousands of images; latest: {latest}.")
    return {"title": title, "svg": svg, "legend": [(s.name, s.points[-1][1]) for s in series]}


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most MOST_POINTS of them, the last among these."""
    step = math.ceil(len(points) / MOST_POINTS)
    return points[::-1][:: step or 1][::-1]


def _finite(*values: Any) -> bool:
    return all(isinstance(v, int | float) and math.isfinite(v) for v in values)


def verdict_chart(verdict: Mapping[str, Any]) -> str | None:
    """The difference with its interval, and zero and the threshold for comparison."""
    low, expected, high = (verdict["difference"].get(key) for key in ("low", "expected", "high"))
    if not _finite(low, expected, high):
        return None
    said = f"{number(expected)}, {number(low)} to {number(high)}; the least that counts is {number(verdict['threshold'])}."
    bar = Bar("Difference", expected, low, high)
    return intervals([bar], title="Difference in the metric", desc=said, marks=(0.0, verdict["threshold"]))
