"""The pages over HTTP, on the real knowledge base and the embedded store."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

from fastapi.testclient import TestClient
from httpx import Response

from app.dashboard.fields import EXAMPLES
from tests.dashboard.html import Html

DIGITS = dict(EXAMPLES[4][2])
BUDGET = 150_000
"""Bytes sent for a page with all it loads; the largest is an answer with five whole recipes and what each value comes from."""


def sent(response: Response) -> int:
    """Bytes on the wire, compressed as a browser asks for."""
    return int(response.headers["content-length"])


def page(client: TestClient, address: str, status: int = 200) -> Html:
    """A page that keeps its promises: well-formed, labelled, small, and locked down."""
    response = client.get(address)
    assert response.status_code == status, f"{address}: {response.status_code}"
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = response.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    found = Html(response.text)
    assert found.mistakes == [], address
    loaded = [a["href"] for a in found.all("link") if a["rel"] in ("stylesheet", "icon")] + [
        a["src"] for a in found.all("script")
    ]
    assert sent(response) + sum(sent(client.get(a)) for a in loaded) < BUDGET, address
    return found


def answered(client: TestClient, task: dict[str, str]) -> str:
    response = client.post("/recommendations", data=task)
    assert response.status_code == 303, response.text
    return response.headers["location"]


def test_every_link_of_every_page_leads_somewhere(client: TestClient) -> None:
    for _, _, task in EXAMPLES:
        answered(client, dict(task))
    seen, ahead, kinds = set[str](), ["/"], dict[str, int]()
    while ahead:
        address = ahead.pop(0)
        kind = address.split("?")[0].split("/")[1]
        if address in seen or kinds.get(kind, 0) >= 12:
            continue
        seen.add(address)
        kinds[kind] = kinds.get(kind, 0) + 1
        if kind in ("v1", "openapi.json") or address.split("?")[0].endswith((".svg", ".json", ".yaml", ".csv")):
            assert client.get(address).status_code == 200, address
        else:
            ahead += sorted(page(client, address).links() - seen)
    assert {"", "recommendations", "architectures", "evidence", "rules", "validations", "v1"} <= set(kinds)


def test_an_example_is_one_click_from_its_answer(client: TestClient) -> None:
    form = page(client, "/")
    assert len(form.all("form", action="/recommendations")) == len(EXAMPLES) + 1
    for name, _, task in EXAMPLES:
        found = page(client, answered(client, dict(task)))
        assert "Excluded" in found.text, name


def test_an_answer_shows_why_and_links_each_sentence_to_what_stands_behind_it(client: TestClient) -> None:
    address = answered(client, DIGITS)
    answer = client.get(f"/v1{address}").json()
    found = page(client, address)
    assert answer["candidates"][0]["name"] in found.text
    for candidate in answer["candidates"]:
        assert f"/architectures/{candidate['architecture']}" in found.links()
        for reason in candidate["reasons"]:
            behind = f"/rules/{reason['rule_id']}" if reason["rule_id"] else f"/evidence/{reason['benchmark_id']}"
            assert behind in found.links()
    assert {f"/rules/{e['rule_id']}" for e in answer["excluded"]} <= found.links()
    assert answer["knowledge"]["sha256"][:12] in found.text
    picture = client.get(f"{address}/chart.svg")
    assert picture.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in picture.headers["content-security-policy"]


def test_an_answer_says_how_often_such_advice_was_right_and_leads_to_the_record(client: TestClient) -> None:
    address = answered(client, DIGITS)
    said = client.get(f"/v1{address}").json()["record"]
    found = page(client, address)
    assert said["text"] in found.text
    assert "/record" in found.links()
    record = page(client, "/record")
    assert len(record.all("svg", _class="dots")) == 1
    kept = client.get("/v1/advisor/backtest").json()
    assert f"In {kept['right']['advisor']:.0f} of {kept['groups']} cases" in record.text
    assert all(task.replace("-", " ").capitalize() in record.text for task in kept["by_task"])


def test_a_map_is_drawn_with_letters_a_legend_and_the_task_on_it(client: TestClient) -> None:
    address = answered(client, DIGITS | {"budget.gpu_hours": "20"})
    for query in ("", "?x=gpu_hours&y=samples", "?x=resolution&y=memory_gb"):
        found = page(client, address + query)
        assert len(found.all("svg", _class="map")) == 1
        drawn = client.get(f"/v1{address}/map{query}").json()
        assert {f"/architectures/{w['architecture']}" for w in drawn["winners"]} <= found.links()
        assert bool(found.all("circle", _class="here")) == (drawn["x"]["at"] is not None and drawn["y"]["at"] is not None)
        picture = client.get(f"{address}/map.svg{query}")
        assert picture.headers["content-type"] == "image/svg+xml"
        assert all(w["name"] in picture.text for w in drawn["winners"])
    seen = client.get(f"/v1{address}/map", headers={"Accept": "image/svg+xml"})
    assert (seen.status_code, client.get(seen.headers["location"]).status_code) == (303, 200)
    assert client.get(f"{address}?x=samples&y=samples").status_code == 422


def test_why_not_shows_both_sides_and_an_unknown_name_gets_the_nearest(client: TestClient) -> None:
    address = answered(client, DIGITS)
    answer = client.get(f"/v1{address}").json()
    ranked = page(client, f"{address}/why-not?architecture={answer['candidates'][1]['architecture']}")
    assert "2 of" in ranked.text
    assert "What it lacks, and where" in ranked.text
    excluded = page(client, f"{address}/why-not?architecture={answer['excluded'][0]['architecture']}")
    assert f"/rules/{answer['excluded'][0]['rule_id']}" in excluded.links()
    assert "did you mean stylegan2" in page(client, f"{address}/why-not?architecture=stylegann2", 404).text


def test_a_task_that_cannot_be_used_comes_back_with_what_would_be_right_beside_the_field(client: TestClient) -> None:
    typed = {"data.type": "image", "data.resolution": "0", "data.domain": '"><script>', "constraints.exclude": "stylegann2"}
    response = client.post("/recommendations", data=typed)
    assert response.status_code == 422
    found = Html(response.text)
    assert found.mistakes == []
    (resolution,) = found.all("input", name="data.resolution", id="data-resolution")
    assert (resolution["value"], resolution["aria-invalid"]) == ("0", "true")
    assert "“0” will not do; give a whole number from 4 to 4,096." in found.text
    (domain,) = found.all("input", id="data-domain")
    assert domain["value"] == typed["data.domain"], "what was typed is kept, and is text"
    unknown = Html(client.post("/recommendations", data={**typed, "data.resolution": "64"}).text)
    assert "did you mean stylegan2" in unknown.text


def test_a_task_against_its_own_data_says_so(client: TestClient) -> None:
    response = client.post("/recommendations", data={"data.type": "tabular", "task": "audio-vocoder"})
    assert response.status_code == 422
    assert Html(response.text).all("div", role="alert")


def test_changing_the_task_fills_the_form_as_it_was_asked(client: TestClient) -> None:
    (again,) = (link for link in page(client, answered(client, DIGITS)).links() if link.startswith("/?"))
    form = page(client, again)
    assert [a["value"] for a in form.all("input", name="data.type") if "checked" in a] == ["image"]
    assert form.all("input", id="data-samples")[0]["value"] == "5000"
    assert form.all("input", id="data-classes")[0]["value"] == "", "what was assumed is not put in the user's mouth"


def test_an_abstained_answer_looks_honest(client: TestClient) -> None:
    excluded = ",".join(a["slug"] for a in client.get("/v1/architectures?task=voxel-3d&limit=1000").json()["items"])
    address = answered(client, {"data.type": "voxel", "constraints.exclude": excluded})
    assert client.get(f"/v1{address}").json()["abstained"]
    found = page(client, address)
    assert "No recommendation" in found.text
    assert not found.all("svg", _class="intervals")


def test_a_form_from_another_site_is_refused(client: TestClient) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        response = client.post("/recommendations", data=DIGITS, headers=headers)
        assert response.status_code == 403
        assert response.json()["detail"] == "this was sent from another site", "by the door, before there is a page"
    assert client.post("/recommendations", data=DIGITS, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_what_is_not_there_is_a_page_too(client: TestClient) -> None:
    assert "did you mean" in page(client, "/architectures/stylegan2-adda", 404).text
    for address in ("/recommendations/nope", "/validations/nope", "/evidence/a/b/c", "/rules/nope"):
        page(client, address, 404)
    page(client, "/evidence?start=x", 422)
    many = "&".join(f"f{i}=1" for i in range(500))
    sent = client.post("/recommendations", content=many, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert sent.status_code == 400


def test_assets_are_kept_for_ever_under_an_address_that_changes_with_them(client: TestClient) -> None:
    (icon,) = page(client, "/").all("link", rel="icon")
    assert "immutable" in client.get(icon["href"]).headers["cache-control"]
    assert client.get("/static/000000000000/icon.svg").status_code == 404
    assert client.get("/static/000000000000/..%2Fpages.py").status_code == 404


def test_a_page_comes_with_its_style_and_allows_no_other(client: TestClient) -> None:
    response = client.get("/rules")
    style = Html(response.text).style
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert "@media" in style and f"style-src 'sha256-{digest}';" in response.headers["content-security-policy"]
    assert "unsafe" not in response.headers["content-security-policy"]
    assert page(client, "/rules").all("link", rel="stylesheet") == []


def test_figures_stand_with_those_measured_alike_best_first(client: TestClient) -> None:
    figure = client.get("/v1/benchmarks?metric=fid&limit=1").json()["items"][0]
    found = page(client, f"/evidence/{figure['id']}")
    assert figure["locator"] in found.text or figure["locator"].split()[0] in found.text
    assert found.all("tr", aria_current="true")
