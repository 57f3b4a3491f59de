"""What an answer says of the advisor's own record: counted on tasks alike where there are enough, on all where not, never more."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import KnowledgeError
from app.knowledge import record
from app.recommend.record import ENOUGH, records_of
from app.vocabulary import Backtest, TaskSlug
from tests.recommend.shipped import ask, knowledge


def part(groups: int, advisor: float, random: float) -> dict[str, object]:
    def scores(top1: float) -> dict[str, float | None]:
        return {"top1": top1 / groups, "spearman": 0.5, "within20": 0.8, "coverage80": None}

    return {"groups": groups, "methods": {"advisor": scores(advisor), "random": scores(random)}}


REPORT = {**part(40, 20, 8), "by_task": {"tabular": part(14, 9, 3.5), "voxel-3d": part(ENOUGH - 1, 2, 3)}}


@pytest.fixture
def kept(tmp_path: Path) -> Backtest:
    (tmp_path / "version.txt").write_text("2026.11\n")
    assert record.write(REPORT, tmp_path)
    found = record.read(tmp_path)
    assert found is not None
    return found


def test_similar_cases_are_those_of_the_task(kept: Backtest) -> None:
    found = records_of(kept)[TaskSlug.TABULAR]
    assert (found.task, found.cases, found.right, found.random) == ("tabular", 14, 9, 3.5)
    assert "In 14 similar cases (tabular) the best was named in 9" in found.text


@pytest.mark.parametrize(("task", "said"), [("voxel-3d", "Only 9 cases of voxel 3d"), ("video", "No case of video")])
def test_too_few_cases_are_said_to_be_too_few(kept: Backtest, task: str, said: str) -> None:
    found = records_of(kept)[TaskSlug(task)]
    assert (found.task, found.cases, found.right) == (None, 40, 20)
    assert found.text.startswith(said)


def test_the_same_scores_are_not_written_again_and_others_get_another_id(kept: Backtest, tmp_path: Path) -> None:
    before = (tmp_path / record.FILE).read_bytes()
    assert not record.write(REPORT, tmp_path)
    assert (tmp_path / record.FILE).read_bytes() == before
    assert record.write({**REPORT, **part(40, 21, 8)}, tmp_path)
    assert record.read(tmp_path) != kept


def test_a_record_that_cannot_be_read_names_the_command_that_mends_it(tmp_path: Path) -> None:
    (tmp_path / record.FILE).write_text('{"groups": 3}')
    with pytest.raises(KnowledgeError, match="backtest --write"):
        record.read(tmp_path)


def test_every_answer_shows_the_record_of_its_task() -> None:
    kept = knowledge().backtest
    assert kept is not None
    found = ask({"data": {"type": "tabular"}}).record
    assert found is not None
    assert (found.id, found.cases) == (kept.id, kept.by_task[TaskSlug.TABULAR].groups)
