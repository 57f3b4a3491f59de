"""Is it alive, is it ready, what does an error code mean."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import SQLAlchemyError

from app import db, errors
from app.api.deps import KnowledgeDep
from app.api.wire import answer
from app.errors import AdvisorError, NotFound, NotReady
from app.knowledge.sync import require
from app.validations.store import live_workers

router = APIRouter(tags=["health"])


@router.get("/healthz", operation_id="healthz")
def healthz(request: Request) -> Response:
    """The process answers."""
    return answer(request, {"status": "ok"})


@router.get("/readyz", operation_id="readyz")
def readyz(request: Request, knowledge: KnowledgeDep) -> Response:
    """The database answers and holds this knowledge; says what is missing otherwise, and how many workers are alive."""
    try:
        at = db.revision()
        if at != db.head():
            raise NotReady(f"the database is at {at or 'no revision'}, this version needs {db.head()}: `gan-advisor db upgrade`")
        require(knowledge)
        workers = live_workers()
    except SQLAlchemyError:
        raise NotReady("the database does not answer", retry_after=5) from None
    stamp = {"version": knowledge.version, "sha256": knowledge.sha256}
    return answer(request, {"status": "ready", "knowledge": stamp, "workers": workers})


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request) -> Response:
    """The interface, with an entity tag."""
    return answer(request, request.app.openapi())


@router.get("/problems/{code}", operation_id="get_problem")
def problem(request: Request, code: str) -> Response:
    """What an error code means: the target of a problem's `type`."""
    for kind in [AdvisorError, *vars(errors).values()]:
        if isinstance(kind, type) and issubclass(kind, AdvisorError) and kind.code == code:
            meaning = (kind.__doc__ or "").strip().splitlines()[0] if "__doc__" in vars(kind) and kind.__doc__ else kind.title
            return answer(request, {"code": code, "title": kind.title, "status": kind.status, "meaning": meaning})
    raise NotFound(f"no error has the code {code!r}")
