"""recommend, estimate, fingerprint: answers without a server."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.task import given, read_task

if TYPE_CHECKING:
    from app.recommend.cost import Pair


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
    from app.cli.screen import out
    from app.watch import show_answer, show_why_not

    data = dict(
        type=type, resolution=resolution, channels=channels, samples=samples, classes=classes, labels=labels, pairing=pairing
    )
    budget = dict(gpu=gpu, gpu_hours=gpu_hours, memory_gb=memory_gb, usd=usd)
    asked_for: dict[str, Any] = {
        "task": task,
        "data": data,
        "budget": budget,
        "constraints": {"licence": licence},
        "top_k": top_k,
    }
    asked = read_task(file, given(asked_for))
    advisor = fitted.advisor(policy or ())
    answer = ask(asked, advisor)
    reason = why_not(answer, not_first, advisor) if not_first is not None else None
    if json:
        sys.stdout.write((reason or answer).model_dump_json(indent=2) + "\n")
    elif reason is not None:
        show_why_not(out, reason)
    else:
        show_answer(out, answer)


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
    """What training costs: memory, time, money and energy, with their parts. Without a server; corrected by what was measured here."""
    from app.cli.screen import out
    from app.estimates import estimate as run
    from app.estimates import read_request
    from app.fitted import shipped
    from app.watch import show_estimate

    budget = given(dict(memory_gb=memory_gb, gpu_hours=gpu_hours, usd=usd))
    sizes = dict(resolution=resolution, length=length, batch_size=batch, images_per_pass=images_per_pass, precision=precision)
    rest = dict(gpu=gpu, gpus=gpus, kimg=kimg, budget=budget, questions=question)
    found = run(read_request({"architecture": architecture, **given(sizes), **given(rest)}), shipped(), _measured())
    if json:
        sys.stdout.write(found.model_dump_json(indent=2) + "\n")
    else:
        show_estimate(out, found)


def _measured() -> Sequence[Pair]:
    """The ledger of the database of the settings; nothing where there is none yet, and a warning where it cannot be read."""
    from app.settings import settings

    if not settings().database_url and not settings().embedded.exists():
        return ()
    from app.validations.ledger import at_hand

    return at_hand()


def fingerprint(
    path: Annotated[Path, typer.Argument(help="A folder, a zip of one, or a csv, tsv, npz, npy, txt or smi file.")],
    json: Annotated[bool, typer.Option("--json", help="The whole fingerprint as JSON.")] = False,
    write: Annotated[Path | None, typer.Option(help="Also write the task file, such as gan-task.yaml.")] = None,
) -> None:
    """Reads a data set here, shows what is odd about it, and prints the task file it implies."""
    import yaml

    from app.cli.screen import err
    from app.fingerprint import fingerprint as read
    from app.watch import counting, show_fingerprint

    with counting(err) as progress:
        found = read(path, progress)
    task = yaml.safe_dump(found.task.model_dump(mode="json", exclude_defaults=True), sort_keys=False)
    if write is not None:
        write.write_text(task)
    if json:
        sys.stdout.write(found.model_dump_json(indent=2) + "\n")
        return
    show_fingerprint(err, found)
    sys.stdout.write(task)
