"""The queue and its workers: what runs, what waits and why, and who could take it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.dashboard.render import Page, page, team
from app.validations import fleet, store

router = APIRouter(route_class=Page, include_in_schema=False)
LISTED = 100


@router.get("/queue")
def queue(request: Request) -> Response:
    """Workers, runs and waiting validations, as they are now."""
    items = store.unfinished(LISTED, team(request))
    return page(
        request,
        "queue.html",
        workers=fleet.workers(),
        running=[v for v in items if v.status == "running"],
        waiting=[v for v in items if v.status == "queued"],
        most=LISTED,
    )
