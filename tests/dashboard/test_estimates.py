"""The page of an estimate and its picture."""

from __future__ import annotations

from fastapi.testclient import TestClient

from app.dashboard.estimates import parts_chart
from app.recommend.cost import predict
from app.vocabulary import EstimateRequest
from tests.dashboard.test_pages import page
from tests.recommend.shipped import advisor


def test_the_page_answers_before_it_is_asked_and_its_form_is_its_link(client: TestClient) -> None:
    first = page(client, "/estimates")
    assert "Fits" in first.text and first.all("svg", **{"class": "parts"})
    asked = page(client, "/estimates?architecture=stylegan2-ada&resolution=1024&batch_size=16&gpu=RTX+2080&kimg=100")
    assert "Does not fit" in asked.text
    assert {"name": "resolution", "value": "1024"}.items() <= asked.all("input", name="resolution")[0].items()
    for question in ("Largest batch", "Largest resolution", "Cheapest GPU", "The next 8 GB"):
        assert question in asked.text


def test_a_wrong_value_is_shown_beside_its_field(client: TestClient) -> None:
    wrong = page(client, "/estimates?architecture=styleganx&gpu=RTX+3090", status=422)
    assert "did you mean" in wrong.text
    assert wrong.all("input", name="architecture")[0]["aria-invalid"] == "true"
    page(client, "/estimates?architecture=stylegan2&resolution=big", status=422)


def test_the_bars_of_the_picture_add_up_to_the_peak() -> None:
    found = predict(EstimateRequest(architecture="stylegan2", resolution=256, images_per_pass=8), advisor().costs.predictor)
    assert found.peak_memory_bytes.expected is not None
    drawn = parts_chart(found, 24e9)
    widths = [float(piece.split('width="')[1].split("%")[0]) for piece in drawn.split('<rect class="w')[1:]]
    top = 1.08 * 24e9
    assert abs(sum(widths) - 100 * found.peak_memory_bytes.expected / top) < 0.1
    assert "over" not in drawn
    assert 'class="parts over"' in parts_chart(found, 1e9)
