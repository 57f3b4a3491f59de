"""The evidence model finds effects that were planted, knows what it does not know, and says which figures it used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from app.recommend.designs import TREND_YEARS, Question, designs_of, scarcity
from app.recommend.figures import Figures, figures_of
from app.recommend.hierarchy import Layout, Posterior
from app.vocabulary import Architecture, Benchmark, DataType, TaskSlug
from tests.recommend.test_figures import METRICS, figure

TASK = TaskSlug.UNCONDITIONAL_IMAGE


def card(slug: str, family: str, **more: Any) -> Architecture:
    body = {"slug": slug, "name": slug, "family": family, "year": 2018, "tasks": [TASK], "data_types": [DataType.IMAGE]}
    return Architecture.model_validate({**body, "sources": ["arXiv:2001.00001"], **more})


CARDS = {c.slug: c for c in (card("good", "f"), card("fair", "g"), card("poor", "h"), card("kin", "f"), card("new", "n"))}


def world(papers: int = 12) -> list[Benchmark]:
    """Many papers on data sets of their own: good beats fair beats poor, with some noise."""
    rng = np.random.default_rng(1)
    rows = []
    for paper in range(papers):
        for slug, fid in (("good", 10.0), ("fair", 20.0), ("poor", 40.0)):
            value = float(fid * np.exp(0.2 * rng.standard_normal() + 0.5 * paper))
            rows.append(figure(slug, value, dataset=f"d{paper}", source=f"arXiv:20{10 + paper}.00001"))
    return rows


def fitted(rows: list[Benchmark]) -> tuple[Posterior, Figures]:
    figures = figures_of(rows, METRICS)
    return Layout(rows, designs_of(CARDS, rows), CARDS).fit(figures), figures


def standing(posterior: Posterior, *slugs: str) -> tuple[np.ndarray, np.ndarray]:
    return posterior.predict([(posterior.layout.designs[s], Question(TASK, "fid")) for s in slugs])


def test_planted_effects_are_found_in_their_order() -> None:
    mean, _ = standing(fitted(world())[0], "good", "fair", "poor")
    assert mean[0] > mean[1] + 0.2 > mean[2] + 0.4


def test_more_papers_leave_less_doubt_and_a_stranger_keeps_all_of_it() -> None:
    few, many = fitted(world(2))[0], fitted(world(12))[0]
    assert standing(many, "good")[1][0] < 0.7 * standing(few, "good")[1][0]
    assert standing(many, "new")[1][0] > 2 * standing(many, "good")[1][0]


def test_kin_of_a_good_design_is_expected_to_be_better_than_a_stranger() -> None:
    mean, variance = standing(fitted(world())[0], "kin", "new")
    assert mean[0] > mean[1] + 0.1
    assert variance[0] < variance[1]


def test_a_prediction_is_the_weighted_sum_of_the_figures() -> None:
    posterior, figures = fitted(world())
    phi, _ = posterior.layout.features([(posterior.layout.designs["good"], Question(TASK, "fid"))])
    weights = posterior.influence.T @ (posterior.covariance @ phi.toarray()[0])
    assert float(weights @ figures.y) == pytest.approx(float((phi @ posterior.mean)[0]))


def test_one_paper_of_many_figures_counts_less_than_many_papers() -> None:
    loud = [figure(s, v + i, dataset="d", variant=f"v{i}") for i in range(30) for s, v in (("poor", 5.0), ("good", 90.0))]
    mean, _ = standing(fitted(world() + loud)[0], "good", "poor")
    assert mean[0] > mean[1]


def test_part_of_the_figures_gives_the_same_fit_as_those_alone() -> None:
    rows = world()
    layout = Layout(rows, designs_of(CARDS, rows), CARDS)
    layout.fit(figures_of(rows, METRICS))
    part = figures_of(rows[:18], METRICS)
    again, alone = layout.fit(part), fitted(rows[:18])[0]
    assert standing(again, "good", "poor")[0] == pytest.approx(standing(alone, "good", "poor")[0])


def test_scarcity_starts_below_thirty_thousand_samples() -> None:
    assert scarcity(None) == scarcity(70_000) == scarcity(30_000) == 0.0
    assert scarcity(3_000) == pytest.approx(1.0)
    assert scarcity(1) == 2.5


def test_a_card_without_a_year_is_dated_before_its_first_figure() -> None:
    cards = {"old": card("old", "f", year=None), "cited": card("cited", "f", year=None, arxiv="1511.06434")}
    designs = designs_of(cards, [figure("old", 1.0, year=2022), figure("cited", 1.0, year=2022)])
    assert designs["old"].year * TREND_YEARS + 2018 == pytest.approx(2020.5)
    assert designs["cited"].year * TREND_YEARS + 2018 == pytest.approx(2015 + 10.5 / 12)
    assert (designs["old"].calendar_year, designs["cited"].calendar_year) == (2020, 2015)


def test_a_design_with_successors_stands_lower_in_its_line() -> None:
    cards = {"first": card("first", "f", succeeded_by=["second"]), "second": card("second", "f", succeeded_by=["third"])}
    cards |= {"third": card("third", "f"), "loop": card("loop", "f", succeeded_by=["loop"])}
    designs = designs_of(cards, [])
    assert designs["first"].line < designs["second"].line < designs["third"].line
