"""A team's own rules: as the page about them says, proved on their golden cases, cited, part of every id; mistakes name their line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app import policies
from app.errors import PolicyError
from app.main import create_app
from app.recommend import Advisor, recommend
from app.recommend.memo import Memo
from app.recommend.whynot import why_not
from app.vocabulary import Knowledge, Recommendation, Task
from tests.conftest import forget_settings

PAGE = (Path(__file__).parents[1] / "docs" / "policies.md").read_text()
EXAMPLE = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)[0]
ALL = """- id: nothing-at-all
  when: {task.top_k: {min: 1}}
  then: {exclude: true}
  text: Generation is frozen until the audit is over.
  because: The audit says so.
  golden:
    - task: {data: {type: image}}
"""
BODY: dict[str, Any] = {"data": {"type": "image", "resolution": 256, "samples": 5000, "domain": "medical"}, "top_k": 50}


def ruled(known: tuple[Knowledge, Advisor], tmp_path: Path, text: str) -> Advisor:
    """The advisor with the policies of one file, proved. Only the rules are compiled anew, since policies change nothing else."""
    from dataclasses import replace

    from app.recommend.rules import Rules, paths_of

    path = tmp_path / "ours.yaml"
    path.write_text(text)
    knowledge = policies.in_force(known[0], [path])
    rules = Rules(knowledge.rules, known[1].architectures, knowledge.trainable)
    words = {rule.id: paths_of(rule.text) for rule in knowledge.rules}
    advisor = replace(known[1], knowledge=knowledge, rules=rules, words=words, sayings=Memo(100), digest=knowledge.policies)
    return policies.prove(advisor, [path])


def test_the_example_of_the_page_holds_and_is_cited_with_its_prefix(known: tuple[Knowledge, Advisor], tmp_path: Path) -> None:
    advisor = ruled(known, tmp_path, EXAMPLE)
    answer = recommend(Task.model_validate(BODY), advisor)
    free = recommend(Task.model_validate(BODY), known[1])
    excluded = {e.architecture: e for e in answer.excluded}
    assert {c.architecture for c in answer.candidates} <= {"stylegan2-ada", "biggan", "lightweight-gan"}
    said = [e for e in excluded.values() if e.rule_id.startswith("policy/")]
    assert {"policy/permissive-code-only", "policy/reviewed-for-medical"} & {e.rule_id for e in said}
    assert all(e.source == "policy" and "{" not in e.text for e in said)
    assert answer.knowledge.sha256 == free.knowledge.sha256
    assert (answer.knowledge.policies, free.knowledge.policies) == (advisor.knowledge.policies, None)
    reasons = [r for c in answer.candidates if c.architecture == "lightweight-gan" for r in c.reasons]
    assert [r.effect for r in reasons if r.rule_id == "policy/known-to-the-team"] == [0.3]


def test_why_not_names_the_policy_and_what_would_lift_it(known: tuple[Knowledge, Advisor], tmp_path: Path) -> None:
    found = why_not("here", Task.model_validate(BODY), "vitgan", ruled(known, tmp_path, EXAMPLE))
    (review,) = (ground for ground in found.excluded_by if ground.rule_id == "policy/reviewed-for-medical")
    assert [(change.pointer, change.value) for change in review.lifted_by] == [("/data/domain", None)]
    other = BODY | {"budget": {"gpu": "Tesla T4"}}
    (machine,) = (
        ground
        for ground in why_not("here", Task.model_validate(other), "biggan", ruled(known, tmp_path, EXAMPLE)).excluded_by
        if ground.rule_id == "policy/only-the-gpus-we-have"
    )
    assert [(change.pointer, change.value) for change in machine.lifted_by] == [("/budget/gpu", "RTX 3090")]


def test_a_policy_that_excludes_everything_is_an_abstention_that_names_it(
    known: tuple[Knowledge, Advisor], tmp_path: Path
) -> None:
    answer = recommend(Task.model_validate({"data": {"type": "tabular"}}), ruled(known, tmp_path, ALL))
    assert (answer.abstained, answer.candidates) == (True, ())
    assert answer.abstained_reason is not None
    assert "policy/nothing-at-all" in answer.abstained_reason
    assert Recommendation.model_validate_json(answer.model_dump_json()) == answer


FIRST = EXAMPLE.split("\n\n")[0] + "\n"


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        ("architecture.licence:", "architecture.license:", "ours.yaml:2", "did you mean architecture.licence"),
        ("then: {exclude: true}", "then: {advise: Beware.}", "ours.yaml:3", "a policy excludes or scores"),
        ("then: {exclude: true}", "then: {score: 7}", "ours.yaml:3", "less than or equal to"),
        ("then: {exclude: true}", "then: {run: 'rm -rf /'}", "ours.yaml:3", "Extra inputs are not permitted"),
        ("architecture: biggan", "architecture: bigan", "ours.yaml:6", "did you mean biggan"),
        ("architecture: biggan", "architecture: sngan", "ours.yaml:9", "fires on this golden case"),
        ("{not: permissive}", "{not: [permissive, unknown, commercial, non-commercial]}", "ours.yaml:7", "does not fire"),
        ("id: permissive-code-only", "id: policy/permissive-code-only", "ours.yaml:1", "kept for policies"),
        ("because: Product code is closed.", "because: ''", "ours.yaml:5", "because is empty"),
        ("- id: permissive-code-only", "- id: [", "ours.yaml:3", "is not YAML"),
        ("  golden:", "  gold:", "ours.yaml:6", "Extra inputs"),
    ],
)
def test_a_mistake_names_file_line_and_what_would_be_right(
    known: tuple[Knowledge, Advisor], tmp_path: Path, old: str, new: str, place: str, said: str
) -> None:
    assert old in FIRST
    with pytest.raises(PolicyError) as caught:
        ruled(known, tmp_path, FIRST.replace(old, new, 1))
    assert [p for p in caught.value.errors if p.pointer == place and said in p.detail], caught.value.errors


def test_two_rules_of_one_name_and_a_file_that_is_not_there_are_refused(known: tuple[Knowledge, Advisor], tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="mistake") as caught:
        ruled(known, tmp_path, FIRST + FIRST)
    assert "used twice" in caught.value.errors[0].detail
    with pytest.raises(PolicyError, match="no policy at"):
        policies.in_force(known[0], [tmp_path / "nowhere.yaml"])


def test_the_folder_of_the_settings_is_served_stamped_and_part_of_the_id(
    client: TestClient, known: tuple[Knowledge, Advisor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = client.post("/v1/recommendations", json=BODY).json()
    advisor = ruled(known, tmp_path, EXAMPLE)
    monkeypatch.setenv("GAN_ADVISOR_POLICIES", str(tmp_path))
    forget_settings()
    monkeypatch.setattr("app.main.fit", lambda knowledge: advisor if knowledge == advisor.knowledge else known[1])
    with TestClient(create_app(), raise_server_exceptions=False, follow_redirects=False) as ours:
        answer = ours.post("/v1/recommendations", json=BODY).json()
        assert answer["knowledge"]["policies"] == advisor.knowledge.policies
        assert answer["id"] != free["id"]
        rule = ours.get("/v1/rules/policy/permissive-code-only").json()
        assert rule["id"] == "policy/permissive-code-only"
        assert "policy/permissive-code-only" in [r["id"] for r in ours.get("/v1/rules?topic=policy").json()["items"]]
        assert ours.get("/rules/policy/permissive-code-only").status_code == 200
        assert ours.get("/readyz").status_code == 200
        assert "which has changed since" in ours.get(f"/recommendations/{free['id']}").text


def test_a_folder_that_is_none_stops_the_start(
    known: tuple[Knowledge, Advisor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAN_ADVISOR_POLICIES", str(tmp_path / "nowhere"))
    forget_settings()
    with pytest.raises(PolicyError, match="no folder"):
        policies.in_force(known[0])
