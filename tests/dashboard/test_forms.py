"""What is typed becomes a task, or says what would be right."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from app.dashboard.fields import EXAMPLES, KNOWN
from app.dashboard.forms import Complaints, complaints_of, query_of, read_task
from app.errors import FieldProblem
from app.vocabulary import Task


def wrong(**typed: str) -> dict[str, str]:
    with pytest.raises(Complaints) as caught:
        read_task({name.replace("__", "."): text for name, text in typed.items()})
    return caught.value.by_field


def test_empty_fields_are_left_out_and_numbers_may_have_separators() -> None:
    task = read_task(
        {"data.type": "image", "data.samples": "1,000,000", "data.resolution": " 256 ", "budget.gpu_hours": "", "task": ""}
    )
    assert task == Task.model_validate({"data": {"type": "image", "samples": 10**6, "resolution": 256}})


def test_a_wrong_number_says_the_range_that_would_be_right() -> None:
    said = wrong(data__type="image", data__resolution="abc", data__samples="0", budget__gpu_hours="-1")
    assert said == {
        "data.resolution": "“abc” will not do; give a whole number from 4 to 4,096.",
        "data.samples": "“0” will not do; give a whole number from 1 to 10,000,000,000.",
        "budget.gpu_hours": "“-1” will not do; give a number above 0 and up to 10,000,000.",
    }


def test_not_a_number_and_infinity_are_refused() -> None:
    assert set(wrong(data__type="image", budget__usd="nan", budget__memory_gb="inf")) == {"budget.usd", "budget.memory_gb"}


def test_a_missing_or_unknown_type_names_the_types() -> None:
    assert wrong()["data.type"].startswith("this is needed; choose one of image, video")
    assert wrong(data__type="picture")["data.type"].startswith("“picture” will not do; choose one of image")


def test_a_field_that_means_nothing_for_the_type_is_ignored() -> None:
    assert read_task({"data.type": "tabular", "data.resolution": "abc", "data.columns": "12"}).data.resolution is None


def test_a_list_is_split_at_commas_and_a_bad_slug_is_named() -> None:
    task = read_task({"data.type": "image", "constraints.exclude": "dcgan, wgan-gp"})
    assert task.constraints.exclude == ("dcgan", "wgan-gp")
    assert "slugs such as" in wrong(data__type="image", constraints__exclude="Not A Slug!")["constraints.exclude"]


@pytest.mark.parametrize("typed", [typed for _, _, typed in EXAMPLES], ids=[name for name, _, _ in EXAMPLES])
def test_an_example_is_a_task_and_fills_the_form_as_it_was(typed: dict[str, str]) -> None:
    task = read_task(typed)
    again = dict(parse_qsl(query_of(task, ())))
    assert again.items() >= typed.items()
    assert read_task(again) == task


def test_errors_by_pointer_land_at_their_field() -> None:
    def at(pointer: str) -> set[str]:
        return set(complaints_of([FieldProblem(pointer=pointer, code="x", detail="y")], "z").by_field)

    assert at("#/constraints/exclude/3") == {"constraints.exclude"}
    assert at("#/budget/gpu") == {"budget.gpu"}
    assert at("#/nothing/here") == {""}
    assert complaints_of([], "z").by_field == {"": "z"}


def test_every_field_of_the_form_is_a_field_of_a_task() -> None:
    body = Task.model_validate({"data": {"type": "image"}}).model_dump()
    for name in KNOWN:
        part = body
        for step in name.split("."):
            assert step in part, name
            part = part[step]


def test_weights_above_one_come_back_in_the_same_ratio() -> None:
    task = Task.model_validate(
        {"data": {"type": "image"}, "priorities": {"quality": 10, "cost": 5}, "budget": {"usd": 1234567.5}}
    )
    again = dict(parse_qsl(query_of(task, ())))
    assert (again["priorities.quality"], again["priorities.cost"], again["budget.usd"]) == ("1", "0.5", "1234567.5")
