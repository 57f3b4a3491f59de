"""The advice is right more often than any simple rule, on groups of figures the model did not see. A change that lowers it fails."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from app.knowledge import record
from app.recommend.backtest import METHODS, backtest, foreign
from app.vocabulary import Benchmark, Knowledge, TaskSlug
from tests.recommend.shipped import knowledge

FLOOR = {"top1": 0.50, "spearman": 0.35, "within20": 0.80}
"""Slightly under what was measured, see docs/advice.md."""


@cache
def own() -> dict[str, Any]:
    return backtest(knowledge())["own"]


def test_the_advisor_stays_above_its_floor() -> None:
    scores = own()["methods"]["advisor"]
    assert {name: scores[name] for name, least in FLOOR.items() if scores[name] < least} == {}


EVEN = 0.03
"""Standard error of a mean rank correlation over the groups: nearer than this two methods order alike."""


@pytest.mark.parametrize("other", METHODS[1:])
def test_the_advisor_names_the_best_more_often_than_every_simple_rule_and_orders_no_worse(other: str) -> None:
    scores = own()["methods"]
    for name in ("top1", "within20"):
        assert scores["advisor"][name] > scores[other][name], name
    assert scores["advisor"]["spearman"] > scores[other]["spearman"] - EVEN


def test_an_80_percent_interval_holds_75_to_85_percent() -> None:
    assert 0.75 <= own()["methods"]["advisor"]["coverage80"] <= 0.85


def test_the_record_that_answers_show_is_that_of_this_version() -> None:
    """After a change of the figures or the model: `gan-advisor backtest --write`."""
    kept = record.read()
    assert kept is not None
    assert kept.figures_sha256 == record.figures_digest()
    found = own()
    assert set(kept.by_task) == set(found["by_task"])
    for name, part in {"all": found, **found["by_task"]}.items():
        said = kept if name == "all" else kept.by_task[TaskSlug(name)]
        assert said.groups == part["groups"], name
        for method, scores in part["methods"].items():
            assert said.methods[method].model_dump() == pytest.approx(scores, abs=2e-3), (name, method)
            assert said.right[method] == pytest.approx(part["groups"] * scores["top1"], abs=0.6), (name, method)


def test_the_report_has_the_shape_that_clients_read() -> None:
    report = own()
    assert report["groups"] == sum(part["groups"] for part in report["by_task"].values()) > 150
    assert set(report["methods"]) == set(METHODS)
    for scores in report["methods"].values():
        assert set(scores) == {"top1", "spearman", "within20", "coverage80"}
    assert report["methods"]["random"]["spearman"] == 0


def some(count: int) -> Knowledge:
    """Knowledge of a few publications alone, so that a test is quick."""
    sources = list(dict.fromkeys(f.source for f in knowledge().benchmarks if f.task == "class-conditional-image"))[:count]
    return replace(knowledge(), benchmarks=tuple(f for f in knowledge().benchmarks if f.source in sources))


def test_shipped_rows_of_a_foreign_source_are_not_learned_from() -> None:
    known = some(40)
    source = max({f.source for f in known.benchmarks}, key=lambda s: sum(f.source == s for f in known.benchmarks))
    mine = [f for f in known.benchmarks if f.source == source]
    flattered = replace(known, benchmarks=tuple(twisted(f) if f.source == source else f for f in known.benchmarks))
    assert backtest(known, mine)["extra"] == backtest(flattered, mine)["extra"]


def twisted(figure: Benchmark) -> Benchmark:
    return figure.model_copy(update={"value": 1.0 / (1.0 + abs(figure.value))})


LINE = {
    "task": "unconditional-image",
    "dataset": "my set",
    "metric": "fid",
    "direction": "min",
    "protocol": "50k",
    "source": "arXiv:2611.1",
}


def test_a_foreign_table_may_hold_what_the_knowledge_lacks() -> None:
    lines = [{**LINE, "architecture": slug, "value": str(v)} for slug, v in (("stylegan2", 3), ("dcgan", 30), ("sngan", 12))]
    lines += [{**LINE, "architecture": "never heard of", "value": "1", "colour": "blue"}]
    lines += [{**LINE, "architecture": "WGAN-GP", "value": "14", "metric": "a-new-metric", "train_samples": "1e3"}]
    lines += [
        {**LINE, "architecture": "dcgan", "value": "n/a"},
        {**LINE, "task": "juggling", "architecture": "dcgan", "value": "1"},
    ]
    lines += [{**LINE, "architecture": "dcgan", "value": "nan"}, {"architecture": "dcgan"}]
    rows, directions, unread = foreign(lines, knowledge())
    assert len(rows) == 5
    assert unread == 4
    assert directions == {"fid": "min", "a-new-metric": "min"}
    assert rows[4].architecture == "wgan-gp"
    assert foreign([{**LINE, "architecture": "vanilla-gan", "value": "9"}], knowledge())[0][0].architecture == "gan"
    report = backtest(some(40), rows, directions)["extra"]
    assert report["groups"] in (0, 1)
    assert report["unknown_architectures"] >= 1


def test_an_empty_foreign_table_is_an_empty_report() -> None:
    report = backtest(some(5), [])["extra"]
    assert report["groups"] == 0
    assert report["methods"]["advisor"]["top1"] is None
