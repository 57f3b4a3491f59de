"""serve, worker, mcp, openapi: the service and what stands beside it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


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


def mcp(server: Annotated[str | None, typer.Option(help="URL of a service; absent starts one for this run.")] = None) -> None:
    """Tools for agents by the Model Context Protocol, over standard input and output. A service has them at /mcp."""
    from app.mcp.stdio import run

    run(server)


def worker(
    with_parent: Annotated[bool, typer.Option("--with-parent", hidden=True, help="End when the starting process ends.")] = False,
) -> None:
    """A worker alone, against the same database."""
    from app import logs
    from app.validations.worker import work

    logs.install()
    work(with_parent=with_parent)


def openapi(
    write: Annotated[
        bool, typer.Option("--write", help="Into docs/openapi.json, and docs/api.md from it, where tests want them.")
    ] = False,
) -> None:
    """The OpenAPI document of the service."""
    from app.api import document, reference
    from app.cli.screen import err
    from app.main import create_app

    app = create_app()
    if not write:
        sys.stdout.write(document.text(app))
        return
    for file, changed in ((document.FILE, document.write(app)), (reference.PAGE, reference.write(document.committed()))):
        err.print(f"{file} {'written' if changed else 'says so already'}", highlight=False)
