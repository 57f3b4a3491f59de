"""What holds of every answer, whatever the task: cited, complete, within the constraints, the same when asked again."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.knowledge.load import load
from app.recommend import TaskError, fit, recommend
from app.recommend.whynot import why_not
from app.recommend.winners import winners
from app.vocabulary import DataType, Kind, Labels, LicenceNeed, MapField, Pairing, Recommendation, Task, TaskSlug
from tests.recommend.shipped import advisor

tasks = st.fixed_dictionaries(
    {
        "data": st.fixed_dictionaries(
            {"type": st.sampled_from([kind.value for kind in DataType])},
            optional={
                "resolution": st.sampled_from([8, 28, 32, 64, 128, 256, 512, 1024, 2000]),
                "samples": st.integers(1, 10**7),
                "classes": st.integers(1, 5000),
                "labels": st.sampled_from([label.value for label in Labels]),
                "pairing": st.sampled_from([pairing.value for pairing in Pairing]),
                "length": st.integers(1, 10**6),
                "columns": st.integers(1, 1000),
                "domain": st.sampled_from(["faces", "medical", "speech", "anything"]),
            },
        )
    },
    optional={
        "task": st.sampled_from([slug.value for slug in TaskSlug]),
        "budget": st.fixed_dictionaries(
            {}, optional={"gpu_hours": st.floats(0.01, 1e5), "memory_gb": st.floats(0.5, 200), "gpu": st.just("RTX 3090")}
        ),
        "constraints": st.fixed_dictionaries(
            {},
            optional={
                "licence": st.sampled_from([need.value for need in LicenceNeed]),
                "exclude": st.lists(st.sampled_from(["dcgan", "stylegan2-ada", "ctgan", "hifi-gan"]), unique=True),
            },
        ),
        "top_k": st.integers(1, 50),
    },
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tasks)
def test_every_sentence_has_an_id_and_every_constraint_holds(body: dict[str, object]) -> None:
    task, knowledge = Task.model_validate(body), advisor().knowledge
    try:
        answer = recommend(task, advisor())
    except TaskError as error:
        assert error.pointer.startswith("#/")
        return
    rules, figures = {rule.id for rule in knowledge.rules}, {figure.id for figure in knowledge.benchmarks}
    for candidate in answer.candidates:
        for reason in candidate.reasons:
            assert (reason.rule_id in rules) != (reason.benchmark_id in figures), reason
            assert reason.source
        assert {weighted.benchmark_id for weighted in candidate.quality.evidence} <= figures
        assert candidate.architecture not in task.constraints.exclude
        assert all(value.source for value in candidate.recipe.values())
        q = candidate.quality
        assert q.expected is None or (q.low is not None and q.high is not None and q.low <= q.expected <= q.high)
    assert {excluded.rule_id for excluded in answer.excluded} <= rules
    assert {assumption.rule_id for assumption in answer.assumptions} <= rules
    for advice in answer.advice:
        assert advice.rule_id in rules or (advice.benchmark_ids and set(advice.benchmark_ids) <= figures), advice
    for flip in answer.flips:
        assert flip.rule_id in rules or (flip.benchmark_ids and set(flip.benchmark_ids) <= figures), flip
    if answer.abstained_reason:
        assert any(known in answer.abstained_reason for known in rules | figures), answer.abstained_reason
    assert answer.record is not None
    assert knowledge.backtest is not None
    assert answer.record.id == knowledge.backtest.id
    assert answer.abstained == (answer.abstained_reason is not None)
    assert Recommendation.model_validate_json(answer.model_dump_json()).id == answer.id


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tasks, st.integers(0, 10**4))
def test_every_sentence_about_what_is_not_first_and_every_winner_of_a_map_has_an_id(body: dict[str, object], place: int) -> None:
    task, knowledge = Task.model_validate(body), advisor().knowledge
    slug = sorted(knowledge.architectures)[place % len(knowledge.architectures)]
    try:
        found = why_not("here", task, slug, advisor())
    except TaskError:
        return
    rules = {rule.id for rule in knowledge.rules}
    rows = {row.id for row in (*knowledge.benchmarks, *knowledge.costs)}
    assert found.sentences
    for sentence in found.sentences:
        assert sentence.source
        assert sentence.rule_id in rules or (sentence.benchmark_ids and set(sentence.benchmark_ids) <= rows), sentence
    assert {ground.rule_id for ground in found.excluded_by} <= rules
    assert all(ground.source for ground in found.excluded_by)
    for part in found.parts:
        for reason in (*part.reasons, *part.first_reasons):
            assert (reason.rule_id in rules) != (reason.benchmark_id in rows), reason
            assert reason.source
    if found.flip is not None:
        assert found.flip.rule_id in rules or (found.flip.benchmark_ids and set(found.flip.benchmark_ids) <= rows)
    drawn = winners("here", task, advisor(), MapField.SAMPLES, MapField.GPU_HOURS, columns=3, rows=2)
    assert all(winner.benchmark_ids and set(winner.benchmark_ids) <= rows for winner in drawn.winners)


@settings(max_examples=30, deadline=None)
@given(tasks)
def test_a_task_gets_the_same_answer_again(body: dict[str, object]) -> None:
    task = Task.model_validate(body)
    try:
        first = recommend(task, advisor()).model_dump_json()
    except TaskError:
        return
    assert recommend(task, fit(load()) if body.get("top_k") == 7 else advisor()).model_dump_json() == first


def test_every_gan_is_ranked_or_excluded() -> None:
    task = Task.model_validate({"data": {"type": "image", "resolution": 64}, "top_k": 50})
    answer = recommend(task, advisor())
    ranked, excluded = {c.architecture for c in answer.candidates}, {e.architecture for e in answer.excluded}
    gans = {a.slug for a in advisor().knowledge.architectures.values() if a.kind is Kind.GAN}
    assert not ranked & excluded
    assert ranked | excluded <= gans
    assert len(gans - excluded) == len(ranked) or len(ranked) == 50
