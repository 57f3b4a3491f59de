"""validate, train, replay: what spends time on a machine."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.ends import NOT_CONFIRMED, OK, TRY_LATER
from app.cli.task import read_task
from app.errors import Unprocessable

if TYPE_CHECKING:
    from app.client import Client


def validate(
    file: Annotated[Path, typer.Argument(help="A task as YAML or JSON; - reads standard input.")],
    dataset: Annotated[str, typer.Option(help="A data set the worker knows, such as mnist-5k, or your own folder or file.")],
    max_seconds: Annotated[float, typer.Option(min=1, help="Training time over all runs.")] = 120,
    architectures: Annotated[list[str] | None, typer.Option("--architecture", help="Instead of the best trainable ones.")] = None,
    seed: int = 0,
    server: Annotated[str | None, typer.Option(help="URL of a service; absent starts one for this run.")] = None,
    out_dir: Annotated[Path | None, typer.Option("--out", help="Folder for samples.png, curves.svg and report.json.")] = None,
    key: Annotated[
        str | None, typer.Option("--idempotency-key", help="The same key joins what it has started on a server.")
    ] = None,
    format: Annotated[str, typer.Option(help="text, or github for annotations and outputs of a workflow.")] = "text",
) -> None:
    """Recommend, train, verdict. Exit 0 confirmed, 4 overturned, inconclusive or failed, 75 try again later.

    SIGTERM cancels what runs on a server.
    """
    from app.client import Client
    from app.gate.formats import trouble
    from app.settings import settings
    from app.watch import local_service

    if format not in ("text", "github"):
        raise Unprocessable(f"{format} is not one of the formats text, github")
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
        made = client.validate(body, idempotency_key=key)
        if format == "github":
            github_output({"validation-url": f"{server or ''}/validations/{made.id}"})
        with canceling(client, made.id) if server else nullcontext():
            outcome, why = follow(client, made.id, out_dir)
    if format == "github":
        github_output({"verdict": outcome})
        sys.stdout.write("" if outcome == "confirmed" else trouble(f"{outcome}: {why}", file.as_posix(), "validate"))
    raise typer.Exit(OK if outcome == "confirmed" else NOT_CONFIRMED)


def follow(client: Client, validation_id: str, out_dir: Path | None) -> tuple[str, str]:
    """Shows a validation until its end and fetches what it leaves; the verdict's outcome, or the final status, and why."""
    from app.cli.screen import err, out
    from app.watch import Watcher

    out.print(f"validation {validation_id}", highlight=False)
    with Watcher(out) as watcher:
        done = client.wait(validation_id, watcher)
    verdict = (done.report or {}).get("verdict")
    if out_dir is not None:
        out_dir.mkdir(parents=True, exist_ok=True)
        for name in ("samples.png", "curves.svg", "report.json"):
            if verdict:
                (out_dir / name).write_bytes(client.download(validation_id, name))
    if not verdict:
        err.print(f"{done.status}: {done.status_reason}", highlight=False)
        return str(done.status), str(done.status_reason or "")
    out.print(f"{verdict['outcome']}: {verdict['reason']}", highlight=False)
    return str(verdict["outcome"]), str(verdict["reason"])


@contextmanager
def canceling(client: Client, validation_id: str) -> Iterator[None]:
    """SIGTERM inside cancels the validation, and ends with 75: a build that is stopped must not leave a machine at work."""

    def stop(*_: object) -> None:
        raise SystemExit(TRY_LATER)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except SystemExit:
        client.cancel(validation_id)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def github_output(values: Mapping[str, str]) -> None:
    """For the later steps of a workflow; nothing elsewhere."""
    from app.settings import github_file

    if (page := github_file("OUTPUT")) is not None:
        with page.open("a", encoding="utf-8") as text:
            text.writelines(f"{name}={value}\n" for name, value in values.items())


def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe file, as a validation leaves it.")],
    out_dir: Annotated[Path, typer.Option("--out", help="The folder of the run; run again to resume it.")],
) -> None:
    """One training run, by hand."""
    from app.cli.screen import out
    from models.contract import RECIPE, read_recipe, write_recipe

    if not recipe.is_file():
        raise Unprocessable(f"there is no recipe at {recipe}")
    try:
        write_recipe(out_dir, *read_recipe(recipe))
    except ValueError as error:
        raise Unprocessable(str(error)) from None
    out.print(f"training into {out_dir / RECIPE}", highlight=False)
    raise typer.Exit(subprocess.run([sys.executable, "-m", "models.train", str(out_dir)], check=False).returncode)


def replay(
    report: Annotated[Path, typer.Argument(help="report.json of a run or of a validation, or the folder that holds it.")],
    dataset: Annotated[str | None, typer.Option(help="Where the data set lies, if a report names one of your own.")] = None,
) -> None:
    """Plays finished runs again by their steps and compares every figure. 0: the same to the last bit; 2: not; 64: cannot be done."""
    own = [] if dataset is None else ["--dataset", dataset]
    raise typer.Exit(subprocess.run([sys.executable, "-m", "models.replay", str(report), *own], check=False).returncode)
