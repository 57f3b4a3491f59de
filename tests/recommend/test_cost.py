"""The cost of training: laws fitted to published rows, their backtest, traced steps, inverse questions."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest

from app.recommend.cost import Predictor, Unanswerable, answered, predict
from app.recommend.cost.backtest import backtest, foreign
from app.recommend.cost.cases import lexicon_of, work_of
from app.recommend.cost.law import FLOOR, NARROW
from app.vocabulary import Cost, Estimate, EstimateRequest, Interval
from tests.recommend.shipped import advisor, ask, knowledge


def predictor() -> Predictor:
    return advisor().costs.predictor


def cost(architecture: str, **asked: Any) -> Estimate:
    return answered(EstimateRequest(architecture=architecture, **asked), predictor())


def middle(interval: Interval) -> float:
    assert interval.low is not None and interval.expected is not None and interval.high is not None
    assert 0 < interval.low <= interval.expected <= interval.high
    return interval.expected


def ours() -> str:
    """A network of ours that was traced."""
    return min(predictor().profiles)


@cache
def report() -> dict[str, Any]:
    return backtest(knowledge())


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("V100", "Tesla V100 SXM2 16GB"),
        ("Tesla V100-SXM2-32GB", "Tesla V100 SXM2 32GB"),
        ("NVIDIA GeForce RTX2080Ti", "RTX 2080 Ti"),
        ("RTX 2080", "RTX 2080"),
        ("P100", "Tesla P100 PCIe 16GB"),
    ],
)
def test_a_gpu_is_known_by_the_names_that_publications_write(written: str, known: str) -> None:
    found = lexicon_of(knowledge()).gpu(written)
    assert found is not None and found.name == known
    assert lexicon_of(knowledge()).gpu("Abacus 3000") is None


def test_a_published_configuration_is_predicted_near_its_figure() -> None:
    """Its own rows are known to the law here, so this holds the fit to its data, not to the future."""
    errors = []
    for row in knowledge().costs:
        if row.evidence == "official-table" and row.sec_per_kimg and row.unit == "image":
            law = predictor().time
            case = predictor().lexicon.case(row)
            errors.append(abs(math.exp(law.predict(case)[0]) / case.gpus / row.sec_per_kimg - 1))
    assert len(errors) > 80
    assert np.median(errors) < 0.05


def test_more_of_everything_takes_more() -> None:
    small, large = (cost("stylegan2-ada", resolution=r, batch_size=8, gpu="V100", kimg=1000) for r in (128, 1024))
    assert middle(small.peak_memory_bytes) < middle(large.peak_memory_bytes)
    assert middle(small.train_seconds) < middle(large.train_seconds)
    few, many = (cost("stylegan3-t", resolution=256, images_per_pass=n, gpu="V100") for n in (4, 16))
    assert middle(few.peak_memory_bytes) < middle(many.peak_memory_bytes)
    one, eight = (cost("stylegan3-t", resolution=256, images_per_pass=8, gpus=n, gpu="A100", kimg=1000) for n in (1, 8))
    assert middle(eight.train_seconds) < middle(one.train_seconds) / 6
    slow, fast = (cost("stylegan3-t", resolution=256, images_per_pass=8, gpu=g, kimg=1000) for g in ("GTX 1080 Ti", "A100"))
    assert middle(fast.train_seconds) < middle(slow.train_seconds)


def test_the_parts_of_the_memory_add_up_to_the_peak() -> None:
    for found in (cost("stylegan2", resolution=256, images_per_pass=8), cost(ours(), gpu="CPU")):
        assert sum(part.bytes for part in found.memory_parts) == pytest.approx(middle(found.peak_memory_bytes), rel=0.01)


def test_every_estimate_names_its_rows_and_its_assumptions() -> None:
    ids = {row.id for row in knowledge().costs}
    found = cost("stylegan2-ada")
    assert found.evidence and all(behind.id in ids for behind in found.evidence)
    assert any("resolution" in text for text in found.assumptions)
    assert found.ledger_pairs == 0


def test_what_nothing_is_known_of_is_null() -> None:
    found = cost("ctgan", batch_size=500, gpu="T4", implementation="published")
    assert found.peak_memory_bytes.expected is None and found.fits is None
    assert found.seconds_per_kimg.expected is not None
    assert cost("stylegan2", kimg=None).kimg.expected is not None


@pytest.mark.parametrize(("asked", "field"), [({"architecture": "styleganx"}, "architecture"), ({"gpu": "Abacus 3000"}, "gpu")])
def test_an_unknown_name_is_refused_with_the_known_ones(asked: dict[str, Any], field: str) -> None:
    with pytest.raises(Unanswerable) as caught:
        predict(EstimateRequest(**{"architecture": "dcgan", **asked}), predictor())
    assert caught.value.field == field and caught.value.known


def test_memory_that_nobody_published_lies_between_the_law_and_our_own_traced_step() -> None:
    def peak(architecture: str, **asked: Any) -> float:
        found = cost(architecture, resolution=256, batch_size=32, gpu="RTX 3090", **asked)
        return middle(found.peak_memory_bytes)

    law, both, ours = (peak("r3gan", **how) for how in ({"implementation": "published"}, {}, {"implementation": "ours"}))
    assert law < both < ours, "R3GAN's grouped bottlenecks hold far more than the designs that the law knows"
    assert "our network" in cost("r3gan", resolution=256, gpu="RTX 3090").basis
    assert "our network" not in cost("stylegan2", resolution=256, gpu="RTX 3090").basis, "its memory is published"


@pytest.mark.parametrize(
    ("architecture", "data"),
    [
        ("r3gan", {"type": "image", "resolution": 256}),
        ("fastgan", {"type": "image", "resolution": 512}),
        ("stylegan2-ada", {"type": "image", "resolution": 128}),
        ("hifi-gan", {"type": "audio"}),
    ],
)
def test_the_memory_of_a_candidate_is_that_of_the_estimate(architecture: str, data: dict[str, Any]) -> None:
    task = {"task": "audio-vocoder"} if data["type"] == "audio" else {}
    body = {"data": {**data, "samples": 50_000}, "budget": {"gpu": "RTX 3090"}, "constraints": {"include": [architecture]}}
    candidate = ask({**task, **body}).candidates[0]
    images = candidate.recipe.get("images_per_pass") or candidate.recipe["batch_size"]
    alone = cost(architecture, resolution=data.get("resolution"), images_per_pass=images.value, gpu="RTX 3090")
    assert middle(candidate.cost.peak_memory_bytes) == pytest.approx(middle(alone.peak_memory_bytes), rel=0.25)


def test_a_short_name_is_the_plainest_device_that_has_it_and_is_refused_where_there_are_several() -> None:
    def on(gpu: str) -> str:
        return predict(EstimateRequest(architecture="dcgan", gpu=gpu), predictor()).gpu

    assert (on("3090"), on("geforce rtx 3090"), on("3090 ti")) == ("RTX 3090", "RTX 3090", "RTX 3090 Ti")
    for several in ("RTX", "titan"):
        with pytest.raises(Unanswerable) as caught:
            on(several)
        assert len(caught.value.near) > 1 and all(several.upper() in name for name in caught.value.near)


def test_the_backtest_leaves_out_whole_publications_and_scores_what_it_says() -> None:
    own = report()["own"]
    assert own["rows"] > 100 and own["time_rows"] > 100 and own["memory_rows"] > 80
    assert own["time_median_relative_error"] <= own["time_p90_relative_error"]
    assert 0.85 <= own["coverage90"] <= 1.0
    assert report()["extra"] is None
    assert "stylegan2" in own["by_architecture"]


def test_foreign_rows_are_read_by_alias_and_the_unknown_are_counted_and_left_out() -> None:
    lines = [
        {"architecture": "stylegan3-r", "sec_per_kimg": "57", "resolution": "256", "gpus": "1", "gpu_type": "A100"},
        {"architecture": "no-such-gan", "sec_per_kimg": "57"},
        {"architecture": "dcgan", "sec_per_kimg": "fast"},
        {"architecture": "dcgan"},
    ]
    rows, left = foreign([dict(line) for line in lines], knowledge())
    assert [(row.architecture, variant) for row, variant in rows] == [("stylegan3", "stylegan3-r")]
    assert left == {"unknown architecture": 1, "unreadable": 1, "neither speed nor memory": 1}


def test_a_foreign_row_is_never_predicted_from_its_own_document() -> None:
    """A planted document of absurd rows moves no prediction of rows of that document, at whatever commit."""
    row = next(
        r for r in knowledge().costs if r.architecture == "stylegan3" and r.sec_per_kimg and r.evidence == "official-table"
    )
    planted = row.model_copy(update={"id": "x", "sec_per_kimg": 1.0, "source": row.source.partition("@")[0] + "@other"})
    plain = backtest(knowledge(), [(planted, "")])["extra"]
    assert plain["rows"] == 1 and plain["time_median_relative_error"] > 3


def test_a_publication_is_its_repository_or_its_paper() -> None:
    assert work_of("github:NVlabs/stylegan3:docs/configs.md@c2") == work_of("github:NVlabs/stylegan3#153")
    assert work_of("arXiv:1812.04948") != work_of("arXiv:2101.04775")


def test_inverse_questions_agree_with_the_estimate() -> None:
    questions = ("largest-batch", "largest-resolution", "cheapest-gpu", "more-memory")
    asked = {"resolution": 256, "gpu": "RTX 3090", "kimg": 1000, "budget": {"gpu_hours": 40}}
    batch, size, gpu, more = cost("stylegan2-ada", **asked, questions=questions).answers
    room = 24e9
    assert middle(cost("stylegan2-ada", **asked, images_per_pass=batch.value).peak_memory_bytes) <= room
    assert middle(cost("stylegan2-ada", **asked, images_per_pass=batch.value + 1).peak_memory_bytes) > room
    assert cost("stylegan2-ada", **{**asked, "resolution": size.value}).fits
    assert middle(cost("stylegan2-ada", **{**asked, "gpu": gpu.value}).train_seconds) <= 40 * 3600
    assert more.value["images_per_pass"] > batch.value


def test_every_gpu_is_tried_with_its_own_memory_and_within_the_gpu_hours() -> None:
    """A budget of memory is that of the user's card; GPU-hours are those of all GPUs together."""
    asked: dict[str, Any] = {"resolution": 1024, "kimg": 1000, "batch_size": 7 * 8, "gpus": 7}
    (found,) = cost("stylegan2-ada", **asked, budget={"memory_gb": 4}, questions=("cheapest-gpu",)).answers
    taken = cost("stylegan2-ada", **asked, gpu=found.value)
    assert taken.fits
    (none,) = cost(
        "stylegan2-ada", **asked, budget={"gpu_hours": middle(taken.train_seconds) / 3600}, questions=("cheapest-gpu",)
    ).answers
    assert none.value != found.value


