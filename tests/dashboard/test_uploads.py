"""Your data on the pages: a file, a folder, what is refused, and the question that follows from it."""

from __future__ import annotations

import io
from urllib.parse import parse_qsl

import numpy as np
from fastapi.testclient import TestClient
from PIL import Image

from tests.dashboard.html import Html


def picture(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (48, 48, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "png")
    return out.getvalue()


def send(client: TestClient, *files: tuple[str, bytes]) -> Html:
    sent = client.post("/datasets", files=[("folder", file) for file in files])
    assert sent.status_code == 303, sent.text
    page = Html(client.get(sent.headers["location"]).text)
    assert page.mistakes == []
    return page


def test_a_folder_becomes_a_question_that_can_be_asked(client: TestClient) -> None:
    page = send(client, *((f"flowers/{kind}/{i}.png", picture(i)) for i, kind in enumerate(["rose", "tulip"] * 4)))
    assert "8 samples of image data" in page.text and "rose: 4" in page.text
    (address,) = (link for link in page.links() if link.startswith("/?"))
    typed = dict(parse_qsl(address[2:]))
    assert typed["data.samples"] == "8" and typed["data.classes"] == "2"
    assert f'value="{typed["data.dataset_id"]}"' in client.get(address).text
    asked = client.post("/recommendations", data={"data.type": "image", "data.dataset_id": typed["data.dataset_id"]})
    answer = client.get(f"/v1{asked.headers['location']}").json()
    assert answer["task"]["data"]["samples"] == 8
    assert typed["data.dataset_id"] in client.get(asked.headers["location"]).text


def test_a_table_is_read_as_it_is(client: TestClient) -> None:
    rows = "\n".join(f"{i},{i % 3},{i * 0.5}" for i in range(200))
    page = send(client, ("people.csv", f"id,kind,weight\n{rows}\n".encode()))
    assert "200 samples of tabular data" in page.text and "Columns: 3" in page.text
    assert "people.csv" in Html(client.get("/datasets").text).text


def test_what_cannot_be_read_says_why(client: TestClient) -> None:
    page = send(client, ("notes/a.exe", b"MZ"), ("notes/b.exe", b"MZ"))
    assert "It was refused" in page.text
    assert client.post("/datasets", files=[("folder", ("", b""))]).status_code == 422
    foreign = client.post("/datasets", files=[("file", ("a.csv", b"a\n1\n"))], headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403


def test_a_name_that_leads_elsewhere_is_refused(client: TestClient) -> None:
    page = send(client, ("x/../../../etc/a.png", picture(0)), ("x/b.png", picture(1)))
    assert "It was refused" in page.text
