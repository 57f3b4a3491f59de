"""Validations as a resource: what the service, the dashboard and the command line call."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import db, tracing
from app.answers import answered
from app.errors import AdvisorError, Conflict, FieldProblem, Gone, NotFound, TooMany, Unprocessable
from app.recommend import Advisor
from app.settings import settings
from app.tables import EventRow, ForgottenRow, ValidationRow, WorkerRow
from app.validations import engine, named, record
from app.validations.choosing import ticked
from app.validations.known import trainable
from app.validations.plan import plan as planned
from app.validations.record import rfc3339 as rfc3339
from app.validations.view import shown
from app.vocabulary import Recommendation, Status, Task, Validation, ValidationRequest
from models.contract import ARTIFACTS, GRIDS, REPORT

Advise = Callable[[Task], Recommendation]
MOST = 50
"""Of the candidates among which those are sought that get somewhere in the time."""


def plan_only(
    request: ValidationRequest, advise: Advise, team: str | None = None, advisor: Advisor | None = None
) -> dict[str, Any]:
    """The plan as others read it, nothing queued. Raises Unprocessable, and NotFound for an unknown recommendation."""
    made = _plan(request, advise, team, advisor)
    return named.told(made, made["dataset"])


def _plan(request: ValidationRequest, advise: Advise, team: str | None, advisor: Advisor | None) -> dict[str, Any]:
    """An advisor, where given, is asked which designs get somewhere in the time."""
    answer = _recommendation(request, advise, team)
    if request.architectures is not None:
        return planned(request, answer, team)
    able = trainable(str(answer.task.task))
    at_hand = sum(candidate.architecture in able for candidate in answer.candidates)
    wider = answer if at_hand >= request.top_k else advise(_among_trainable(answer.task, request.top_k))
    made = planned(request, wider, team)
    if advisor is not None and request.device != "gpu":
        made = _in_time(made, request, advise(_among_trainable(answer.task, MOST)), advisor, team)
    if at_hand == 0:
        made["scaled"].insert(0, f"none of the first {len(answer.candidates)} candidates trains here: raced are the best that do")
    return made


def _in_time(
    made: dict[str, Any], request: ValidationRequest, answer: Recommendation, advisor: Advisor, team: str | None
) -> dict[str, Any]:
    """The plan, or where a run of it would see next to nothing in its time, one of the best that see more; it says which were not."""
    first = [run["architecture"] for run in made["runs"][1:]]
    order = list(dict.fromkeys([*first, *(candidate.architecture for candidate in answer.candidates)]))
    chosen = ticked(order, request.budget.max_seconds, advisor, request.top_k)
    if not (slow := [slug for slug in first if slug not in chosen]):
        return made
    made = planned(request.model_copy(update={"architectures": tuple(chosen)}), answer, team)
    made["scaled"].insert(0, f"too slow for the time on a CPU, and not raced: {', '.join(slow)}")
    return made


def _among_trainable(task: Task, top_k: int) -> Task:
    """The same question, asked of what trains here alone."""
    able = trainable(str(task.task))
    wanted = task.constraints.include or tuple(sorted(able))
    constraints = task.constraints.model_copy(update={"include": tuple(slug for slug in wanted if slug in able) or wanted})
    return task.model_copy(update={"constraints": constraints, "top_k": top_k})


def create(
    request: ValidationRequest,
    advise: Advise,
    key: str | None = None,
    team: str | None = None,
    advisor: Advisor | None = None,
) -> tuple[Validation, bool]:
    """Row, first event and enqueue in one transaction; True when this key had made it before.

    The id is the key's digest, so the store itself settles which of two racing requests creates. Raises Unprocessable for
    what cannot be planned, and for a key that came with another body.
    """
    validation_id = uuid.uuid4().hex if key is None else key_id(key, team)
    made = (key is None or not _exists(validation_id)) and _insert(validation_id, request, advise, team, advisor)
    with db.reading() as session:
        found = _row(session, validation_id, team)
        if ValidationRequest.model_validate_json(json.dumps(found.request)) != request:
            detail = "this Idempotency-Key came with another body before"
            raise Unprocessable(detail, [FieldProblem(pointer="header:Idempotency-Key", code="key_reused", detail=detail)])
        return shown(session, [found])[0], not made


def key_id(key: str, team: str | None = None) -> str:
    """The id of the validation that an idempotency key stands for."""
    return hashlib.sha256(f"{team or ''}/{key}".encode()).hexdigest()[:32]


def _insert(validation_id: str, request: ValidationRequest, advise: Advise, team: str | None, advisor: Advisor | None) -> bool:
    """False when a request with the same key was faster."""
    row: dict[str, Any] = {"id": validation_id, "team": team, "request": request.model_dump(mode="json")}
    made = _plan(request, advise, team, advisor)
    needs = {
        f"needs_{name}": made["needs"][key] for name, key in (("gpu", "gpu"), ("bytes", "memory_bytes"), ("devices", "devices"))
    }
    row |= {"recommendation_id": request.recommendation_id, "plan": made, "progress": {}, "attempt": 0}
    row |= {**needs, "seconds": request.budget.max_seconds, "traceparent": tracing.current()}
    engine.connect()
    with db.transaction() as session:
        _check_quota(session, team)
        row |= {"created_at": db.now(session), "priority": _place(session, team)}
        if not db.insert_if_absent(session, ValidationRow, row):
            return False
        record.append(session, validation_id, "queued", {"dataset": named.name_of(made["dataset"]), "runs": len(made["runs"])})
        engine.enqueue(session, validation_id, row["priority"], team)
        return True


def get(validation_id: str, team: str | None = None) -> Validation:
    """State, progress, report. Raises NotFound, also for one of another team, and Gone."""
    with db.reading() as session:
        return shown(session, [_row(session, validation_id, team)])[0]


def ended(validation_id: str, team: str | None = None) -> bool:
    """Whether it has, without what the engine knows. Raises NotFound."""
    columns = ValidationRow.team, ValidationRow.outcome  # of all the calls here the most frequent: not the whole row
    with db.reading() as session:
        row = session.execute(sa.select(*columns).where(ValidationRow.id == validation_id)).one_or_none()
        if row is None or row.team != team:
            raise missing(session, validation_id, team)
        return row.outcome is not None


def page(
    limit: int, after: tuple[float, str] | None = None, team: str | None = None
) -> tuple[list[Validation], tuple[float, str] | None]:
    """A team's own, newest first, and the place to go on from; None on the last page."""
    newest = sa.select(ValidationRow).where(_of(team)).order_by(ValidationRow.created_at.desc(), ValidationRow.id.desc())
    if after is not None:
        newest = newest.where(sa.tuple_(ValidationRow.created_at, ValidationRow.id) < sa.tuple_(*map(sa.literal, after)))
    with db.reading() as session:
        rows = list(session.execute(newest.limit(limit + 1)).scalars())
        more = (rows[limit - 1].created_at, rows[limit - 1].id) if len(rows) > limit else None
        return shown(session, rows[:limit]), more


