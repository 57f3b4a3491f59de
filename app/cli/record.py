"""backtest: how often the advice is right, and how far off its costs are."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from app.errors import Unprocessable


def backtest(
    extra: Annotated[Path | None, typer.Option(help="Foreign figures as CSV, tested on and never learned from.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The whole report as JSON.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Keep the report as the record that answers show.")] = False,
    cost: Annotated[
        bool, typer.Option("--cost", help="Of the predicted cost instead; FILE has the columns of costs.csv.")
    ] = False,
) -> None:
    """How often the advice is right, leaving out data set and source together. Takes about half a minute."""
    from app.cli.screen import err, out
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
    from app.cli.screen import err, out
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
