"""The knowledge in the database: all of it, once, and a team's own figures left alone."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from app import db
from app.errors import KnowledgeOutOfDate
from app.knowledge.load import load
from app.knowledge.sync import require, stamp, sync
from app.serve import prepare
from app.tables import ArchitectureRow, BenchmarkRow, CostRow, DatasetRow, GpuRow, KnowledgeState, RuleRow
from app.vocabulary import Benchmark, Knowledge


@pytest.fixture(scope="module")
def shipped() -> Knowledge:
    return load()


def count(table: type) -> int:
    with db.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def test_everything_arrives(database: str, shipped: Knowledge) -> None:
    report = sync(shipped)
    assert report.changed
    counts = {t: count(t) for t in (ArchitectureRow, BenchmarkRow, RuleRow, DatasetRow, GpuRow, CostRow)}
    assert report.rows == sum(counts.values())
    assert counts[BenchmarkRow] == len(shipped.benchmarks)
    with db.reading() as session:
        row = session.get(BenchmarkRow, shipped.benchmarks[17].id)
        assert row is not None
        assert Benchmark.model_validate(row.body) == shipped.benchmarks[17]
    require(shipped)


def test_an_unchanged_knowledge_writes_nothing(database: str, small: Path) -> None:
    knowledge = load(small, frozenset())
    assert sync(knowledge).changed
    with db.reading() as session:
        first = session.scalar(sa.select(KnowledgeState.synced_at))
    assert not sync(knowledge).changed
    with db.reading() as session:
        assert session.scalar(sa.select(KnowledgeState.synced_at)) == first


def test_a_changed_knowledge_replaces_the_shipped_figures_and_keeps_a_teams_own(database: str, small: Path) -> None:
    sync(load(small, frozenset()))
    own = {"id": "mine", "architecture": "dcgan", "task": "unconditional-image", "dataset": "cifar10", "metric": "fid"}
    with db.transaction() as session:
        session.add(BenchmarkRow(**own, value=1.0, reported_by="authors", team="team", body={}))
    path = small / "benchmarks" / "cifar10.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    changed = load(small, frozenset())
    assert sync(changed).changed
    assert stamp() == changed.sha256
    with db.reading() as session:
        assert set(session.scalars(sa.select(BenchmarkRow.id))) == {"mine", changed.benchmarks[0].id}


def test_a_database_with_other_knowledge_is_refused_with_the_command_that_mends_it(database: str, small: Path) -> None:
    knowledge = load(small, frozenset())
    assert stamp() is None
    with pytest.raises(KnowledgeOutOfDate, match=r"holds no knowledge.*gan-advisor knowledge sync"):
        require(knowledge)
    sync(knowledge)
    path = small / "version.txt"
    path.write_text("2027.01\n")
    with pytest.raises(KnowledgeOutOfDate, match=knowledge.sha256[:12]):
        require(load(small, frozenset()))


def test_serving_brings_the_embedded_database_up_and_leaves_a_filled_server_to_its_operator(database: str, small: Path) -> None:
    sync(load(small, frozenset()))
    if database.startswith("sqlite"):
        prepare()
        assert stamp() == load().sha256
    else:
        with pytest.raises(KnowledgeOutOfDate, match="gan-advisor knowledge sync"):
            prepare()


def test_a_database_without_tables_is_refused_the_same_way(small: Path) -> None:
    with pytest.raises(KnowledgeOutOfDate, match="gan-advisor db upgrade"):
        require(load(small, frozenset()))


def test_a_sync_that_fails_leaves_the_knowledge_as_it_was(database: str, small: Path) -> None:
    before = load(small, frozenset())
    sync(before)
    twice = Knowledge(**{**vars(before), "sha256": "0" * 64, "benchmarks": before.benchmarks * 2})
    with pytest.raises(sa.exc.IntegrityError):
        sync(twice)
    assert stamp() == before.sha256
    assert count(BenchmarkRow) == len(before.benchmarks)


def test_processes_that_sync_at_once_agree(database: str, small: Path) -> None:
    knowledge = load(small, frozenset())
    reports: list[bool] = []
    threads = [threading.Thread(target=lambda: reports.append(sync(knowledge).changed)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(reports) == [False, False, False, True]
