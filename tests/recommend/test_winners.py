"""The map of winners: every cell is the answer to the changed task, and the task's own point lies on it."""

from __future__ import annotations

from typing import Any

import pytest

from app.recommend.flips import AXES
from app.recommend.winners import winners
from app.vocabulary import MapField, Task
from tests.recommend.shipped import advisor, ask
from tests.recommend.test_flips import BODIES, put

PAIRS = [
    (MapField.SAMPLES, MapField.GPU_HOURS),
    (MapField.RESOLUTION, MapField.MEMORY_GB),
    (MapField.GPU_HOURS, MapField.SAMPLES),
]


@pytest.mark.parametrize(("x", "y"), PAIRS)
@pytest.mark.parametrize("body", [BODIES[0], BODIES[2], BODIES[4]])
def test_a_cell_is_the_answer_to_the_changed_task(body: dict[str, Any], x: MapField, y: MapField) -> None:
    found = winners("here", Task.model_validate(body), advisor(), x, y, columns=5, rows=4)
    assert len(found.cells) == len(found.y.values)
    for value, row in zip(found.y.values, found.cells, strict=True):
        assert len(row) == len(found.x.values)
        for other, cell in zip(found.x.values, row, strict=True):
            answer = ask(put(put(body, found.y.pointer, value), found.x.pointer, other))
            assert cell == (None if answer.abstained else answer.candidates[0].architecture)


def test_the_axes_hold_the_task_and_the_winners_are_counted_and_cited() -> None:
    body = {"data": {"type": "image", "resolution": 256, "samples": 20}, "budget": {"gpu_hours": 50_000}}
    found = winners("here", Task.model_validate(body), advisor(), MapField.SAMPLES, MapField.GPU_HOURS)
    assert found.x.at == found.x.values[0] == 20
    assert found.y.at == found.y.values[-1] == 50_000
    assert (len(found.y.values), len(found.x.values)) == (16, 24)
    assert sum(w.cells for w in found.winners) == sum(cell is not None for row in found.cells for cell in row)
    figures = {figure.id for figure in advisor().knowledge.benchmarks}
    assert all(w.benchmark_ids and set(w.benchmark_ids) <= figures for w in found.winners)


def test_every_number_that_flips_are_searched_along_can_be_mapped() -> None:
    assert {axis.path.split(".")[1] for axis in AXES} == {field.value for field in MapField}


def test_a_map_of_one_field_or_of_too_many_cells_is_refused() -> None:
    task = Task.model_validate(BODIES[0])
    with pytest.raises(ValueError, match="two different fields"):
        winners("here", task, advisor(), MapField.SAMPLES, MapField.SAMPLES)
    with pytest.raises(ValueError, match="columns"):
        winners("here", task, advisor(), MapField.SAMPLES, MapField.GPU_HOURS, columns=10_000)
