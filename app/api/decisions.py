"""A committed decision, checked by the service: the same check as `gan-advisor check`, for those who have no command line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from fastapi import APIRouter, Request, Response
from pydantic import Field

from app.api.deps import AdvisorDep, CallerDep
from app.api.wire import answer
from app.datasets import described
from app.errors import Unprocessable
from app.gate import decide
from app.gate.lock import body_of, prove
from app.gate.task import TaskFile
from app.gate.words import COUNT, LOCK_FILE, Drift, Kind, Level, Limit, Lock, State
from app.vocabulary import Task, Word

router = APIRouter(prefix="/v1/decisions:check", tags=["decisions"])


class CommittedTask(Task):
    """gan-task.yaml as JSON: a task, and the policy that its choice must keep to."""

    policy: Limit = Field(Limit(), description="What the choice is held to; no part of the question.")


class DecisionCheck(Word):
    """The two committed files, and what counts."""

    task: CommittedTask
    lock: Lock = Field(description="gan-decision.lock.json, unchanged.")
    fail_on: tuple[Kind, ...] | None = Field(
        None, max_length=20, description="The kinds that fail; absent: policy, validation, drift and stale. Empty: none."
    )


class DecisionFinding(Word):
    """One check and how it went. `pointer` is the place in the task that it speaks of, `rule_id` the rule behind it."""

    check: str
    kind: Kind
    state: State
    level: Level
    text: str
    pointer: str
    rule_id: str | None


class DecisionReport(Word):
    """How the decision stands: the locked choice, what would be chosen now, and every finding."""

    drift: Drift
    architecture: str | None
    first: str | None
    exit_code: int = Field(
        description="What `gan-advisor check` would end with: 0 holds, 2 drift, 3 policy, 4 validation, 5 stale."
    )
    findings: tuple[DecisionFinding, ...]


@router.post("", response_model=DecisionReport, operation_id="check_decision")
def check(request: Request, asked: DecisionCheck, caller: CallerDep, advisor: AdvisorDep) -> Response:
    """Decides anew and compares with the lock. 200 whatever is found, 422 where task or lock cannot be used.

    The service decides by all it knows: its policies, and the figures and measurements of the caller's team.
    """
    prove(body_of(asked.lock), LOCK_FILE)
    try:
        task = described(Task.model_validate(asked.task.model_dump(exclude={"policy"})), caller.team)
        report = decide.check(asked.lock, TaskFile(Path(), task, asked.task.policy, {}), advisor, datetime.now(UTC).date())
    except Unprocessable as error:
        error.errors = [e.model_copy(update={"pointer": e.pointer.replace("#/", "#/task/", 1)}) for e in error.errors]
        raise
    counts = COUNT if asked.fail_on is None else frozenset(asked.fail_on)
    findings = tuple(
        DecisionFinding(
            check=f.check,
            kind=f.kind,
            state=f.state,
            level=report.level(f, counts),
            text=f.text,
            pointer=f.pointer,
            rule_id=f.rule_id,
        )
        for f in report.findings
    )
    return answer(
        request,
        DecisionReport(
            drift=report.drift,
            architecture=report.architecture,
            first=report.first,
            exit_code=report.code(counts),
            findings=findings,
        ),
    )