def unfinished(most: int, team: str | None = None) -> list[Validation]:
    """A team's own that have not ended, first in line first."""
    order = (ValidationRow.priority, ValidationRow.created_at, ValidationRow.id)
    query = sa.select(ValidationRow).where(_of(team), ValidationRow.outcome.is_(None)).order_by(*order).limit(most)
    with db.reading() as session:
        return shown(session, list(session.scalars(query)))


def cancel(validation_id: str, team: str | None = None) -> tuple[Validation, bool]:
    """Asks to cancel: a queued one ends at once, a running one within seconds. True when it was canceled before.

    Raises NotFound, and Conflict when it has ended otherwise.
    """
    with db.transaction() as session:
        row = record.lock(session, validation_id)
        if row is None or row.team != team:
            raise missing(session, validation_id, team)
        if row.outcome is not None and row.outcome != Status.CANCELED:
            raise Conflict(f"the validation has ended: {row.outcome}")
        before = row.outcome is not None
        row.cancel_requested_at = row.cancel_requested_at or db.now(session)
    if not before:
        live = engine.states([validation_id]).get(validation_id)
        if live is None or live.state != "running" or live.executor_id not in _workers():
            # A worker that takes it in this instant finds the request in the row when it claims, and closes it the same way.
            engine.cancel(validation_id)
            record.close(validation_id, Status.CANCELED, "canceled on request")
    return get(validation_id, team), before


def waiting() -> int:
    """Validations that have not ended."""
    with db.reading() as session:
        return session.execute(sa.select(sa.func.count()).where(ValidationRow.outcome.is_(None))).scalar_one()


def live_workers() -> int:
    """Workers whose lease holds."""
    return len(_workers())


def _workers() -> set[str]:
    with db.reading() as session:
        fresh = WorkerRow.seen > db.now(session) - settings().lease_seconds
        return set(session.execute(sa.select(WorkerRow.executor_id).where(WorkerRow.state == "live", fresh)).scalars())


def events(validation_id: str, after: int = 0, limit: int = 100) -> list[dict[str, Any]]:
    """The log after an event id, in order."""
    wanted = sa.select(EventRow).where(EventRow.validation_id == validation_id, EventRow.seq > after)
    with db.reading() as session:
        rows = session.execute(wanted.order_by(EventRow.seq).limit(limit)).scalars().all()
        data = session.scalar(sa.select(ValidationRow.plan["dataset"]).where(ValidationRow.id == validation_id)) or {}
        return [{"id": r.seq, "type": r.type, "timestamp": r.timestamp, "data": named.told(r.data, data)} for r in rows]


