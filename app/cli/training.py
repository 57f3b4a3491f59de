"""validate, train, replay: what spends time on a machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.ends import NOT_CONFIRMED, OK
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
    from app.cli.screen import err, out
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
) -> None:
    """Plays finished runs again by their steps and compares every figure. 0: the same to the last bit; 2: not; 64: cannot be done."""
    raise typer.Exit(subprocess.run([sys.executable, "-m", "models.replay", str(report)], check=False).returncode)
