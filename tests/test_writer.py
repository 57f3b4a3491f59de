"""Answers are written a moment after they were sent: found until then, written on a stop, and not lost to a database that fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

from app import answers, db, writer
from app.tables import AskedRow, RecommendationRow
from app.writer import WRITER, Writer


def row(name: str) -> dict[str, Any]:
    return {"id": name, "knowledge_sha256": "0" * 64, "body": f'{{"id":"{name}"}}'}


def held() -> set[tuple[str, str]]:
    with db.reading() as session:
        return {tuple(found) for found in session.execute(sa.select(AskedRow.team, AskedRow.recommendation_id))}


@pytest.fixture
def slow(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Writer]:
    """One that writes by itself only after a minute."""
    monkeypatch.setattr(writer, "PAUSE_SECONDS", 60.0)
    made = Writer()
    made.start()
    yield made
    made.stop()


def test_what_waits_is_found_and_a_stop_writes_it(slow: Writer) -> None:
    assert slow.add(("", "a"), row("a"))
    assert not slow.add(("", "a"), row("a"))
    assert slow.add(("team", "a"), row("a"))
    assert slow.find(("", "a")) == row("a")["body"]
    assert slow.find(("other", "a")) is None
    assert held() == set()
    slow.stop()
    assert held() == {("", "a"), ("team", "a")}
    assert slow.find(("", "a")) is None


def test_what_it_writes_is_no_reason_to_look_for_new_figures(database: str) -> None:
    before = db.committed()
    Writer().add(("", "a"), row("a"))
    assert db.committed() == before
    with db.transaction():
        pass
    assert db.committed() != before


def test_without_a_start_it_writes_at_once(database: str) -> None:
    Writer().add(("", "a"), row("a"))
    assert held() == {("", "a")}


def test_it_writes_in_the_order_of_asking_and_what_is_there_stays(slow: Writer) -> None:
    for name in "bac":
        slow.add(("", name), row(name))
    slow.flush()
    slow.add(("", "a"), row("a") | {"body": "another"})
    slow.flush()
    with db.reading() as session:
        found = session.scalars(sa.select(RecommendationRow).order_by(RecommendationRow.created_at)).all()
    assert [one.id for one in found] == ["b", "a", "c"]
    assert found[1].body == row("a")["body"]


def test_a_database_that_fails_loses_nothing(slow: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise OperationalError("insert", {}, Exception("away"))

    slow.add(("", "a"), row("a"))
    with monkeypatch.context() as patch:
        patch.setattr(db, "insert_absent", fails)
        with pytest.raises(OperationalError):
            slow.flush()
        patch.setattr(writer, "MOST", 1)
        with pytest.raises(OperationalError):
            slow.add(("", "b"), row("b"))
    assert slow.find(("", "a"))
    slow.flush()
    assert held() == {("", "a")}


def test_when_many_wait_the_asker_waits_for_them(slow: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MOST", 2)
    for name in "abc":
        slow.add(("", name), row(name))
    assert held() == {("", "a"), ("", "b")}


def test_the_service_writes_what_waits_when_it_stops(client: TestClient) -> None:
    where = client.post("/v1/recommendations", json={"data": {"type": "image"}}).headers["location"]
    name = where.rpartition("/")[2]
    assert client.get(where).status_code == 200
    WRITER.stop()
    assert ("", name) in held()
    assert answers.stored(name)
