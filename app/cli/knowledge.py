"""`gan-advisor knowledge`: upkeep of the knowledge base."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
import yaml

from app.cli.ends import OK, OUR_ERROR
from app.errors import UnknownSlug

app = typer.Typer(no_args_is_help=True, help="Upkeep of the knowledge base.")


@app.command("lint")
def knowledge_lint() -> None:
    """Holds the knowledge files against their laws. Exit 1 on a finding."""
    from app.knowledge.lint import lint

    findings = list(lint())
    for finding in findings:
        sys.stdout.write(f"{finding}\n")
    sys.stdout.write(f"{len(findings)} findings\n")
    raise typer.Exit(OUR_ERROR if findings else OK)


@app.command("fmt")
def knowledge_fmt(
    check: Annotated[bool, typer.Option("--check", help="Change nothing, exit 1 if something would.")] = False,
) -> None:
    """Writes the knowledge files in their canonical form."""
    from app.knowledge.fmt import fmt

    changed = fmt(check=check)
    for path in changed:
        sys.stdout.write(f"{path}\n")
    raise typer.Exit(OUR_ERROR if check and changed else OK)


@app.command("sync")
def knowledge_sync() -> None:
    """Brings the shipped knowledge into the database; nothing happens when it is there."""
    from app.knowledge.load import load
    from app.knowledge.sync import sync

    report = sync(load())
    word = "synced" if report.changed else "unchanged,"
    sys.stdout.write(f"{word} {report.rows} rows in {report.seconds:.2f} s\n")


@app.command("show")
def knowledge_show(slug: Annotated[str, typer.Argument(help="An architecture.")]) -> None:
    """One architecture and its figures."""
    from app.knowledge.load import load

    knowledge = load()
    if slug not in knowledge.architectures:
        raise UnknownSlug("SLUG", slug, knowledge.architectures)
    body = knowledge.architectures[slug].model_dump(mode="json", exclude_none=True)
    sys.stdout.write(yaml.safe_dump(body, sort_keys=False, allow_unicode=True))
    for b in knowledge.benchmarks:
        if b.architecture == slug:
            sys.stdout.write(f"{b.dataset:24} {b.metric:16} {b.value:>10g}  {b.reported_by:11} {b.source}\n")
