"""`gan-advisor`: one module for each group of commands; each loads what it needs when it runs."""

from __future__ import annotations

import typer

from app.cli import asking, database, keys, knowledge, record, serving, training
from app.cli.ends import main_errors
from app.gate import commands as gate

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Which GAN for my data.")
for command in (
    serving.serve,
    serving.mcp,
    serving.worker,
    asking.recommend,
    training.validate,
    training.train,
    training.replay,
    record.backtest,
    asking.estimate,
    serving.openapi,
    asking.fingerprint,
    gate.check,
):
    app.command()(command)
for name, group in (("knowledge", knowledge), ("db", database), ("keys", keys)):
    app.add_typer(group.app, name=name)
app.add_typer(gate.lock_app, name="lock")


def main() -> None:
    """The command `gan-advisor`."""
    main_errors(lambda: app(prog_name="gan-advisor"))
