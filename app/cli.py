"""`gan-advisor`: serve, worker, recommend, fingerprint, estimate, validate, train, backtest, knowledge, db, keys."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
import yaml
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console

from app import errors
from app.errors import AdvisorError, FieldProblem, LockUnreadable, Unprocessable, field_problem
from app.gate import commands as gate
from app.keys_cli import app as keys_app

if TYPE_CHECKING:
    from app.client import Client

# Exit codes of `check` and `validate`.
OK, OUR_ERROR, NOT_CONFIRMED, STALE, USAGE, TRY_LATER = 0, 1, 4, 5, 64, 75

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Which GAN for my data.")
knowledge_app = typer.Typer(no_args_is_help=True, help="Upkeep of the knowledge base.")
db_app = typer.Typer(no_args_is_help=True, help="Upkeep of the database.")
app.add_typer(knowledge_app, name="knowledge")
app.add_typer(db_app, name="db")
app.add_typer(keys_app, name="keys")
app.command()(gate.check)
app.add_typer(gate.lock_app, name="lock")
out = Console()
err = Console(stderr=True)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address; GAN_ADVISOR_HOST.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port, 0 takes a free one; GAN_ADVISOR_PORT.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, max=64, help="Worker processes; GAN_ADVISOR_WORKERS.")] = None,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="API and dashboard alone.")] = False,
) -> None:
    """API, dashboard and workers on one machine."""
    from app.serve import serve as run
    from app.settings import settings

    s = settings()
    count = 0 if no_worker else (s.workers if workers is None else workers)
    run(host or s.host, s.port if port is None else port, count)


@app.command()
def mcp(server: Annotated[str | None, typer.Option(help="URL of a service; absent starts one for this run.")] = None) -> None:
    """Tools for agents by the Model Context Protocol, over standard input and output. A service has them at /mcp."""
    from app.mcp.stdio import run

    run(server)


@app.command()
def worker(
    with_parent: Annotated[bool, typer.Option("--with-parent", hidden=True, help="End when the starting process ends.")] = False,
) -> None:
    """A worker alone, against the same database."""
    from app import logs
    from app.validations.worker import work

    logs.install()
    work(with_parent=with_parent)


@app.command()
def recommend(
    file: Annotated[Path | None, typer.Argument(help="A task as YAML or JSON; - reads standard input.")] = None,
    type: Annotated[str | None, typer.Option(help="image, video, tabular, time-series, audio, text, graph, ...")] = None,
    task: Annotated[str | None, typer.Option(help="A task slug; derived from the data when absent.")] = None,
    resolution: int | None = None,
    channels: int | None = None,
    samples: int | None = None,
    classes: int | None = None,
    labels: str | None = None,
    pairing: str | None = None,
    gpu: str | None = None,
    gpu_hours: float | None = None,
    memory_gb: float | None = None,
    usd: float | None = None,
    licence: str | None = None,
    top_k: int | None = None,
    not_first: Annotated[str | None, typer.Option("--why-not", help="An architecture: why it is not the first choice.")] = None,
    policy: Annotated[list[Path] | None, typer.Option(help="A file with rules of your own; docs/policies.md.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The whole answer as JSON.")] = False,
) -> None:
    """The answer, without a server."""
    from app import fitted
    from app.asking import ask, why_not
    from app.watch import show_answer, show_why_not

    data = dict(
        type=type, resolution=resolution, channels=channels, samples=samples, classes=classes, labels=labels, pairing=pairing
    )
    budget = dict(gpu=gpu, gpu_hours=gpu_hours, memory_gb=memory_gb, usd=usd)
    given: dict[str, Any] = {"task": task, "data": data, "budget": budget, "constraints": {"licence": licence}, "top_k": top_k}
    asked = read_task(file, _given(given))
    advisor = fitted.advisor(policy or ())
    answer = ask(asked, advisor.knowledge, advisor)
    reason = why_not(answer, not_first, advisor) if not_first is not None else None
    if json:
        sys.stdout.write((reason or answer).model_dump_json(indent=2) + "\n")
    elif reason is not None:
        show_why_not(out, reason)
    else:
        show_answer(out, answer)


@app.command()
def validate(
    file: Annotated[Path, typer.Argument(help="A task as YAML or JSON; - reads standard input.")],
    dataset: Annotated[str, typer.Option(help="A data set the worker knows, such as mnist-5k, or your own folder or file.")],
    max_seconds: Annotated[float, typer.Option(min=1, help="Training time over all runs.")] = 120,
    architectures: Annotated[list[str] | None, typer.Option("--architecture", help="Instead of the best trainable ones.")] = None,
    seed: int = 0,
    server: Annotated[str | None, typer.Option(help="URL of a service; absent starts one for this run.")] = None,
    out_dir: Annotated[Path | None, typer.Option("--out", help="Folder for samples.png, curves.svg and report.json.")] = None,
) -> None:
    """Recommend, train, verdict. Exit 0 confirmed, 4 overturned, inconclusive or failed, 75 try again later."""
    from app.client import Client
    from app.settings import settings
    from app.watch import local_service

    own = [] if server or not Path(dataset).exists() else [Path(dataset).resolve()]
    body = {
        "task": read_task(file, {}).model_dump(mode="json", exclude_none=True),
        "dataset": str(own[0]) if own else dataset,
        "budget": {"max_seconds": max_seconds},
        "seed": seed,
    }
    if architectures:
        body["architectures"] = architectures
    with Client(server, key=settings().key.get_secret_value()) if server else local_service(folders=own) as client:
        outcome = follow(client, body, out_dir)
    raise typer.Exit(OK if outcome == "confirmed" else NOT_CONFIRMED)


def follow(client: Client, body: dict[str, Any], out_dir: Path | None) -> str:
    """Queues a validation, shows it until its end, fetches what it leaves; the verdict's outcome, or the final status."""
    from app.watch import Watcher

    made = client.validate(body)
    out.print(f"validation {made.id}", highlight=False)
    with Watcher(out) as watcher:
        done = client.wait(made.id, watcher)
    verdict = (done.report or {}).get("verdict")
    if out_dir is not None:
        out_dir.mkdir(parents=True, exist_ok=True)
        for name in ("samples.png", "curves.svg", "report.json"):
            if verdict:
                (out_dir / name).write_bytes(client.download(made.id, name))
    if not verdict:
        err.print(f"{done.status}: {done.status_reason}", highlight=False)
        return str(done.status)
    out.print(f"{verdict['outcome']}: {verdict['reason']}", highlight=False)
    return str(verdict["outcome"])


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe file, as a validation leaves it.")],
    out_dir: Annotated[Path, typer.Option("--out", help="The folder of the run; run again to resume it.")],
) -> None:
    """One training run, by hand."""
    from models.contract import RECIPE, read_recipe, write_recipe

    if not recipe.is_file():
        raise Unprocessable(f"there is no recipe at {recipe}")
    try:
        write_recipe(out_dir, *read_recipe(recipe))
    except ValueError as error:
        raise Unprocessable(str(error)) from None
    out.print(f"training into {out_dir / RECIPE}", highlight=False)
    raise typer.Exit(subprocess.run([sys.executable, "-m", "models.train", str(out_dir)], check=False).returncode)


