"""Each format as its readers need it. The SARIF was validated against the schema of OASIS; here its laws are held one by one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as xml

import pytest

from app.gate.formats import FORMATS, MOST_ANNOTATIONS, Checked, outputs, summary, trouble
from app.gate.task import read
from app.gate.words import COUNT, Drift, Finding, Kind, Report

NASTY = 'a 50% rise\r\n::set-output name=x::1\nüñ <b>&"quoted"</b> | pipe \x07\ufffe'
FINDINGS = (
    Finding("decision.same", Kind.DRIFT, "failed", NASTY, "/data/samples", "other-task"),
    Finding("fit.memory", Kind.POLICY, "failed", "too much", "/policy/max_memory_gb"),
    Finding("decision.recipe", Kind.RECIPE, "failed", "another batch"),
    Finding("fit.usd", Kind.POLICY, "unknown", "not known"),
    Finding("lock.task", Kind.STALE, "passed", "as it was"),
)


@pytest.fixture
def checked(tmp_path: Path) -> Checked:
    path = tmp_path / "gan-task.yaml"
    path.write_text("data:\n  type: image\n  samples: 50\npolicy:\n  max_memory_gb: 1\n")
    return Checked(Report(Drift.INVALIDATED, "ctgan", "dcgan", FINDINGS), read(path), "a folder/gan-task.yaml", COUNT, "1.2.3")


def many(checked: Checked, count: int) -> Checked:
    findings = tuple(Finding(f"fit.{i}", Kind.POLICY, "failed", f"number {i}") for i in range(count))
    return Checked(Report(Drift.SAME, "a", "a", findings), checked.asked, checked.uri, COUNT, "1")


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_ends_in_a_newline_and_names_what_failed(checked: Checked, name: str) -> None:
    shown = FORMATS[name](checked)
    assert shown.endswith("\n")
    assert "other-task" in shown
    assert "too much" in shown


def test_json_has_the_exit_code_and_the_line_of_each_finding(checked: Checked) -> None:
    body = json.loads(FORMATS["json"](checked))
    assert (body["drift"], body["exit_code"], body["architecture"], body["first"]) == ("invalidated", 3, "ctgan", "dcgan")
    assert [f["line"] for f in body["findings"]] == [3, 5, 1, 1, 1]
    assert [f["level"] for f in body["findings"]] == ["error", "error", "warning", "note", "note"]


def test_junit_counts_what_it_holds_and_tells_the_story_in_the_text(checked: Checked) -> None:
    root = xml.fromstring(FORMATS["junit"](checked))
    (suite,) = root
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    for name, tag in (("tests", "testcase"), ("failures", "testcase/failure"), ("skipped", "testcase/skipped")):
        assert int(suite.attrib[name]) == len(suite.findall(tag))
    failure = suite.find("testcase/failure")
    assert failure is not None and failure.text is not None
    assert "a 50% rise" in failure.text and "a folder/gan-task.yaml:3 other-task" in failure.text
    assert len({case.attrib["name"] for case in suite}) == len(suite)
    assert suite.findall("testcase/system-out")[0].text == "another batch\na folder/gan-task.yaml:1 decision.recipe"


def test_sarif_has_what_version_2_1_0_requires(checked: Checked) -> None:
    body = json.loads(FORMATS["sarif"](checked))
    assert body["version"] == "2.1.0"
    assert body["$schema"].endswith("sarif-2.1.0.json")
    (run,) = body["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    assert all(rule["shortDescription"]["text"] for rule in rules)
    assert [result["level"] for result in run["results"]] == ["error", "error", "warning"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        assert all(isinstance(value, str) for value in result["partialFingerprints"].values())
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "a%20folder/gan-task.yaml"
        assert place["region"]["startLine"] >= 1


def test_sarif_points_at_the_lines_that_asked_for_it(checked: Checked) -> None:
    results = json.loads(FORMATS["sarif"](checked))["runs"][0]["results"]
    assert [r["locations"][0]["physicalLocation"]["region"]["startLine"] for r in results] == [3, 5, 1]


def test_a_fingerprint_stays_when_the_words_change(checked: Checked) -> None:
    def prints(text: str) -> list[str]:
        findings = tuple(Finding(f.check, f.kind, f.state, text, f.pointer, f.rule_id) for f in FINDINGS)
        it = Checked(Report(Drift.SAME, "ctgan", "x", findings), checked.asked, checked.uri, COUNT, "2")
        return [r["partialFingerprints"]["decision/v1"] for r in json.loads(FORMATS["sarif"](it))["runs"][0]["results"]]

    assert prints("one") == prints("two")
    assert len(set(prints("one"))) == 3


def test_github_reads_each_annotation_as_one_command_and_nothing_else_as_one(checked: Checked) -> None:
    lines = FORMATS["github"](checked).splitlines()
    commands = [line for line in lines if line.startswith("::")]
    assert [c.split(" ")[0] for c in commands[:3]] == ["::error", "::error", "::warning"]
    assert "a 50%25 rise%0D%0A::set-output" in commands[0]
    stop = next(i for i, line in enumerate(lines) if line.startswith("::stop-commands::"))
    token = lines[stop].removeprefix("::stop-commands::")
    assert re.fullmatch(r"[0-9a-f]{32}", token)
    assert lines[-1] == f"::{token}::"
    assert stop == 3
    assert FORMATS["github"](checked) != FORMATS["github"](checked), "the token must not be known before"


def test_github_shows_ten_of_a_kind_and_says_how_many_more(checked: Checked) -> None:
    lines = FORMATS["github"](many(checked, 13)).splitlines()
    assert sum(line.startswith("::error") for line in lines) == MOST_ANNOTATIONS
    assert "3 more errors below" in lines


def test_a_property_of_an_annotation_cannot_end_it(checked: Checked) -> None:
    odd = Checked(checked.report, checked.asked, "a,b:c%/gan-task.yaml", COUNT, "1")
    assert "file=a%2Cb%3Ac%25/gan-task.yaml,line=3" in FORMATS["github"](odd)
    assert trouble("broken\nline", "a:b") == "::error file=a%3Ab,title=gan-advisor check::broken%0Aline\n"


def test_the_summary_is_one_table_whatever_the_words(checked: Checked) -> None:
    lines = summary(checked).strip().splitlines()
    assert lines[0] == "### invalidated: ctgan"
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 2 + len(FINDINGS) == len(lines) - 2
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 4 for row in rows)


def test_outputs_are_a_name_and_a_value_on_a_line(checked: Checked) -> None:
    assert outputs(checked) == "architecture=ctgan\nfirst=dcgan\ndrift=invalidated\n"