def test_a_question_without_an_answer_says_why() -> None:
    questions = ("largest-batch", "largest-resolution", "more-memory")
    batch, size, more = cost("ctgan", gpu="T4", questions=questions).answers
    assert size.value is None and "no resolution" in size.text
    assert batch.text.startswith("at least") and more.text.startswith("Nothing")


def test_the_memory_of_data_without_published_memory_is_that_of_our_network() -> None:
    found = cost("ctgan", gpu="T4")
    assert found.fits and "traced step" in found.basis
    assert math.isclose(sum(part.bytes for part in found.memory_parts), middle(found.peak_memory_bytes), rel_tol=1e-6)


def test_the_sentence_names_first_what_is_over() -> None:
    asked: dict[str, Any] = {"resolution": 512, "gpu": "A100", "kimg": 5000}
    why = cost("stylegan3", **asked, budget={"gpu_hours": 1, "usd": 10**6}).why
    assert why.index("of 1 GPU-hours") < why.index("Apart from that") < why.index("GB of memory") < why.index("US dollars")
    assert cost("stylegan3", **asked).why.startswith("Fits: it takes")


def test_a_gpu_has_no_more_memory_than_it_has() -> None:
    asked: dict[str, Any] = {"resolution": 1024, "batch_size": 16, "budget": {"memory_gb": 500}}
    assert cost("stylegan2-ada", **asked, gpu="RTX 2080").fits is False
    assert cost("stylegan2-ada", **asked).fits is True