def artifacts(validation_id: str, team: str | None = None) -> list[tuple[str, int]]:
    """Name and bytes of the files that may be fetched; those of the candidate also stand at the top."""
    files, data = _files(validation_id, team)
    return [(name, len(_text(path, data)) if _is_text(path) else path.stat().st_size) for name, path in files.items()]


def artifact(validation_id: str, name: str, team: str | None = None) -> Path | bytes:
    """A file of a name from `artifacts`, or the content of one that is text. Raises NotFound for every other name."""
    files, data = _files(validation_id, team)
    if (found := files.get(name)) is None:
        raise NotFound(f"the validation has no file {name!r}")
    return _text(found, data) if _is_text(found) else found


def _is_text(path: Path) -> bool:
    return path.suffix in named.TEXTS


def _text(path: Path, data: Mapping[str, Any]) -> bytes:
    return named.text(path.read_text(errors="replace"), data).encode()


def _files(validation_id: str, team: str | None) -> tuple[dict[str, Path], dict[str, Any]]:
    """The files and the plan's data set. Names are built here from the plan, a fixed list and the steps at which there are grids,
    never from a request, so none can lead out of the folder."""
    with db.reading() as session:
        plan = _row(session, validation_id, team).plan
    runs = [run["name"] for run in plan["runs"]]
    folder = settings().runs / validation_id
    paths = {name: folder / "candidate" / name for name in ARTIFACTS} | {REPORT: folder / REPORT}
    paths |= {f"{run}/{name}": folder / run / name for run in runs for name in ARTIFACTS}
    grids = {run: sorted(int(p.stem) for p in (folder / run / GRIDS).glob("*.png") if p.stem.isdecimal()) for run in runs}
    paths |= {f"{run}/{GRIDS}/{step}.png": folder / run / GRIDS / f"{step}.png" for run in runs for step in grids[run]}
    return {name: path for name, path in paths.items() if path.is_file()}, plan["dataset"]


def _place(session: Session, team: str | None) -> int:
    """The place in line of a new validation: after the team's own, but not before what is being served now.

    Start-time fair queueing: teams take turns, and within one team the order is that of asking.
    """
    waiting = ValidationRow.outcome.is_(None)
    served = session.execute(sa.select(sa.func.min(ValidationRow.priority)).where(waiting)).scalar_one_or_none()
    last = session.execute(sa.select(sa.func.max(ValidationRow.priority)).where(waiting, _of(team))).scalar_one_or_none()
    return max(served or 1, (last or 0) + 1)


def _check_quota(session: Session, team: str | None) -> None:
    """Raises TooMany. Two that race may both come in: the limit keeps a flood out, it is no account."""
    most = settings().max_queued
    unfinished = sa.select(sa.func.count()).where(ValidationRow.outcome.is_(None), _of(team))
    if most and session.execute(unfinished).scalar_one() >= most:
        raise TooMany(
            f"{most} of your validations are unfinished, which is the limit; come back when some have ended", retry_after=60
        )


def _recommendation(request: ValidationRequest, advise: Advise, team: str | None) -> Recommendation:
    if (request.recommendation_id is None) == (request.task is None):
        detail = "give either recommendation_id or task"
        raise Unprocessable(detail, [FieldProblem(pointer="#/task", code="exactly_one", detail=detail)])
    if request.task is not None:
        return advise(request.task)
    try:
        return answered(str(request.recommendation_id), team)
    except NotFound:
        detail = "no recommendation has this id"
        problem = FieldProblem(pointer="#/recommendation_id", code="not_found", detail=detail)
        raise Unprocessable(detail, [problem]) from None


def _exists(validation_id: str) -> bool:
    with db.reading() as session:
        return session.get(ValidationRow, validation_id) is not None


def _row(session: Session, validation_id: str, team: str | None) -> ValidationRow:
    row = session.get(ValidationRow, validation_id)
    if row is None or row.team != team:
        raise missing(session, validation_id, team)
    return row


def _of(team: str | None) -> sa.ColumnElement[bool]:
    return ValidationRow.team.is_(None) if team is None else ValidationRow.team == team


def missing(session: Session, validation_id: str, team: str | None) -> AdvisorError:
    """Gone for a team's own whose retention has ended, else NotFound."""
    forgotten = session.get(ForgottenRow, validation_id)
    if forgotten is not None and forgotten.team == team:
        return Gone(f"the validation {validation_id} was deleted when its retention ended")
    return NotFound(f"no validation has the id {validation_id!r}")
