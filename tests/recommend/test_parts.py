"""The smaller parts: describing, recipes, costs, stability, and that the package stays pure."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

import app.recommend
from app.recommend import TaskError
from app.recommend.recipe import formula
from app.vocabulary import Kind
from tests.recommend.shipped import advisor, ask, knowledge


def test_what_the_task_says_is_never_replaced_by_an_assumption() -> None:
    answer = ask({"data": {"type": "image", "samples": 1234, "resolution": 96}})
    assert (answer.task.data.samples, answer.task.data.resolution) == (1234, 96)
    pointers = [assumption.pointer for assumption in answer.assumptions]
    assert "/data/samples" not in pointers
    assert len(pointers) == len(set(pointers))


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"task": "tabular", "data": {"type": "image"}}, "#/data/type"),
        ({"data": {"type": "image"}, "budget": {"gpu": "Abacus 3000"}}, "#/budget/gpu"),
        ({"data": {"type": "image"}, "constraints": {"include": ["dcgan", "no-such-gan"]}}, "#/constraints/include/1"),
    ],
)
def test_a_contradiction_names_the_field_at_fault(body: dict[str, Any], pointer: str) -> None:
    with pytest.raises(TaskError) as caught:
        ask(body)
    assert caught.value.pointer == pointer
    assert caught.value.allowed


def test_the_smallest_task_of_every_data_type_gets_a_task() -> None:
    for kind in {kind for task in knowledge().tasks.values() for kind in task.data_types}:
        assert ask({"data": {"type": kind}}).task.task is not None


def test_r1_follows_from_resolution_and_batch() -> None:
    answer = ask({"data": {"type": "image", "resolution": 256, "samples": 70000}, "constraints": {"include": ["stylegan2"]}})
    recipe = answer.candidates[0].recipe
    assert recipe["batch_size"].value == 32
    assert recipe["r1_gamma"].value == pytest.approx(0.0002 * 256**2 / 32, rel=1e-3)
    assert recipe["r1_gamma"].origin == "formula"


def test_more_memory_holds_more_images_in_a_pass_and_less_needs_accumulation() -> None:
    def recipe(gigabytes: float) -> dict[str, Any]:
        body = {"data": {"type": "image", "resolution": 512, "samples": 70000}, "constraints": {"include": ["stylegan2"]}}
        return ask({**body, "budget": {"memory_gb": gigabytes}}).candidates[0].recipe

    small, large = recipe(8), recipe(80)
    assert small["images_per_pass"].value < large["images_per_pass"].value <= large["batch_size"].value
    assert small["gradient_accumulation"].value > large["gradient_accumulation"].value == 1


@pytest.mark.parametrize(
    "text", ["__import__('os')", "resolution.real", "[1][0]", "open('x')", "1 if 2 else 3", "'a' * 9", "1 +"]
)
def test_a_formula_is_arithmetic_and_nothing_else(text: str) -> None:
    with pytest.raises(ValueError, match="is no formula"):
        formula(text)({"resolution": 1})


def test_a_formula_of_an_unknown_number_is_left_out() -> None:
    with pytest.raises(KeyError):
        formula("samples / batch_size")({"samples": 10})


def test_a_faster_gpu_and_a_smaller_image_take_fewer_hours() -> None:
    def hours(resolution: int, gpu: str) -> float:
        body = {"data": {"type": "image", "resolution": resolution, "samples": 70000}, "budget": {"gpu": gpu}}
        found = ask({**body, "constraints": {"include": ["stylegan2"]}}).candidates[0].cost.gpu_hours
        assert found.low is not None and found.expected is not None and found.high is not None
        assert found.low < found.expected < found.high
        return found.expected

    slow, fast = "GTX 1080 Ti", "A100 SXM4 80GB"
    assert hours(256, fast) < hours(256, slow)
    assert hours(128, fast) < hours(512, fast)


@pytest.mark.parametrize("hours", [1, 10])
def test_with_few_hours_no_design_that_needs_hundreds_is_first_nor_one_of_unknown_need(hours: float) -> None:
    body = {"data": {"type": "image", "resolution": 256, "samples": 50_000}, "budget": {"gpu": "RTX 3090", "gpu_hours": hours}}
    first, *rest = ask({**body, "top_k": 10}).candidates
    assert first.cost.gpu_hours.expected is not None and first.cost.gpu_hours.expected < 33 * hours
    late = next(c for c in rest if (c.cost.gpu_hours.expected or 0) > 34 * hours)
    assert "hours-hopeless" in [reason.rule_id for reason in late.reasons]


def test_cost_is_null_where_no_figure_of_the_design_or_its_family_is_known() -> None:
    costs = advisor().costs
    unknown = [a.slug for a, known in zip(advisor().architectures, costs.hours_known, strict=True) if not known]
    found = [c for c in ask({"data": {"type": "image"}, "top_k": 50}).candidates if c.architecture in unknown]
    assert found
    for candidate in found:
        assert candidate.cost.gpu_hours.expected is None
        assert candidate.cost.sources == ()


def test_designs_that_end_diverged_count_as_unsteady() -> None:
    steadiness = dict(zip((a.slug for a in advisor().architectures), advisor().stability, strict=True))
    assert steadiness["lsgan"] < steadiness["sngan"]
    assert steadiness["dcgan"] < steadiness["biggan"]


def test_rivals_are_other_methods_that_win_more_often_than_not() -> None:
    names = {a.name: a for a in knowledge().architectures.values()}
    named = [rival for rivals in advisor().rivals.values() for rival in rivals]
    assert "TabDDPM" in {rival.name for rival in named}
    for rival in named:
        assert names[rival.name].kind is Kind.REFERENCE
        assert rival.met >= rival.wins > rival.met / 2
        assert rival.figures


def test_nothing_here_reads_a_clock_a_file_or_a_die() -> None:
    folder = Path(app.recommend.__file__).parent
    barred = {"time", "datetime", "random", "secrets", "os", "pathlib", "io", "socket", "urllib", "subprocess"}
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert barred.isdisjoint(name.split(".")[0] for name in names), path.name
            assert not (isinstance(node, ast.Attribute) and ast.unparse(node).startswith("np.random")), path.name
            assert not (isinstance(node, ast.Call) and ast.unparse(node.func) == "open"), path.name