@pytest.mark.parametrize(
    ("asked", "said"),
    [({"batch_size": 32, "gpus": 7}, "28 a step"), ({"batch_size": 3, "gpus": 8}, "8 a step"), ({"resolution": 4096}, "outside")],
)
def test_what_cannot_be_done_as_asked_is_said(asked: dict[str, Any], said: str) -> None:
    assert any(said in line for line in cost("stylegan2-ada", gpu="A100", **asked).assumptions)


@pytest.mark.parametrize("gpu", [None, "A100 SXM4 40GB", "RTX 3090"])
@pytest.mark.parametrize("resolution", [64, 256, 1024])
def test_a_candidate_and_an_estimate_without_a_length_say_the_same_hours(resolution: int, gpu: str | None) -> None:
    candidates = ask({"data": {"type": "image", "resolution": resolution}, "budget": {"gpu": gpu}, "top_k": 10}).candidates
    known = [c for c in candidates if c.cost.gpu_hours.expected is not None]
    assert len(known) > 3
    for it in known:
        alone = cost(it.architecture, resolution=resolution, gpu=it.cost.gpu)
        assert middle(alone.gpu_hours) == pytest.approx(middle(it.cost.gpu_hours), rel=1e-6), it.architecture


def test_a_length_that_is_asked_for_sets_the_hours() -> None:
    short, long = (cost("stylegan2-ada", resolution=256, gpu="RTX 3090", kimg=kimg) for kimg in (100, 1000))
    assert middle(long.gpu_hours) == pytest.approx(10 * middle(short.gpu_hours))


