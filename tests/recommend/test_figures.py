"""Figures on one scale, compared only with figures measured alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.recommend.figures import Scale, figures_of, publication, scale_of, stem
from app.vocabulary import Benchmark, Direction, Metric, ReportedBy, TaskSlug

FID = Metric(slug="fid", name="FID", direction=Direction.MIN, low=0, high=600, measures="quality")
RECALL = Metric(slug="recall", name="Recall", direction=Direction.MAX, low=0, high=1, measures="quality")
METRICS = {"fid": FID, "recall": RECALL}


def figure(architecture: str, value: float, **changed: object) -> Benchmark:
    values = {
        "id": f"d/fid/{architecture}/{value}",
        "architecture": architecture,
        "task": TaskSlug.UNCONDITIONAL_IMAGE,
        "dataset": "d",
        "metric": "fid",
        "value": value,
        "protocol": "50k",
        "reported_by": ReportedBy.THIRD_PARTY,
        "source": "arXiv:2001.00001",
        "locator": "Table 1",
    }
    return Benchmark.model_validate(values | changed)


def test_a_better_figure_stands_higher_whichever_way_the_metric_points() -> None:
    low_is_better = figures_of([figure("a", 5.0), figure("b", 50.0)], METRICS)
    high_is_better = figures_of([figure("a", 0.5, metric="recall"), figure("b", 0.1, metric="recall")], METRICS)
    for figures in (low_is_better, high_is_better):
        assert figures.y[0] > 0 > figures.y[1]


@pytest.mark.parametrize("other", [{"protocol": "10k"}, {"dataset": "e"}, {"resolution": 64}, {"source": "arXiv:2001.00002"}])
def test_a_figure_measured_otherwise_is_alone_and_left_out(other: dict[str, object]) -> None:
    figures = figures_of([figure("a", 5.0), figure("b", 50.0), figure("c", 1.0, **other)], METRICS)
    assert [row.architecture for row in figures.rows] == ["a", "b"]
    assert figures.index.tolist() == [0, 1]


def test_files_of_one_repository_are_one_publication() -> None:
    assert publication("github:a/b:x/one.json@123") == publication("github:a/b:two.json@123") == "github:a/b"
    assert publication("arXiv:2001.00001") == "arXiv:2001.00001"
    assert stem("precision-dinov2") == stem("precision")


def test_figures_at_another_number_of_samples_are_another_cell() -> None:
    rows = [figure("a", 60.0, train_samples=1000), figure("b", 26.0, train_samples=1000)]
    rows += [figure("a", 3.8, train_samples=70000), figure("b", 4.2, train_samples=70000)]
    figures = figures_of(rows, METRICS)
    assert np.sign(figures.y).tolist() == [-1, 1, 1, -1]


@given(st.sampled_from(["identity", "log", "logit"]), st.sampled_from([-1.0, 1.0]), st.floats(0.01, 0.99))
def test_a_scale_goes_there_and_back(kind: str, sign: float, value: float) -> None:
    scale = Scale(kind, sign)
    assert scale.back(float(scale.forward(np.array([value]))[0])) == pytest.approx(value)


def test_a_scale_follows_from_the_range_of_the_metric() -> None:
    assert scale_of(FID, Direction.MIN, np.array([3.0, 40.0])).kind == "log"
    assert scale_of(RECALL, Direction.MAX, np.array([0.2, 0.4])).kind == "logit"
    assert scale_of(None, Direction.MAX, np.array([-3.0, 0.4])).kind == "identity"


def test_a_point_far_beyond_the_scale_is_still_a_number() -> None:
    assert np.isfinite(Scale("log", -1.0).back(-1e9))
    assert Scale("logit", 1.0, 100.0).back(1e9) == pytest.approx(100.0)
