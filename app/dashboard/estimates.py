"""The page of an estimate: will it fit, in one picture; how long, how dear; and what one could change."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response

from app.dashboard.render import Page, advisor, page, team
from app.dashboard.text import gigabytes
from app.errors import Unprocessable
from app.estimates import estimate, read_request
from app.validations import ledger
from app.vocabulary import Estimate, Question

router = APIRouter(route_class=Page, include_in_schema=False)
NUMBERS = ("resolution", "length", "batch_size", "gpus", "kimg")
LIMITS = ("memory_gb", "gpu_hours", "usd")
FIELDS = (
    ("architecture", "Architecture", "slug or name", "architectures"),
    ("resolution", "Resolution", "pixels", ""),
    ("batch_size", "Batch", "samples a step", ""),
    ("gpu", "GPU", "or CPU", "gpus"),
    ("gpus", "Number of GPUs", "", ""),
    ("kimg", "Length", "thousand samples", ""),
    ("gpu_hours", "Hours you have", "GPU-hours", ""),
    ("memory_gb", "Memory you have", "GB", ""),
    ("usd", "Money you have", "US$", ""),
)
_HEIGHT = 74
_EXAMPLE = {"architecture": "stylegan2-ada", "resolution": "256", "batch_size": "32", "gpu": "RTX 3090", "kimg": "5000"}


@router.get("/estimates")
def estimates(request: Request) -> Response:
    """A form whose query string is its link; the estimate below it, with every inverse question answered."""
    typed = {name: value.strip() for name, value in request.query_params.items() if value.strip()}
    values, wrong, found = typed or _EXAMPLE, {}, None
    try:
        found = estimate(read_request(_body(values)), advisor(request), ledger.pairs(team(request)))
    except Unprocessable as error:
        wrong = {p.pointer.rpartition("/")[2]: f"{p.detail}" for p in error.errors}
    return page(
        request,
        "estimates.html",
        status=422 if wrong else 200,
        fields=FIELDS,
        values=values,
        wrong=wrong,
        found=found,
        picture=parts_chart(found, _room(found, request, values)) if found and found.memory_parts else "",
    )


def _body(typed: dict[str, str]) -> dict[str, Any]:
    """The request that the form asks for, numbers as numbers; what is no number is left for the check to refuse."""
    body: dict[str, Any] = {"architecture": typed.get("architecture", "")}
    body |= {name: _number(typed[name]) for name in NUMBERS if name in typed}
    body |= {name: typed[name] for name in ("gpu", "precision", "implementation") if name in typed}
    body["budget"] = {name: _number(typed[name]) for name in LIMITS if name in typed}
    return body | {"questions": list(Question)}


def _number(text: str) -> float | int | str:
    try:
        value = float(text.replace(",", ""))
    except ValueError:
        return text
    return int(value) if value.is_integer() else value


def _room(found: Estimate, request: Request, values: dict[str, str]) -> float | None:
    gpu = request.app.state.knowledge.gpus.get(found.gpu)
    limit = _number(values.get("memory_gb", ""))
    return (limit if isinstance(limit, int | float) else gpu.memory_gb if gpu else 16.0) * 1e9


def parts_chart(found: Estimate, room: float | None) -> str:
    """The peak memory as one bar of its parts, its interval as a whisker, the first minutes as a ring, the room as a line."""
    peak, start = found.peak_memory_bytes, found.start_up_bytes
    values = [v for v in (peak.high, room, start.expected) if v is not None]
    top = 1.08 * max(values)

    def x(value: float) -> str:
        return f"{100 * min(value / top, 1.0):.2f}%"

    parts = ", ".join(f"{part.name} {gigabytes(part.bytes)}" for part in found.memory_parts)
    title = f"Peak memory {gigabytes(peak.expected)}: {parts}; {gigabytes(room)} are there"
    over = room is not None and (peak.expected or 0) > room
    out = [
        f'<svg class="parts{" over" if over else ""}" role="img" aria-label="{escape(title)}" width="100%" height="{_HEIGHT}">'
    ]
    if room is not None:
        out.append(f'<rect class="track" x="0" y="18" width="{x(room)}" height="24"/>')
    begin = 0.0
    for number, part in enumerate(found.memory_parts):
        width = f"{100 * part.bytes / top:.2f}%"
        out.append(f'<rect class="w{number % 7}" x="{x(begin)}" y="18" width="{width}" height="24"/>')
        begin += part.bytes
    if peak.low is not None and peak.high is not None:
        out.append(f'<line class="i" x1="{x(peak.low)}" x2="{x(peak.high)}" y1="30" y2="30"/>')
    if start.expected is not None:
        out.append(f'<circle class="ring" cx="{x(start.expected)}" cy="30" r="5"/>')
    if room is not None:
        anchor = "end" if room > 0.6 * top else "start"
        out.append(f'<line class="limit" x1="{x(room)}" x2="{x(room)}" y1="12" y2="48"/>')
        out.append(f'<text class="m" x="{x(room)}" y="10" text-anchor="{anchor}">{gigabytes(room)} of memory</text>')
    out.append(f'<text class="m" x="0" y="{_HEIGHT - 6}">0</text>')
    expected = peak.expected or 0.0
    side = "end" if expected > 0.7 * top else "middle" if expected > 0.2 * top else "start"
    out.append(f'<text class="t" x="{x(expected)}" y="{_HEIGHT - 6}" text-anchor="{side}">{gigabytes(expected)} expected</text>')
    return "".join(out) + "</svg>"
