"""What a person sees in a terminal: the answer as a table, a validation as a bar, plain lines where nobody watches."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from app.client import Client
from app.errors import NotReady
from app.settings import service_environment, settings
from app.vocabulary import Estimate, Fingerprint, Recommendation, WhyNot

START_SECONDS = 60.0


@contextlib.contextmanager
def local_service(workers: int = 1, folders: Sequence[Path] = ()) -> Iterator[Client]:
    """A client of a service of our own that may read `folders`, ended with the block. Raises NotReady when it does not come up."""
    with local_address(workers, folders) as url, Client(url, key=settings().key.get_secret_value()) as client:
        yield client


@contextlib.contextmanager
def local_address(workers: int = 1, folders: Sequence[Path] = ()) -> Iterator[str]:
    """The URL of a service of our own on a free loopback port, ended with the block. Raises NotReady when it does not come up."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port), "--workers", str(workers)]
    log = settings().data_dir.absolute() / "service.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as lines:
        service = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=lines, stderr=lines, env=service_environment(folders)
        )
    try:
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{url}/healthz", timeout=5).status_code == 200:
                    break
            if service.poll() is not None or time.monotonic() > deadline:
                raise NotReady(f"the local service did not start; {log} shows why")
            time.sleep(0.1)
        yield url
    finally:
        service.terminate()
        service.wait(60)


