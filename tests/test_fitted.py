"""The fitted advisor kept beside the knowledge: the same answers, made anew when anything behind them changes."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from app import fitted, policies
from app.recommend import fit, recommend
from app.recommend.advisor import under
from app.vocabulary import Task
from tests.recommend.shipped import advisor as shipped

TASK = Task.model_validate({"data": {"type": "image", "resolution": 64, "samples": 5000}, "budget": {"gpu_hours": 20}})


def test_a_kept_advisor_gives_the_same_answer_to_the_last_byte() -> None:
    copied = pickle.loads(pickle.dumps(shipped()))
    assert recommend(TASK, copied).model_dump_json() == recommend(TASK, shipped()).model_dump_json()


def test_it_is_fitted_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fits = []
    monkeypatch.setattr(fitted, "fit", lambda knowledge: fits.append(1) or shipped())
    folder = tmp_path / "__pycache__"
    first, second = fitted.shipped(folder), fitted.shipped(folder)
    assert fits == [1]
    assert first.digest == second.digest
    assert len(list(folder.iterdir())) == 1
    monkeypatch.setattr(fitted, "_key", lambda: "another")
    fitted.shipped(folder)
    assert [path.name.split(".")[2] for path in folder.iterdir()] == ["another"]


@pytest.mark.parametrize("content", [b"", b"no pickle", b"\x80\x05]\x94."])
def test_a_broken_file_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(fitted, "fit", lambda knowledge: shipped())
    fitted.shipped(tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(content)
    assert fitted.shipped(tmp_path).digest == shipped().digest
    assert kept.stat().st_size > 1_000_000


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitted, "fit", lambda knowledge: shipped())
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    assert fitted.shipped(in_the_way / "kept").digest == shipped().digest


def test_policies_need_no_new_fit(tmp_path: Path) -> None:
    policy = tmp_path / "ours.yaml"
    policy.write_text(
        "- id: no-gan\n  when: {architecture.slug: stylegan2-ada}\n  then: {exclude: true}\n  text: Not that.\n  because: Ours.\n"
        "  golden: [{task: {data: {type: image}}, architecture: stylegan2-ada}]\n"
    )
    knowledge = policies.in_force(shipped().knowledge, [policy])
    quick, slow = under(shipped(), knowledge), fit(knowledge)
    assert quick.digest == slow.digest
    assert recommend(TASK, quick).model_dump_json() == recommend(TASK, slow).model_dump_json()
    assert any(e.rule_id == "policy/no-gan" for e in recommend(TASK, quick).excluded)


def test_it_is_kept_where_python_keeps_its_bytecode() -> None:
    fitted.shipped()
    assert list((fitted.SHIPPED / "__pycache__").glob("fitted.*"))