def test_hours_of_whole_trainings_are_scored_with_their_publication_left_out() -> None:
    scores = backtest(knowledge())["own"]["whole_trainings"]
    assert scores["rows"] > 400 and scores["median_factor"] < 2.5 and 0.75 <= scores["coverage80"] <= 0.95


def test_measured_pairs_correct_the_prediction_for_their_hardware_only() -> None:
    from types import SimpleNamespace

    pairs = [SimpleNamespace(quantity="time", hardware="RTX 3090", predicted=1.0, measured=2.0) for _ in range(50)]
    ask = EstimateRequest(architecture=ours(), batch_size=64, gpu="RTX 3090", implementation="ours")
    before, after = predict(ask, predictor()), predict(ask, predictor(), pairs)
    assert after.ledger_pairs == 50
    assert middle(after.seconds_per_kimg) == pytest.approx(2 * middle(before.seconds_per_kimg), rel=0.05)
    other = ask.model_copy(update={"gpu": "V100"})
    assert predict(other, predictor(), pairs) == predict(other, predictor())


def test_the_law_is_the_plain_gaussian_posterior() -> None:
    """Mean and variance against the textbook formula on three rows, written out."""
    law = predictor().time
    rows = law.rows
    kept = np.array([3, 40, 90])
    small = rows.fit(kept)
    case = rows.cases[120]
    mean, sd, weights = small.predict(case)
    whole = rows.covariance
    known = whole[120, kept]
    solved = np.linalg.solve(whole[np.ix_(kept, kept)], known)
    assert mean == pytest.approx(rows.expected[120] + solved @ (rows.y - rows.expected)[kept])
    noise = rows.prior.noise[case.evidence] ** 2 + FLOOR**2
    left = whole[120, 120] - known @ solved - noise
    assert case.architecture not in small.architectures
    assert sd == pytest.approx(math.sqrt(left + noise))
    near = rows.fit(np.array([3, 40, 90, 119]))
    assert rows.cases[119].architecture == case.architecture
    there = np.linalg.solve(whole[np.ix_(near.kept, near.kept)], whole[120, near.kept])
    left = whole[120, 120] - whole[120, near.kept] @ there - noise
    assert near.predict(case)[1] == pytest.approx(math.sqrt(NARROW * left + noise))
    assert weights == pytest.approx(solved)


def test_rows_of_costs_that_say_nothing_are_no_rows_of_a_law() -> None:
    empty = Cost(id="x", architecture="dcgan", unit="image", source="arXiv:1", locator="1")
    from app.recommend.cost.cases import usable

    assert usable([empty], knowledge().architectures) == []
