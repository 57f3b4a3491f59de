"""`gan-advisor check` and `gan-advisor lock`: decide, compare, print. Neither server nor database nor torch."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.errors import AdvisorError, LockUnreadable, Unprocessable
from app.gate.words import COUNT, LOCK_FILE, TASK_FILE, Kind, Lock, Validated

if TYPE_CHECKING:
    from app.gate.formats import Checked

lock_app = typer.Typer(no_args_is_help=True, help="The committed decision: gan-decision.lock.json.")
TaskArgument = Annotated[Path, typer.Argument(help="The task file.")]
LockOption = Annotated[Path | None, typer.Option("--lock", help=f"The lock; {LOCK_FILE} beside the task where absent.")]
PolicyOption = Annotated[list[Path] | None, typer.Option("--policy", help="A file with rules of your own; docs/policies.md.")]


def check(
    task: TaskArgument = Path(TASK_FILE),
    lock: LockOption = None,
    format: Annotated[str, typer.Option(help="text, json, junit, sarif or github.")] = "text",
    report: Annotated[
        list[str] | None,
        typer.Option(metavar="FORMAT=FILE", help="Also a report in a file, such as sarif=check.sarif; again for more."),
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(help="drift, policy, validation, stale, margin, recipe, or never; again or with commas for more."),
    ] = None,
    policy: PolicyOption = None,
) -> None:
    """Decides anew, offline, and compares with the committed decision.

    Exit 0 it holds, 2 drift, 3 the policy is broken, 4 a validation overturned it, 5 the lock is stale or unreadable.
    """
    from app.gate import formats
    from app.settings import github_file

    wanted = [("-", format), *(_pair(given) for given in report or ())]
    if unknown := [name for _, name in wanted if name not in formats.FORMATS]:
        raise Unprocessable(f"{unknown[0]} is not one of the formats {', '.join(formats.FORMATS)}")
    try:
        found = _check(task, lock or task.parent / LOCK_FILE, policy or (), _counts(fail_on))
    except AdvisorError as error:
        if format == "github":
            sys.stdout.write(formats.trouble(error.detail, _uri(task)))
        raise
    for path, name in wanted:
        shown = formats.FORMATS[name](found)
        if path == "-":
            sys.stdout.write(shown)
        else:
            Path(path).write_text(shown, encoding="utf-8")
    if format == "github":
        for name, body in (("STEP_SUMMARY", formats.summary(found)), ("OUTPUT", formats.outputs(found))):
            if (page := github_file(name)) is not None:
                with page.open("a", encoding="utf-8") as text:
                    text.write(body)
    raise typer.Exit(found.code)


def _check(task: Path, lock: Path, policy: Sequence[Path], counts: frozenset[Kind]) -> Checked:
    from importlib.metadata import version

    from app.fitted import advisor
    from app.gate import decide
    from app.gate.formats import Checked
    from app.gate.lock import read as read_lock
    from app.gate.task import read

    asked, locked = read(task), read_lock(lock)
    return Checked(decide.check(locked, asked, advisor(policy), _today()), asked, _uri(task), counts, version("gan-advisor"))


def _pair(given: str) -> tuple[str, str]:
    name, _, path = given.partition("=")
    if not path:
        raise Unprocessable(f"--report {given} is not FORMAT=FILE")
    return path, name


@lock_app.command("update")
def update(
    task: TaskArgument = Path(TASK_FILE),
    lock: LockOption = None,
    validation: Annotated[list[Path] | None, typer.Option(help="A report.json that a validation left.")] = None,
    policy: PolicyOption = None,
) -> None:
    """Decides, and writes the lock. The validations in it are kept; what has changed is said."""
    from app.gate.lock import differences, lock_of, render
    from app.gate.lock import read as read_lock
    from app.gate.task import read

    path = lock or task.parent / LOCK_FILE
    asked = read(task)
    before: Lock | None = None
    if path.is_file():
        try:
            before = read_lock(path)
        except LockUnreadable as error:
            sys.stderr.write(f"written anew: {error.detail}\n")
    answer, advisor = _decide(asked.task, policy or ())
    checked = {one.id: one for one in before.validations} if before else {}
    checked |= {one.id: one for report in validation or () for one in _validation(report)}
    made = lock_of(asked.task, asked.limit, answer, advisor, _today(), list(checked.values()))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(made), encoding="utf-8")
    sys.stdout.write(f"{path}: {made.choice.name if made.choice else f'no recommendation. {made.abstained_reason}'}\n")
    for pointer, old, new in differences(before, made) if before else ():
        sys.stdout.write(f"  {_line(pointer, old, new)}\n")


@lock_app.command("explain")
def explain(task: TaskArgument = Path(TASK_FILE), lock: LockOption = None, policy: PolicyOption = None) -> None:
    """Why the locked choice: its reasons, and for each runner-up what it lacks, with the rule or the figure behind each sentence."""
    from app.asking import why_not
    from app.gate.lock import read as read_lock
    from app.gate.task import read

    asked, locked = read(task), read_lock(lock or task.parent / LOCK_FILE)
    answer, advisor = _decide(asked.task, policy or ())
    say = sys.stdout.write
    if locked.choice is None:
        say(f"No recommendation was locked. {locked.abstained_reason}\n")
        return
    say(f"{locked.choice.name}, on evidence {locked.evidence.version} {locked.evidence.sha256[:12]}\n")
    for name, value in sorted(locked.estimates.items()):
        say(f"  {name} {_figure(value.mid)} ({_figure(value.low)} to {_figure(value.high)}) {value.unit}\n")
    candidate = next((c for c in answer.candidates if c.architecture == locked.choice.architecture), None)
    for reason in candidate.reasons if candidate else ():
        say(f"  {reason.text} [{reason.rule_id or reason.benchmark_id}]\n")
    for runner in locked.runners_up:
        say(f"{runner.slug}, {runner.margin:.2f} behind when it was locked\n")
        for sentence in why_not(answer, runner.slug, advisor).sentences:
            say(f"  {sentence.text} [{sentence.rule_id or ', '.join(sentence.benchmark_ids)}]\n")


@lock_app.command("diff")
def diff(old: Annotated[Path, typer.Argument()], new: Annotated[Path, typer.Argument()]) -> None:
    """Every fact in which two locks differ, a line for each."""
    from app.gate.lock import differences
    from app.gate.lock import read as read_lock

    lines = [_line(*difference) for difference in differences(read_lock(old), read_lock(new))]
    sys.stdout.write("".join(f"{line}\n" for line in lines) or "no difference\n")


def _decide(task: Any, policy: Sequence[Path]) -> tuple[Any, Any]:
    from app.fitted import advisor
    from app.gate.decide import decide

    by = advisor(policy)
    return decide(task, by), by


def _counts(fail_on: Sequence[str] | None) -> frozenset[Kind]:
    words = [word for given in fail_on or () for word in given.split(",")]
    if not words:
        return COUNT
    if unknown := [w for w in words if w != "never" and w not in list(Kind)]:
        raise Unprocessable(f"--fail-on {unknown[0]} is not one of {', '.join([*Kind, 'never'])}")
    return frozenset(Kind(word) for word in words if word != "never")


def _validation(path: Path) -> list[Validated]:
    """What a report says of the candidate it raced. Raises Unprocessable where it is no report."""
    try:
        content = path.read_bytes()
        body = json.loads(content)
        verdict, hardware = body["verdict"], [run["hardware"] for run in body["runs"].values() if run]
        named = (hardware[0]["gpu"] or hardware[0]["cpu"]) if hardware else "unknown"
        return [
            Validated(
                id=body["id"],
                architecture=verdict["candidate"],
                verdict=verdict["outcome"],
                hardware=named,
                result_sha256=hashlib.sha256(content).hexdigest(),
            )
        ]
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise Unprocessable(f"{path} is no report of a validation: {error}") from None


def _uri(path: Path) -> str:
    """The file from the root of its repository, as annotations name it; from here where there is none."""
    whole = path.absolute()
    root = next((folder for folder in whole.parents if (folder / ".git").exists()), Path.cwd())
    return whole.relative_to(root).as_posix() if whole.is_relative_to(root) else path.as_posix()


def _today() -> date:
    return datetime.now(UTC).date()


def _line(pointer: str, old: Any, new: Any) -> str:
    return f"{pointer}: {json.dumps(old, ensure_ascii=False)} -> {json.dumps(new, ensure_ascii=False)}"


def _figure(value: float | None) -> str:
    return "?" if value is None else f"{value:.3g}"
