"""A report as text, JSON, JUnit, SARIF 2.1.0 or GitHub annotations. Pure: strings out, nothing read."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as xml

from app.gate.lock import sha256
from app.gate.task import TaskFile
from app.gate.words import Finding, Kind, Report

MOST_ANNOTATIONS = 10
"""GitHub shows so many errors and so many warnings of a step."""
_MARKS = {"passed": "ok", "failed": "FAIL", "unknown": "?"}


@dataclass(frozen=True)
class Checked:
    """A report, the task file it is of, where that lies from the root of the repository, and the kinds that fail the build."""

    report: Report
    asked: TaskFile
    uri: str
    counts: frozenset[Kind]
    version: str

    @property
    def code(self) -> int:
        return self.report.code(self.counts)

    def level(self, finding: Finding) -> str:
        """error, warning or note, as SARIF and GitHub name them."""
        return self.report.level(finding, self.counts)


def text(it: Checked) -> str:
    """One line for the decision, one for each check."""
    report = it.report
    head = f"{report.drift}: {report.architecture or 'no recommendation'}"
    if report.first != report.architecture:
        head += f", now {report.first or 'no recommendation'}"
    width = max(len(f.check) for f in report.findings)
    lines = [f"{_mark(it, f):4}  {f.check:{width}}  {f.text}{f'  [{f.rule_id}]' if f.rule_id else ''}" for f in report.findings]
    return "\n".join([head, *lines]) + "\n"


def _mark(it: Checked, finding: Finding) -> str:
    return "warn" if it.level(finding) == "warning" else _MARKS[finding.state]


def as_json(it: Checked) -> str:
    """The whole report, with the exit code and the line of each finding."""
    report = it.report
    body = {
        "drift": report.drift,
        "architecture": report.architecture,
        "first": report.first,
        "exit_code": it.code,
        "task": it.uri,
        "findings": [{**asdict(f), "level": it.level(f), "line": it.asked.line(f.pointer)} for f in report.findings],
    }
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def junit(it: Checked) -> str:
    """One test case for each check. The whole story stands in the text of a failure, since readers drop all else."""
    findings = it.report.findings
    counts = {"tests": len(findings), "failures": sum(it.level(f) == "error" for f in findings), "errors": 0}
    skipped = sum(f.state == "unknown" for f in findings)
    numbers = {name: str(value) for name, value in {**counts, "skipped": skipped}.items()}
    root = xml.Element("testsuites", {"name": "gan-advisor", **{k: v for k, v in numbers.items() if k != "skipped"}, "time": "0"})
    suite = xml.SubElement(root, "testsuite", {"name": f"gan-advisor check {it.uri}", **numbers, "time": "0"})
    for finding in findings:
        place = {"classname": it.uri, "name": finding.check, "file": it.uri, "line": str(it.asked.line(finding.pointer))}
        case = xml.SubElement(suite, "testcase", {**place, "time": "0"})
        story = _printable(f"{finding.text}\n{it.uri}:{it.asked.line(finding.pointer)} {finding.rule_id or finding.check}")
        if it.level(finding) == "error":
            failure = xml.SubElement(case, "failure", {"message": _printable(finding.text), "type": finding.kind})
            failure.text = story
        elif finding.state == "unknown":
            xml.SubElement(case, "skipped", {"message": _printable(finding.text)})
        elif finding.state == "failed":
            xml.SubElement(case, "system-out").text = story
    xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"


def _printable(words: str) -> str:
    """Without the characters that XML 1.0 cannot hold."""
    return "".join(
        c for c in words if c in "\t\n\r" or (ord(c) >= 0x20 and not 0xD800 <= ord(c) < 0xE000 and c not in "\ufffe\uffff")
    )


def sarif(it: Checked) -> str:
    """Failed findings alone, each at its line of the task file: an alert shows in a pull request where its lines are changed."""
    failed = [f for f in it.report.findings if f.state == "failed"]
    ids = sorted({f.rule_id or f.check for f in failed})
    run = {
        "tool": {"driver": {"name": "gan-advisor", "version": it.version, "rules": [_rule(i, failed) for i in ids]}},
        "automationDetails": {"id": f"gan-advisor/{it.uri}/"},
        "columnKind": "utf16CodeUnits",
        "results": [_result(it, finding, ids) for finding in failed],
    }
    body = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def _rule(rule_id: str, failed: list[Finding]) -> dict[str, Any]:
    kinds = sorted({f.kind.value for f in failed if rule_id in (f.rule_id, f.check)})
    description = {"text": f"{rule_id.replace('.', ' ').replace('-', ' ')} ({', '.join(kinds)})"}
    return {"id": rule_id, "shortDescription": description, "properties": {"tags": kinds}}


def _result(it: Checked, finding: Finding, ids: list[str]) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": quote(it.uri)}, "region": {"startLine": it.asked.line(finding.pointer)}}
    rule_id = finding.rule_id or finding.check
    return {
        "ruleId": rule_id,
        "ruleIndex": ids.index(rule_id),
        "level": it.level(finding),
        "message": {"text": finding.text},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"decision/v1": sha256([it.uri, finding.check, rule_id, it.report.architecture])[:32]},
    }


def github(it: Checked) -> str:
    """Annotations, no more than GitHub shows, then the text report with its lines kept from being commands."""
    lines = []
    for level in ("error", "warning"):
        found = [f for f in it.report.findings if it.level(f) == level]
        for f in found[:MOST_ANNOTATIONS]:
            place = f"file={_property(it.uri)},line={it.asked.line(f.pointer)},title={_property(f.rule_id or f.check)}"
            lines.append(f"::{level} {place}::{_data(f.text)}")
        if len(found) > MOST_ANNOTATIONS:
            lines.append(f"{len(found) - MOST_ANNOTATIONS} more {level}s below")
    token = secrets.token_hex(16)
    return "\n".join([*lines, f"::stop-commands::{token}", text(it) + f"::{token}::"]) + "\n"


def _data(words: str) -> str:
    return words.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(words: str) -> str:
    return _data(words).replace(":", "%3A").replace(",", "%2C")


def summary(it: Checked) -> str:
    """The report as Markdown, for a page of the build."""
    rows = [f"| {_mark(it, f)} | `{f.check}` | {_cell(f.text)} |" for f in it.report.findings]
    head = f"### {it.report.drift}: {it.report.architecture or 'no recommendation'}"
    return "\n".join([head, "", "| | check | |", "|---|---|---|", *rows]) + "\n\n"


def _cell(words: str) -> str:
    return " ".join(words.replace("|", "\\|").replace("<", "&lt;").split())


def outputs(it: Checked) -> str:
    """What later steps of a workflow may read."""
    report = it.report
    found = {"architecture": report.architecture, "first": report.first, "drift": report.drift}
    return "".join(f"{name}={value or ''}\n" for name, value in found.items())


def trouble(detail: str, uri: str, command: str = "check") -> str:
    """An annotation for what kept a check from being made, or a validation from confirming."""
    return f"::error file={_property(uri)},title=gan-advisor {command}::{_data(detail)}\n"


FORMATS: Mapping[str, Callable[[Checked], str]] = {
    "text": text,
    "json": as_json,
    "junit": junit,
    "sarif": sarif,
    "github": github,
}
