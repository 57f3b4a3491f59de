"""Names in a task: read where only one thing can be meant, refused with what can be meant where several can."""

from __future__ import annotations

import pytest

from app.asking import ask
from app.errors import UnknownSlug
from app.vocabulary import Recommendation, Task
from tests.recommend.shipped import advisor


def answer(gpu: str) -> Recommendation:
    return ask(Task.model_validate({"data": {"type": "image"}, "budget": {"gpu": gpu}}), advisor())


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("A100", "A100 SXM4 40GB"),
        ("nvidia geforce rtx3090", "RTX 3090"),
        ("a6000", "RTX A6000"),
        ("1080ti", "GTX 1080 Ti"),
        ("RTX 3060", "RTX 3060 12GB"),
    ],
)
def test_a_gpu_is_known_by_what_people_write(written: str, name: str) -> None:
    assert answer(written).task.budget.gpu == name
    assert answer(written).id == answer(name).id


@pytest.mark.parametrize("written", ["H100", "RTX", "banana", " ", "80GB"])
def test_a_gpu_that_may_be_several_is_refused_with_them(written: str) -> None:
    with pytest.raises(UnknownSlug) as caught:
        answer(written)
    (problem,) = caught.value.errors
    assert problem.pointer == "#/budget/gpu"
    assert problem.allowed
    if written == "H100":
        assert problem.allowed == ["H100 PCIe 80GB", "H100 SXM5 80GB", "H100 NVL 94GB"]
