"""What the form of a validation proposes."""

from __future__ import annotations

from fastapi.testclient import TestClient

from app.answers import answered
from app.dashboard.text import joined, place
from app.recommend import Advisor
from app.validations.choosing import ranked, ticked
from app.validations.known import trainable
from app.vocabulary import Knowledge, Recommendation

TASK = {"data": {"type": "image", "resolution": 32, "channels": 1, "samples": 300}}


def asked(client: TestClient) -> Recommendation:
    return answered(client.post("/v1/recommendations", json=TASK).json()["id"], None)


def test_where_the_first_lines_cannot_be_trained_the_next_in_the_ranking_come_first(
    client: TestClient, known: tuple[Knowledge, Advisor]
) -> None:
    answer, able = asked(client), trainable("unconditional-image")
    shown = tuple(c for c in answer.candidates if c.architecture not in able)
    assert shown, "else this tests nothing"
    answer = answer.model_copy(update={"candidates": shown})
    longer = client.post("/v1/recommendations", json={**TASK, "top_k": 50}).json()["candidates"]
    assert ranked(answer, able, known[1]) == [c["architecture"] for c in longer if c["architecture"] in able]


def test_without_a_gpu_what_sees_next_to_nothing_in_the_time_is_not_ticked(
    database: str, known: tuple[Knowledge, Advisor]
) -> None:
    assert ticked(["r3gan", "sngan", "stylegan2", "dcgan", "gan"], 60, known[1]) == ["sngan", "dcgan"]
    assert ticked(["r3gan", "sngan", "stylegan2", "dcgan", "gan"], 600, known[1]) == ["r3gan", "sngan"]
    assert ticked(["projected-gan", "r3gan", "fastgan"], 20, known[1]) == ["projected-gan", "r3gan"], "rather than none"


def test_a_folder_is_named_without_where_it_lies() -> None:
    assert [place(slug) for slug in ("mnist-5k", "/srv/var/datasets/ds_1/data/photos", "/data/faces/")] == [
        "mnist-5k",
        "photos",
        "faces",
    ]
    assert [joined(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