@app.command()
def replay(
    report: Annotated[Path, typer.Argument(help="report.json of a run or of a validation, or the folder that holds it.")],
) -> None:
    """Plays finished runs again by their steps and compares every figure. 0: the same to the last bit; 2: not; 64: cannot be done."""
    raise typer.Exit(subprocess.run([sys.executable, "-m", "models.replay", str(report)], check=False).returncode)


@app.command()
def backtest(
    extra: Annotated[Path | None, typer.Option(help="Foreign figures as CSV, tested on and never learned from.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The whole report as JSON.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Keep the report as the record that answers show.")] = False,
    cost: Annotated[
        bool, typer.Option("--cost", help="Of the predicted cost instead; FILE has the columns of costs.csv.")
    ] = False,
) -> None:
    """How often the advice is right, leaving out data set and source together. Takes about half a minute."""
    from app.knowledge import record
    from app.knowledge.load import load
    from app.recommend.backtest import METHODS, foreign
    from app.recommend.backtest import backtest as run
    from app.watch import number

    knowledge = load()
    if extra is not None and not extra.is_file():
        raise Unprocessable(f"there is no table at {extra}")
    if cost:
        _backtest_cost(knowledge, extra, json)
        return
    rows, directions, unread = None, None, 0
    if extra is not None:
        with extra.open(encoding="utf-8", newline="") as text:
            rows, directions, unread = foreign(csv.DictReader(text), knowledge)
    report = run(knowledge, rows, directions)
    if write:
        changed = record.write(report["own"])
        err.print(f"{record.FILE} {'written' if changed else 'says so already'}", highlight=False)
    if json:
        sys.stdout.write(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    for name in ("own", "extra"):
        if report[name] is not None:
            out.print(f"{name}: {report[name]['groups']} groups", highlight=False)
            for method in METHODS:
                scores = "  ".join(f"{k} {number(v):>6}" for k, v in report[name]["methods"][method].items())
                out.print(f"  {method:14} {scores}", highlight=False, soft_wrap=True)
    if unread:
        err.print(f"{unread} lines of {extra} could not be read", highlight=False)


def _backtest_cost(knowledge: Any, extra: Path | None, json: bool) -> None:
    from app.recommend.cost.backtest import backtest as run
    from app.recommend.cost.backtest import foreign
    from app.watch import show_cost_report

    rows = None
    left: dict[str, int] = {}
    if extra is not None:
        with extra.open(encoding="utf-8", newline="") as text:
            rows, left = foreign(csv.DictReader(text), knowledge)
    report = run(knowledge, rows)
    if json:
        sys.stdout.write(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        show_cost_report(out, report)
    for reason, count in left.items():
        err.print(f"{count} lines of {extra} left out: {reason}", highlight=False)


@app.command()
def estimate(
    architecture: Annotated[str, typer.Argument(help="Slug, alias or name.")],
    resolution: int | None = None,
    length: int | None = None,
    batch: Annotated[int | None, typer.Option(help="Samples a step, over all GPUs.")] = None,
    images_per_pass: Annotated[int | None, typer.Option(help="Samples at once on one GPU.")] = None,
    precision: Annotated[str | None, typer.Option(help="fp32 or mixed.")] = None,
    gpu: Annotated[str | None, typer.Option(help="A name such as `RTX 3090`, or CPU.")] = None,
    gpus: int = 1,
    kimg: Annotated[float | None, typer.Option(help="Thousands of samples shown in training.")] = None,
    memory_gb: float | None = None,
    gpu_hours: float | None = None,
    usd: float | None = None,
    question: Annotated[
        list[str] | None, typer.Option(help="largest-batch, largest-resolution, cheapest-gpu or more-memory; again for more.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The whole estimate as JSON.")] = False,
) -> None:
    """What training costs: memory, time, money and energy, with their parts. Without a server."""
    from app.estimates import estimate as run
    from app.estimates import read_request
    from app.fitted import shipped
    from app.watch import show_estimate

    budget = _given(dict(memory_gb=memory_gb, gpu_hours=gpu_hours, usd=usd))
    sizes = dict(resolution=resolution, length=length, batch_size=batch, images_per_pass=images_per_pass, precision=precision)
    rest = dict(gpu=gpu, gpus=gpus, kimg=kimg, budget=budget, questions=question)
    found = run(read_request({"architecture": architecture, **_given(sizes), **_given(rest)}), shipped())
    if json:
        sys.stdout.write(found.model_dump_json(indent=2) + "\n")
    else:
        show_estimate(out, found)


@knowledge_app.command("lint")
def knowledge_lint() -> None:
    """Holds the knowledge files against their laws. Exit 1 on a finding."""
    from app.knowledge.lint import lint

    findings = list(lint())
    for finding in findings:
        sys.stdout.write(f"{finding}\n")
    sys.stdout.write(f"{len(findings)} findings\n")
    raise typer.Exit(OUR_ERROR if findings else OK)


@knowledge_app.command("fmt")
def knowledge_fmt(
    check: Annotated[bool, typer.Option("--check", help="Change nothing, exit 1 if something would.")] = False,
) -> None:
    """Writes the knowledge files in their canonical form."""
    from app.knowledge.fmt import fmt

    changed = fmt(check=check)
    for path in changed:
        sys.stdout.write(f"{path}\n")
    raise typer.Exit(OUR_ERROR if check and changed else OK)


@knowledge_app.command("sync")
def knowledge_sync() -> None:
    """Brings the shipped knowledge into the database; nothing happens when it is there."""
    from app.knowledge.load import load
    from app.knowledge.sync import sync

    report = sync(load())
    word = "synced" if report.changed else "unchanged,"
    sys.stdout.write(f"{word} {report.rows} rows in {report.seconds:.2f} s\n")


@knowledge_app.command("show")
def knowledge_show(slug: Annotated[str, typer.Argument(help="An architecture.")]) -> None:
    """One architecture and its figures."""
    from app.knowledge.load import load

    knowledge = load()
    if slug not in knowledge.architectures:
        raise errors.UnknownSlug("SLUG", slug, knowledge.architectures)
    body = knowledge.architectures[slug].model_dump(mode="json", exclude_none=True)
    sys.stdout.write(yaml.safe_dump(body, sort_keys=False, allow_unicode=True))
    for b in knowledge.benchmarks:
        if b.architecture == slug:
            sys.stdout.write(f"{b.dataset:24} {b.metric:16} {b.value:>10g}  {b.reported_by:11} {b.source}\n")


@db_app.command("upgrade")
def db_upgrade() -> None:
    """Brings the database to this version."""
    from app import db
    from app.settings import settings

    db.upgrade()
    url = settings().url
    sys.stdout.write(f"{url.split('@')[-1] if '@' in url else url} is up to date\n")


@db_app.command("backup")
def db_backup(file: Annotated[Path, typer.Argument(help="A new file.")]) -> None:
    """Copies the embedded database as it is now, while services and workers go on."""
    from app import db

    db.backup(file)
    sys.stdout.write(f"{file} holds the database; restore it with `gan-advisor db restore {file}`\n")


@db_app.command("restore")
def db_restore(file: Annotated[Path, typer.Argument(help="What `db backup` wrote.")]) -> None:
    """Puts a backup in the place of the embedded database. Stop services and workers before."""
    from app import db
    from app.settings import settings

    db.restore(file)
    sys.stdout.write(f"{settings().url} is restored, and up to date\n")


@app.command()
def openapi(
    write: Annotated[bool, typer.Option("--write", help="Into docs/openapi.json, where a test wants it.")] = False,
) -> None:
    """The OpenAPI document of the service."""
    from app.api import document
    from app.main import create_app

    if not write:
        sys.stdout.write(document.text(create_app()))
    else:
        err.print(f"{document.FILE} {'written' if document.write(create_app()) else 'says so already'}", highlight=False)


@app.command("fingerprint")
def fingerprint_(
    path: Annotated[Path, typer.Argument(help="A folder, a zip of one, or a csv, tsv, npz, npy, txt or smi file.")],
    json: Annotated[bool, typer.Option("--json", help="The whole fingerprint as JSON.")] = False,
    write: Annotated[Path | None, typer.Option(help="Also write the task file, such as gan-task.yaml.")] = None,
) -> None:
    """Reads a data set here, shows what is odd about it, and prints the task file it implies."""
    from app.fingerprint import fingerprint
    from app.watch import counting, show_fingerprint

    with counting(err) as progress:
        found = fingerprint(path, progress)
    task = yaml.safe_dump(found.task.model_dump(mode="json", exclude_defaults=True), sort_keys=False)
    if write is not None:
        write.write_text(task)
    if json:
        sys.stdout.write(found.model_dump_json(indent=2) + "\n")
        return
    show_fingerprint(err, found)
    sys.stdout.write(task)


def read_task(file: Path | None, given: dict[str, Any]) -> Any:
    """The task of a file, with the options laid over it. Raises Unprocessable that names each wrong field."""
    from app.vocabulary import Task

    body: Any = {}
    if file is not None:
        if str(file) != "-" and not file.is_file():
            raise Unprocessable(f"there is no task file at {file}")
        try:
            body = yaml.safe_load(sys.stdin.read() if str(file) == "-" else file.read_text())
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise Unprocessable(f"{file} is neither YAML nor JSON: {error}") from None
        if not isinstance(body, dict):
            raise Unprocessable(f"{file} must hold a mapping with at least data.type")
    body.pop("policy", None)  # what `check` holds the choice to; no part of the question
    for key, value in given.items():
        body[key] = {**(body.get(key) or {}), **value} if isinstance(value, dict) else value
    try:
        return Task.model_validate_json(orjson.dumps(body))
    except ValidationError as error:
        problems: list[FieldProblem] = [field_problem({**e, "loc": ("body", *e["loc"])}) for e in error.errors()]
        raise Unprocessable("the task cannot be used", problems) from None


def _given(tree: Any) -> Any:
    """A mapping without its empty branches."""
    if not isinstance(tree, dict):
        return tree
    pruned = {key: _given(value) for key, value in tree.items()}
    return {key: value for key, value in pruned.items() if value is not None and value != {}}


def main() -> None:
    """The command `gan-advisor`."""
    main_errors(lambda: app(prog_name="gan-advisor"))


def main_errors(run: Callable[[], object]) -> None:
    """Runs a command; an error of ours is a message and an exit code, never a stack."""
    try:
        run()
    except SystemExit as end:  # typer ends a wrong option with 2, which here is drift
        raise SystemExit(USAGE if hasattr(end.__context__, "format_message") else end.code) from None
    except (ValidationError, SettingsError) as error:
        if isinstance(error, ValidationError) and error.title != "Settings":
            raise
        for line in wrong_settings(error):
            err.print(f"error: {line}", highlight=False, markup=False, soft_wrap=True)
        raise SystemExit(USAGE) from None
    except AdvisorError as error:
        err.print(f"error: {error.detail}", highlight=False, markup=False, soft_wrap=True)
        for problem in error.errors:
            allowed = f" (allowed: {problem.allowed})" if problem.allowed else ""
            err.print(f"  {problem.pointer}: {problem.detail}{allowed}", highlight=False, markup=False, soft_wrap=True)
        if isinstance(error, LockUnreadable):
            raise SystemExit(STALE) from None
        usage = 400 <= error.status < 500
        raise SystemExit(USAGE if usage else (TRY_LATER if error.retryable else OUR_ERROR)) from None


def wrong_settings(error: ValidationError | SettingsError) -> list[str]:
    """Which environment variables cannot be used, and why."""
    if isinstance(error, SettingsError):
        return [str(error)]
    return [f"GAN_ADVISOR_{'_'.join(map(str, e['loc'][:1])).upper()}: {e['msg']}" for e in error.errors()]


if __name__ == "__main__":
    main()
