"""The resource against both stores, without a worker."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app import db
from app.errors import Conflict, Gone, NotFound, Unprocessable
from app.settings import settings
from app.tables import ValidationRow, WorkerRow
from app.validations import engine, forget, reaper, record, store
from app.validations.devices import GB
from app.vocabulary import Status
from tests.validations import samples
from tests.validations.conftest import ask


def rows() -> int:
    with db.reading() as session:
        return session.execute(sa.select(sa.func.count()).select_from(ValidationRow)).scalar_one()


def register(executor_id: str, state: str = "live", age: float = 0.0) -> None:
    with db.transaction() as session:
        seen = db.now(session) - age
        fields = {
            "host": "elsewhere",
            "pid": 1,
            "device": "cpu",
            "started_at": seen,
            "seen": seen,
            "state": state,
            "memory_bytes": 8 * GB,
        }
        session.add(WorkerRow(executor_id=executor_id, **fields))


def claim(validation_id: str, executor_id: str) -> record.Claim:
    held = record.claim(validation_id, executor_id, "cpu")
    assert held is not None
    return held


def test_a_new_validation_is_queued_and_says_why_it_waits(database: str) -> None:
    made = ask()
    assert (made.status, made.done, made.attempt) == (Status.QUEUED, False, 0)
    assert made.status_reason == "waits for a worker: none is alive; first in line"
    register("w")
    assert ask().status_reason == "waits for one of 1 worker; behind 1 other"
    assert [e["type"] for e in store.events(made.id)] == ["validation.queued"]


def test_a_row_and_its_enqueue_are_born_together_or_not_at_all(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = engine.enqueue

    def enqueue_then_fail(*arguments: Any) -> None:
        real(*arguments)
        raise RuntimeError("the power went out")

    monkeypatch.setattr(engine, "enqueue", enqueue_then_fail)
    with pytest.raises(RuntimeError):
        ask(key="one")
    assert rows() == 0 and engine.states([store.key_id("one")]) == {}
    monkeypatch.undo()
    settings.cache_clear()


def test_the_same_key_and_body_give_the_same_validation_once(database: str) -> None:
    first, again = (store.create(samples.request(), samples.advise, "key") for _ in range(2))
    assert (first[1], again[1]) == (False, True) and first[0].id == again[0].id and rows() == 1


def test_the_same_key_with_another_body_is_refused(database: str) -> None:
    ask(key="key")
    with pytest.raises(Unprocessable, match="another body"):
        ask(key="key", seed=1)


def test_a_queued_validation_is_canceled_at_once_and_never_started(database: str) -> None:
    made = ask()
    found, before = store.cancel(made.id)
    assert (found.status, before, store.cancel(made.id)[1]) == (Status.CANCELED, False, True)
    register("w")
    assert record.claim(made.id, "w", "cpu") is None
    assert [e["type"] for e in store.events(made.id)] == ["validation.queued", "validation.canceled"]


def test_a_validation_that_has_ended_cannot_be_canceled(database: str) -> None:
    made = ask()
    record.close(made.id, Status.FAILED, "planted")
    with pytest.raises(Conflict):
        store.cancel(made.id)


def test_events_come_in_order_after_a_number_and_are_not_repeated(database: str) -> None:
    made = ask()
    register("w")
    held = claim(made.id, "w")
    for _ in range(2):
        new = [record.Line("progress", f"candidate:{n}", {"loss": float("nan")}) for n in range(1, 6)]
        new = [line for line in new if int(line.source.split(":")[1]) > record.relayed(made.id, "candidate")]
        record.relay(held, new, {"fraction": 0.5})
    log = store.events(made.id)
    assert [e["id"] for e in log] == list(range(1, 8))
    assert [e["id"] for e in store.events(made.id, after=5)] == [6, 7]
    assert log[-1]["data"] == {"loss": None}


def test_a_worker_that_was_replaced_can_publish_nothing(database: str) -> None:
    made = ask()
    register("old")
    register("new")
    old = claim(made.id, "old")
    claim(made.id, "new")
    for write in (lambda: record.publish(old, Status.FAILED, "late"), lambda: record.relay(old, [], {})):
        with pytest.raises(record.Superseded):
            write()
    assert not store.get(made.id).done


def test_a_worker_declared_dead_can_neither_publish_nor_claim(database: str) -> None:
    made = ask()
    register("zombie")
    held = claim(made.id, "zombie")
    with db.transaction() as session:
        session.execute(sa.update(WorkerRow).values(state="dead"))
    for write in (lambda: record.publish(held, Status.FAILED, "late"), lambda: record.claim(made.id, "zombie", "cpu")):
        with pytest.raises(record.DeclaredDead):
            write()
    assert store.get(made.id).attempt == 1 and not store.get(made.id).done


def test_the_reaper_takes_from_the_silent_and_spares_who_has_spoken(database: str) -> None:
    register("silent", age=settings().lease_seconds + 1)
    register("speaking", age=settings().lease_seconds - 1)
    assert reaper.reap("me") == [], "nobody holds anything"
    with db.reading() as session:
        states = {w.executor_id: w.state for w in session.execute(sa.select(WorkerRow)).scalars()}
    assert states == {"silent": "dead", "speaking": "live"}


def test_a_planned_drain_costs_no_attempt_and_too_many_lost_workers_end_it(database: str) -> None:
    made = ask()
    register("w")
    for _ in range(10):
        record.give_back(claim(made.id, "w"))
    for _ in range(settings().max_attempts):
        claim(made.id, "w")
    assert record.claim(made.id, "w", "cpu") is None
    found = store.get(made.id)
    assert found.status is Status.FAILED and (found.status_reason or "").startswith("worker_lost")


def test_teams_take_turns_and_each_ones_own_order_holds(database: str) -> None:
    big = [ask(team="big").id for _ in range(5)]
    small = [ask(team="small").id for _ in range(2)]
    assert served() == [big[0], small[0], big[1], small[1], big[2], big[3], big[4]]
    for ended in (big[0], small[0], big[1]):
        record.close(ended, Status.FAILED, "planted")
    late = ask(team="big").id
    assert served()[-1] == late, "whoever asks last must not overtake what the same team asked before"


def served() -> list[str]:
    with db.reading() as session:
        waiting = sa.select(ValidationRow.id).where(ValidationRow.outcome.is_(None))
        return list(session.execute(waiting.order_by(ValidationRow.priority, ValidationRow.created_at)).scalars())


def test_pages_hold_every_validation_once_newest_first(database: str) -> None:
    made = [ask().id for _ in range(5)]
    seen: list[str] = []
    after = None
    while True:
        items, after = store.page(2, after)
        seen += [item.id for item in items]
        if after is None:
            break
    assert seen == made[::-1]


def test_only_files_of_the_plan_can_be_fetched(database: str) -> None:
    made = ask()
    folder = settings().runs / made.id
    for name in (
        "report.json",
        "secret.txt",
        "candidate/samples.png",
        "candidate/samples/20.png",
        "candidate/samples/x.png",
        "candidate/run.lock",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    assert store.artifacts(made.id) == [
        ("samples.png", 21),
        ("report.json", 11),
        ("candidate/samples.png", 21),
        ("candidate/samples/20.png", 24),
    ]
    found = store.artifact(made.id, "samples.png")
    assert isinstance(found, Path) and found.read_text() == "candidate/samples.png"
    assert store.artifact(made.id, "report.json") == b"report.json"
    for name in (
        "secret.txt",
        "candidate/run.lock",
        "candidate/samples/x.png",
        "candidate/samples/21.png",
        "../report.json",
        "candidate/../report.json",
        "/etc/passwd",
        "nobody/x",
    ):
        with pytest.raises(NotFound):
            store.artifact(made.id, name)


def test_the_sweep_closes_what_a_crash_left_between_engine_and_row(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = ask()
    with monkeypatch.context() as patch:
        patch.setattr(record, "close", lambda *_: None)
        store.cancel(made.id)
    assert store.get(made.id).status_reason == "is being canceled"
    reaper.sweep()
    assert store.get(made.id).status is Status.CANCELED


def test_what_is_older_than_the_retention_is_forgotten_with_its_files(database: str) -> None:
    old, kept = ask(team="us").id, ask().id
    (settings().runs / old).mkdir(parents=True)
    record.close(old, Status.FAILED, "planted")
    with db.transaction() as session:
        long_ago = db.now(session) - settings().retention_days * 86_400 - 1
        session.execute(sa.update(ValidationRow).where(ValidationRow.id == old).values(finished_at=long_ago))
    reaper.sweep()
    for call in (store.get, store.ended, store.artifacts, store.cancel, forget.delete):
        with pytest.raises(Gone):
            call(old, "us")
        with pytest.raises(NotFound):  # to others it never was
            call(old, "them")
    assert not (settings().runs / old).exists() and engine.states([old]) == {}
    assert store.get(kept).status is Status.QUEUED


def test_a_request_with_both_a_task_and_a_recommendation_or_neither_is_refused(database: str) -> None:
    for changes in ({"task": None}, {"recommendation_id": "x"}):
        with pytest.raises(Unprocessable):
            ask(**changes)
    with pytest.raises(Unprocessable, match="no recommendation"):
        ask(task=None, recommendation_id="x")


def test_many_may_look_at_once_though_each_look_takes_two_connections(database: str) -> None:
    made = ask()
    with ThreadPoolExecutor(60) as pool:
        assert {found.status for found in pool.map(lambda _: store.get(made.id), range(120))} == {Status.QUEUED}
