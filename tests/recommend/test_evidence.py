"""Evidence in the shipped knowledge: what moves a rank, what must not, and when to say nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.recommend import Advisor, fit
from app.recommend.figures import thinned
from app.recommend.rank import FAR
from app.vocabulary import Benchmark, ReportedBy, TaskSlug
from tests.recommend.shipped import advisor, ask, knowledge

BODY = {"data": {"type": "image", "resolution": 256, "samples": 20000}, "top_k": 50}


def planted(architecture: str, value: float, **changed: object) -> Benchmark:
    values = {
        "id": f"planted/{architecture}/{changed}",
        "architecture": architecture,
        "task": TaskSlug.UNCONDITIONAL_IMAGE,
        "dataset": "ffhq",
        "resolution": 256,
        "train_samples": 70000,
        "metric": "fid",
        "value": value,
        "protocol": "a protocol of my own",
        "reported_by": ReportedBy.THIRD_PARTY,
        "source": "arXiv:2611.00001",
        "locator": "Table 1",
    }
    return Benchmark.model_validate(values | changed)


def order(who: Advisor) -> list[str]:
    return [c.architecture for c in ask(BODY, who).candidates]


def test_a_figure_of_another_protocol_moves_no_rank() -> None:
    protocol = next(f.protocol for f in knowledge().benchmarks if f.dataset == "ffhq" and f.metric == "fid")
    for changed in ({}, {"protocol": protocol}):  # alone in its protocol, and alone in its publication
        wonder = replace(knowledge(), benchmarks=(*knowledge().benchmarks, planted("dcgan", 0.01, **changed)))
        assert order(fit(wonder)) == order(advisor())


def test_figures_measured_here_raise_what_did_well_and_are_cited() -> None:
    before = order(advisor())
    last = before[-1]
    figures = [
        planted(slug, value, dataset=f"ours-{n}", source=f"run:{n}")
        for n in range(8)
        for slug, value in ((last, 2.0), (before[0], 60.0), (before[1], 70.0))
    ]
    who = fit(knowledge(), figures)
    after = order(who)
    assert after.index(last) < before.index(last)
    assert ask(BODY, who).id != ask(BODY).id
    cited = {w.benchmark_id for c in ask(BODY, who).candidates for w in c.quality.evidence}
    assert cited & {f.id for f in figures}


def test_a_figure_of_the_first_rank_is_of_an_architecture_with_figures_of_its_own() -> None:
    for task in TaskSlug:
        data_type = knowledge().tasks[task].data_types[0]
        body = {"task": task, "data": {"type": data_type}, "priorities": {"cost": 0, "stability": 0}}
        answer = ask(body)
        own = {f.architecture for f in advisor().evidence.figures.rows if f.task == task}
        if answer.candidates and any(c.architecture in own for c in answer.candidates):
            assert answer.candidates[0].architecture in own, task


def test_a_design_that_no_figure_is_near_stands_behind_those_that_one_is_near() -> None:
    answer = ask({"task": "style-transfer", "data": {"type": "image", "resolution": 256, "samples": 300}, "top_k": 50})
    distances = [candidate.quality.distance for candidate in answer.candidates]
    assert not answer.abstained and distances[0] <= FAR < max(distances)
    far = next(c for c in answer.candidates if c.quality.distance > FAR)
    assert far.rank > 3, "DCT-Net, whose one figure is of far more images, was first and so nothing was advised"


def test_far_from_all_evidence_the_advisor_abstains() -> None:
    strange = [s for s, a in knowledge().architectures.items() if a.family == a.slug and TaskSlug.UNCONDITIONAL_IMAGE in a.tasks]
    shown = {f.architecture for f in advisor().evidence.figures.rows}
    unknown = [s for s in strange if s not in shown]
    bare = replace(knowledge(), benchmarks=tuple(f for f in knowledge().benchmarks if f.task != TaskSlug.TEXT))
    answer = ask({"data": {"type": "text"}}, fit(bare))
    assert answer.abstained
    assert answer.abstained_reason
    if unknown:
        lonely = ask({"data": {"type": "image"}, "constraints": {"include": unknown[:1]}})
        assert lonely.abstained or not lonely.candidates


def test_no_answer_comes_from_a_knowledge_without_figures() -> None:
    answer = ask(BODY, fit(replace(knowledge(), benchmarks=())))
    assert answer.abstained
    assert answer.candidates == ()


def test_the_interval_holds_the_expected_figure_and_the_scale_of_the_metric() -> None:
    for candidate in ask({**BODY, "top_k": 10}).candidates:
        quality = candidate.quality
        assert quality.low is not None and quality.high is not None and quality.expected is not None
        assert 0 <= quality.low < quality.expected < quality.high
        assert 0 <= quality.distance <= 1
        assert quality.metric in knowledge().metrics


def test_of_very_many_figures_whole_cells_enter_the_fit() -> None:
    rows = [planted(slug, 10.0 + n, dataset=f"ours-{n}") for n in range(300) for slug in ("dcgan", "stylegan2")]
    rows += [planted("dcgan", 1.0, dataset=f"alone-{n}") for n in range(300)]
    kept = thinned(rows, 100)
    assert len(kept) == 100
    assert all(sum(k.dataset == r.dataset for k in kept) == 2 for r in kept)
    assert thinned(rows, 10**6) == rows


@pytest.mark.parametrize("samples", [100, 1000, 100_000])
def test_fewer_samples_change_the_order(samples: int) -> None:
    body = {"data": {"type": "image", "resolution": 256, "samples": samples}}
    plenty = {"data": {"type": "image", "resolution": 256, "samples": 1_000_000}}
    same = [c.architecture for c in ask(body).candidates] == [c.architecture for c in ask(plenty).candidates]
    assert same is (samples == 100_000)