def show_answer(console: Console, answer: Recommendation) -> None:
    """The ranking, then each candidate's reasons with what stands behind them."""
    if answer.abstained:
        console.print(f"[bold]No recommendation.[/bold] {answer.abstained_reason}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("", "architecture", "score", "expected (80 %)", "memory", "GPU hours", "trains here"):
        table.add_column(title)
    for c in answer.candidates:
        q, cost = c.quality, c.cost
        table.add_row(
            str(c.rank),
            c.architecture,
            f"{c.score:+.2f}",
            f"{q.metric} {number(q.expected)} ({number(q.low)}-{number(q.high)})",
            "?" if cost.peak_memory_bytes.expected is None else f"{cost.peak_memory_bytes.expected / 1e9:.1f} GB",
            number(cost.gpu_hours.expected),
            "yes" if c.trainable else "",
        )
    console.print(table)
    for c in answer.candidates[:3]:
        console.print(f"\n[bold]{c.rank} {c.name}[/bold]", highlight=False)
        for reason in c.reasons[:6]:
            console.print(f"  {reason.text} [dim]\\[{reason.rule_id or reason.benchmark_id}][/dim]", highlight=False)
    for assumption in answer.assumptions:
        console.print(f"[dim]assumed {assumption.pointer} = {assumption.value}: {assumption.because}[/dim]", highlight=False)
    for advice in answer.advice:
        console.print(
            f"advice: {advice.text} [dim]\\[{advice.rule_id or ', '.join(advice.benchmark_ids)}][/dim]", highlight=False
        )
    if answer.record is not None:
        console.print(f"{answer.record.text} [dim]\\[{answer.record.id}][/dim]", highlight=False)
    for flip in answer.flips:
        console.print(f"[dim]{flip.text}[/dim]", highlight=False)
    console.print(
        f"[dim]{len(answer.excluded)} excluded; knowledge {answer.knowledge.version} {answer.knowledge.sha256[:12]}[/dim]"
    )


def show_estimate(console: Console, found: Estimate) -> None:
    """The figures with their intervals, the parts of the memory, what was assumed, and the answers to the questions."""
    console.print(f"[bold]{found.name}[/bold], {found.gpus} x {found.gpu}. {found.why}", highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("", "expected", f"{found.level:.0%} interval"):
        table.add_column(title)
    for name, value, unit, scale in (
        ("memory of one GPU", found.peak_memory_bytes, "GB", 1e9),
        ("in the first minutes", found.start_up_bytes, "GB", 1e9),
        (f"a thousand {found.unit}s", found.seconds_per_kimg, "s", 1.0),
        ("training", found.train_seconds, "h", 3600.0),
        ("GPU-hours", found.gpu_hours, "h", 1.0),
        ("money", found.usd, "USD", 1.0),
        ("energy", found.energy_kwh, "kWh", 1.0),
    ):
        if value.expected is None:
            continue
        low, expected, high = (number(v and v / scale) for v in (value.low, value.expected, value.high))
        table.add_row(name, f"{expected} {unit}", f"{low}-{high}")
    console.print(table)
    for part in found.memory_parts:
        console.print(f"  {part.name:12} {part.bytes / 1e9:6.2f} GB  [dim]{part.because}[/dim]", highlight=False)
    for told in found.answers:
        console.print(f"[bold]{told.question}[/bold]: {told.text}", highlight=False, soft_wrap=True)
    for assumption in found.assumptions:
        console.print(f"[dim]assumed {assumption}[/dim]", highlight=False, soft_wrap=True)
    console.print(f"[dim]{found.basis}; {found.ledger_pairs} pairs of the ledger[/dim]", highlight=False, soft_wrap=True)


def show_cost_report(console: Console, report: dict[str, Any]) -> None:
    """Relative errors and the share inside the 90 % interval, of rows whose architecture is known and of the others."""
    for name in ("own", "extra"):
        scores = report[name]
        for label, part in ((name, scores), (f"{name}, unseen architectures", scores and scores["unseen"])):
            for what in ("time", "memory"):
                if part and part[f"{what}_rows"]:
                    median, p90, inside = (
                        number(part[f"{what}_{s}"]) for s in ("median_relative_error", "p90_relative_error", "coverage90")
                    )
                    line = f"{label}: {what} of {part[f'{what}_rows']} rows: median {median}  p90 {p90}  inside {inside}"
                    console.print(line, highlight=False, soft_wrap=True)


def show_why_not(console: Console, found: WhyNot) -> None:
    """What keeps an architecture from being first, each sentence with what stands behind it."""

    def say(text: str, *ids: str | None) -> None:
        console.print(f"{text} [dim]\\[{', '.join(i for i in ids if i)}][/dim]", highlight=False)

    for sentence in found.sentences:
        say(sentence.text, sentence.rule_id, *sentence.benchmark_ids)
    for ground in found.excluded_by:
        say(f"excluded: {ground.text}", ground.rule_id)
        for change in ground.lifted_by:
            say(f"  {change.text}", ground.rule_id)
    for part in found.parts:
        console.print(
            f"\n[bold]{part.part}[/bold] {part.behind:+.3g} behind: {part.own:.3g} against {part.first:.3g}", highlight=False
        )
        for whose, reasons in (("own", part.reasons), ("first", part.first_reasons)):
            for reason in reasons:
                say(f"  {whose}: {reason.text}", reason.rule_id, reason.benchmark_id)
    if found.flip is not None:
        say(found.flip.text, found.flip.rule_id, *found.flip.benchmark_ids)


@contextlib.contextmanager
def counting(console: Console) -> Iterator[Callable[[int, int], None]]:
    """A bar for work that counts what it has done; it shows where somebody watches."""
    with Progress(TextColumn("reading"), BarColumn(), TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def show_fingerprint(console: Console, found: Fingerprint) -> None:
    """What a data set is on one line, its classes or columns, and every fault."""
    console.print(f"{found.type.value}: {found.samples:,} samples, {found.bytes / 1e6:,.1f} MB", highlight=False)
    for name in ("side", "length", "seconds"):
        if (values := getattr(found, name)) is not None:
            console.print(f"{name} {values.low:g} to {values.high:g}, middle {values.median:g}", highlight=False)
    if found.classes:
        console.print(
            "classes " + ", ".join(f"{c.name} {c.samples:,}" for c in found.classes[:20]), highlight=False, markup=False
        )
    if found.columns:
        table = Table("column", "kind", "distinct", "gaps")
        for column in found.columns[:40]:
            table.add_row(column.name, column.kind, f"{column.distinct:,}", f"{column.missing:,}" if column.missing else "")
        console.print(table)
    for fault in found.faults:
        examples = f" ({', '.join(fault.examples)})" if fault.examples else ""
        console.print(f"{fault.count:,} x {fault.text}{examples}", highlight=False, markup=False)


def number(value: float | None) -> str:
    return "?" if value is None else f"{value:.3g}"


class Watcher:
    """Follows the events of a validation: a bar in a terminal, one line per telling event elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("queued", total=1.0)
        self._spoken = 0.0

    def __enter__(self) -> Watcher:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def __call__(self, event: dict[str, Any]) -> None:
        kind, data = event["type"].removeprefix("validation."), event["data"]
        if kind == "progress":
            text = f"{data.get('run', '')} {data.get('kimg', 0):.1f} kimg"
            self._bar.update(self._task, completed=data.get("fraction", 0.0), description=text)
            if not self._console.is_terminal and time.monotonic() - self._spoken > 5:
                self._spoken = time.monotonic()
                self._console.print(f"{100 * data.get('fraction', 0):3.0f} %  {text}", highlight=False)
        elif kind not in ("checkpoint", "samples", "verdict", "succeeded"):  # the verdict is said at the end
            self._console.print(f"{kind}: {summary(data)}", highlight=False)


def summary(data: dict[str, Any]) -> str:
    """The telling fields of an event in one line."""
    return "  ".join(f"{k} {number(v) if isinstance(v, float) else v}" for k, v in data.items() if not isinstance(v, dict | list))
