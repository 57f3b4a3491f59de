"""Why not X: every change said to lift a rule lifts it, the parts add up, the flip puts X first, other methods are told apart."""

from __future__ import annotations

from typing import Any

import pytest

from app.recommend.describe import as_asked
from app.recommend.whynot import why_not
from app.vocabulary import Task, WhyNot
from tests.recommend.shipped import advisor, ask
from tests.recommend.test_flips import BODIES, put

SLUGS = ("stylegan2-ada", "biggan", "cyclegan", "ctgan", "fastgan", "eg3d", "timegan", "hifi-gan", "stylegan3", "mocogan")


def why(body: dict[str, Any], slug: str) -> WhyNot:
    return why_not("here", Task.model_validate(body), slug, advisor())


@pytest.mark.parametrize("body", BODIES)
def test_a_change_said_to_lift_a_rule_lifts_it(body: dict[str, Any]) -> None:
    for slug in SLUGS:
        for ground in why(body, slug).excluded_by:
            for change in ground.lifted_by:
                changed = put(body, change.pointer, change.value)
                assert ground.rule_id not in {g.rule_id for g in why(changed, slug).excluded_by}, (slug, change)


def test_the_excluded_are_told_every_rule_and_the_nearest_sample_count_that_lifts_one() -> None:
    found = why({"data": {"type": "image", "resolution": 256, "samples": 500}, "constraints": {"exclude": ["biggan"]}}, "biggan")
    assert (found.status, found.rank, found.parts) == ("excluded", None, ())
    lifts = {g.rule_id: g.lifted_by for g in found.excluded_by}
    assert {"too-few-samples", "excluded-by-the-task"} <= set(lifts)
    (enough,) = lifts["too-few-samples"]
    assert (enough.pointer, enough.value) == ("/data/samples", advisor().knowledge.architectures["biggan"].min_train_samples)
    assert lifts["excluded-by-the-task"][0].value == ()


@pytest.mark.parametrize("body", BODIES)
def test_place_and_parts_are_those_of_the_ranking(body: dict[str, Any]) -> None:
    answer = ask({**body, "top_k": 50})
    for candidate in answer.candidates[:12]:
        found = why(body, candidate.architecture)
        assert found.rank == candidate.rank
        assert found.status == ("first" if candidate.rank == 1 else "ranked")
        if found.behind is not None:
            assert found.behind == pytest.approx(answer.candidates[0].score - candidate.score, abs=2e-4)
            assert sum(part.behind for part in found.parts) == pytest.approx(found.behind, abs=1e-9)


@pytest.mark.parametrize("body", BODIES)
def test_the_flip_puts_it_first(body: dict[str, Any]) -> None:
    for candidate in ask({**body, "top_k": 12}).candidates[1:]:
        flip = why(body, candidate.architecture).flip
        if flip is not None:
            assert flip.winner == candidate.architecture
            assert ask(put(body, flip.pointer, flip.value)).candidates[0].architecture == candidate.architecture


def test_some_runner_up_has_a_flip_and_who_has_none_is_told_so() -> None:
    found = [why(body, c.architecture) for body in BODIES for c in ask({**body, "top_k": 8}).candidates[1:]]
    assert any(w.flip for w in found)
    for w in found:
        assert (w.flip is None) == any("No change" in s.text for s in w.sentences)


def test_a_method_that_is_no_gan_is_told_apart_with_its_figures() -> None:
    found = why({"data": {"type": "tabular"}}, "tabddpm")
    assert (found.status, found.rank, found.flip) == ("reference", None, None)
    assert any("beats every GAN" in s.text and s.benchmark_ids for s in found.sentences)


@pytest.mark.parametrize("name", ["stylegan2-ada", "StyleGAN2-ADA", "stylegan2 ada"])
def test_a_name_is_as_good_as_a_slug(name: str) -> None:
    assert why(BODIES[0], name).architecture == "stylegan2-ada"


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        why(BODIES[0], "no-such-gan")


@pytest.mark.parametrize("body", BODIES)
def test_an_answer_remembers_what_was_asked(body: dict[str, Any]) -> None:
    answer = ask(body)
    asked = as_asked(answer)
    assert asked == Task.model_validate(body)
    assert ask(asked.model_dump()) == answer
