"""Own data sets over HTTP: named, uploaded whole or in pieces, used in a task and a validation, refused with the reason."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app import datasets
from app.settings import settings
from tests.api.test_validations import problem

BYTES = {"Content-Type": "application/offset+octet-stream"}


def photos(count: int = 12) -> bytes:
    random, out = np.random.default_rng(0), io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for i in range(count):
            image = io.BytesIO()
            Image.fromarray(random.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(image, "PNG")
            archive.writestr(f"photos/{i}.png", image.getvalue())
    return out.getvalue()


def test_a_whole_upload_is_fingerprinted_and_fills_a_task(client: TestClient) -> None:
    made = client.put("/v1/datasets?filename=my%20photos.zip", content=photos(250), headers={"Content-Type": "application/zip"})
    assert made.status_code == 201, made.text
    body = made.json()
    assert made.headers["location"] == f"/v1/datasets/{body['id']}"
    assert (body["status"], body["filename"]) == ("ready", "my_photos.zip")
    assert body["fingerprint"]["task"]["data"]["samples"] == 250
    asked = {"data": {"type": "image", "dataset_id": body["id"]}}
    task = client.post("/v1/recommendations", json=asked).json()["task"]
    assert (task["data"]["samples"], task["data"]["resolution"], task["data"]["channels"]) == (250, 32, 3)
    plan = {
        "task": asked["data"] and {**asked, "task": "unconditional-image"},
        "dataset": body["id"],
        "budget": {"max_seconds": 60},
    }
    planned = client.post("/v1/validations?validate_only=true", json={**plan, "architectures": ["dcgan"]})
    assert planned.status_code == 200, planned.text
    assert planned.json()["dataset"]["slug"] == body["id"] == planned.json()["runs"][0]["recipe"]["dataset"]
    assert str(settings().data_dir) not in planned.text


def test_an_upload_resumes_where_it_broke(client: TestClient) -> None:
    whole = photos()
    made = client.post("/v1/datasets", json={"filename": "p.zip", "bytes": len(whole)})
    assert (made.status_code, made.headers["upload-offset"]) == (202, "0")
    where = made.headers["location"]
    assert client.patch(where, content=whole[:1000], headers={**BYTES, "Upload-Offset": "0"}).headers["upload-offset"] == "1000"
    wrong = problem(client.patch(where, content=whole[:10], headers={**BYTES, "Upload-Offset": "0"}), 409)
    assert (wrong["errors"][0]["code"], wrong["errors"][0]["allowed"]) == ("wrong_offset", 1000)
    held = client.get(where)
    assert (held.json()["status"], held.headers["upload-offset"]) == ("uploading", "1000")
    done = client.patch(where, content=whole[1000:], headers={**BYTES, "Upload-Offset": "1000"}).json()
    assert (done["status"], done["fingerprint"]["samples"]) == ("ready", 12)
    problem(client.patch(where, content=b"x", headers={**BYTES, "Upload-Offset": str(len(whole))}), 409)


def test_more_than_was_announced_is_refused_and_what_is_no_data_says_why(client: TestClient) -> None:
    where = client.post("/v1/datasets", json={"filename": "t.csv", "bytes": 8}).headers["location"]
    problem(client.patch(where, content=b"a,b\n1,2\n3,4\n", headers={**BYTES, "Upload-Offset": "0"}), 413)
    bad = client.put("/v1/datasets?filename=t.csv", content=b"a,b\n1,2,3\n", headers={"Content-Type": "text/csv"}).json()
    assert bad["status"] == "refused"
    assert "t.csv:2 has 3 cells" in bad["status_reason"]
    asked = {"data": {"type": "tabular", "dataset_id": bad["id"]}}
    assert "3 cells" in problem(client.post("/v1/recommendations", json=asked), 409)["detail"]
    assert not list(datasets.folder_of(bad["id"]).iterdir()), "the bytes of a refused upload are gone"


def test_limits_endings_and_half_bodies_are_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    error = problem(client.post("/v1/datasets", json={"filename": "run.exe", "bytes": 5}), 422)
    assert error["errors"][0]["pointer"] == "#/filename" and ".zip" in error["errors"][0]["allowed"]
    problem(client.post("/v1/datasets", json={"filename": "a.zip", "bytes": 10**15}), 413)
    problem(client.post("/v1/datasets", json={"filename": "a.zip"}), 422)
    problem(client.post("/v1/datasets", json={"filename": "a.zip", "bytes": 0}), 422)
    problem(client.get("/v1/datasets/ds_../../etc"), 404)
    problem(client.get(f"/v1/datasets/ds_{'0' * 32}"), 404)
    evil = client.post("/v1/datasets", json={"filename": "../../../etc/cron.zip", "bytes": 5}).json()
    assert evil["filename"] == "cron.zip"
    assert {p.parent.parent for p in (settings().data_dir / "datasets").rglob("*.zip")} == {settings().data_dir / "datasets"}


def test_a_folder_is_named_only_where_the_operator_allows_it(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert problem(client.post("/v1/datasets", json={"path": "/etc"}), 422)["errors"][0]["code"] == "not_allowed"
    monkeypatch.setenv("GAN_ADVISOR_DATA_FOLDERS", f'["{tmp_path}"]')
    settings.cache_clear()
    (tmp_path / "t.csv").write_text("a,b\n" + "1.5,x\n" * 30)
    made = client.post("/v1/datasets", json={"path": str(tmp_path / "t.csv")}).json()
    assert (made["status"], made["fingerprint"]["samples"]) == ("ready", 30)
    assert str(tmp_path) not in str(made)
    assert problem(client.post("/v1/datasets", json={"path": str(tmp_path / "absent")}), 422)["errors"][0]["code"] == "not_found"
    assert client.delete(f"/v1/datasets/{made['id']}").status_code == 204
    assert (tmp_path / "t.csv").exists()


def test_own_sets_are_listed_newest_first_and_deleted_with_their_bytes(client: TestClient) -> None:
    made = [
        client.put(f"/v1/datasets?filename={i}.csv", content=b"a,b\n1.5,x\n", headers={"Content-Type": "text/csv"}).json()["id"]
        for i in range(3)
    ]
    first = client.get("/v1/datasets/mine?limit=2").json()
    rest = client.get(f"/v1/datasets/mine?limit=2&cursor={first['next_cursor']}").json()
    assert [item["id"] for item in first["items"] + rest["items"]] == made[::-1]
    assert client.delete(f"/v1/datasets/{made[0]}").status_code == 204
    assert not datasets.folder_of(made[0]).exists()
    problem(client.get(f"/v1/datasets/{made[0]}"), 404)
