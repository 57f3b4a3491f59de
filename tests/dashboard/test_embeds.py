"""Pictures of an answer to embed, its recipes, and architectures side by side."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
import yaml
from fastapi.testclient import TestClient

from app.dashboard.compare import meetings
from app.dashboard.scatter import Point, undominated
from app.vocabulary import Knowledge
from tests.dashboard.html import Html

TASK = {"data": {"type": "image", "resolution": 256, "samples": 5000}, "budget": {"gpu": "RTX 3090", "gpu_hours": 48}}


@pytest.fixture
def answer(client: TestClient) -> dict[str, object]:
    return dict(client.post("/v1/recommendations", json=TASK).json())


@pytest.mark.parametrize("name", ["chart", "frontier", "memory"])
def test_a_picture_is_sealed_svg_and_a_vega_document_of_the_same_candidates(
    name: str, client: TestClient, answer: dict[str, object]
) -> None:
    drawn = client.get(f"/recommendations/{answer['id']}/{name}.svg")
    assert drawn.status_code == 200 and "sandbox" in drawn.headers["content-security-policy"]
    text = "".join(ET.fromstring(drawn.text).itertext())
    document = client.get(f"/recommendations/{answer['id']}/{name}.vl.json").json()
    assert document["$schema"].startswith("https://vega.github.io/schema/vega-lite/")
    rows = document["data"]["values"]
    assert rows and all(row["architecture"][:20] in text and row["low"] <= row["expected"] <= row["high"] for row in rows)


def test_an_unknown_picture_and_an_unknown_answer_are_refused(client: TestClient, answer: dict[str, object]) -> None:
    assert client.get(f"/recommendations/{answer['id']}/pie.svg").status_code == 422
    assert client.get("/recommendations/none/chart.svg").status_code == 404


def test_a_recipe_is_yaml_with_the_origin_of_each_value(client: TestClient, answer: dict[str, object]) -> None:
    first = answer["candidates"][0]  # type: ignore[index]
    told = client.get(f"/recommendations/{answer['id']}/recipe/{first['architecture']}.yaml")
    body = yaml.safe_load(told.text)
    assert body.pop("architecture") == first["architecture"]
    assert body == {name: value["value"] for name, value in first["recipe"].items()}
    assert all(f"# {v['origin']}: {v['source']}" in told.text for v in first["recipe"].values())
    assert client.get(f"/recommendations/{answer['id']}/recipe/ctgan.yaml").status_code == 404


def test_the_frontier_keeps_what_none_beats_on_both() -> None:
    points = [Point(1, "a", 10, 5, None, None), Point(2, "b", 5, 9, None, None), Point(3, "c", 20, 6, None, None)]
    assert [p.name for p in undominated(points, lower=True)] == ["b", "a"]
    assert [p.name for p in undominated(points, lower=False)] == ["b"]


def test_two_architectures_meet_only_where_one_source_measured_both(shipped: Knowledge) -> None:
    found = meetings(["stylegan2-ada", "projected-gan"], "", shipped)
    assert found
    for met in found:
        assert all(figure is not None and figure.source == met.source for figure in met.figures)
        assert met.winners <= {"stylegan2-ada", "projected-gan"}


def test_the_page_of_a_comparison_names_both_and_links_their_figures(client: TestClient) -> None:
    page = Html(client.get("/compare?architecture=stylegan2-ada&architecture=projected-gan").text)
    assert page.mistakes == [] and "Measured alike" in page.text and "Projected GAN" in page.text
    assert client.get("/compare?architecture=stylgan").status_code == 404
    assert client.get("/compare").status_code == 200


@pytest.fixture
def shipped(client: TestClient) -> Knowledge:
    return client.app.state.knowledge  # type: ignore[attr-defined,no-any-return]


def test_disputed_figures_stand_beside_each_other(client: TestClient) -> None:
    page = Html(client.get("/evidence?dataset=cifar10&metric=fid&architecture=wgan-gp&disputed=true").text)
    assert page.mistakes == []
    lowest, highest = page.text.index("25.852"), page.text.index("53.98")
    assert page.text.index("times apart") < lowest < highest, "one heading, the lowest first"
    assert page.text.count("times apart") == len(page.all("tr", class_="yard"))
    assert "No figure matches" in Html(client.get("/evidence?architecture=ctgan&dataset=cifar10").text).text


def test_the_evidence_comes_as_a_table_and_in_other_orders(client: TestClient) -> None:
    lines = client.get("/evidence.csv?dataset=cifar10&metric=fid").text.splitlines()
    assert lines[0].startswith("id,") and all(line.startswith("cifar10/fid/") for line in lines[1:])
    assert client.get("/evidence?order=figures").text != client.get("/evidence").text
    assert client.get("/evidence?order=sideways").status_code == 422
