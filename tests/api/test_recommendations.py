"""Task in, recommendation out, over HTTP."""

from __future__ import annotations

from fastapi.testclient import TestClient

from app.vocabulary import Recommendation

SMALLEST = {"data": {"type": "image", "resolution": 64}, "budget": {"gpu_hours": 2}}


def test_the_smallest_body_gets_a_ranked_cited_answer(client: TestClient) -> None:
    response = client.post("/v1/recommendations", json=SMALLEST)
    assert response.status_code == 201
    answer = Recommendation.model_validate_json(response.content)
    assert response.headers["location"] == f"/v1/recommendations/{answer.id}"
    assert response.headers["etag"]
    assert [c.rank for c in answer.candidates] == list(range(1, len(answer.candidates) + 1))
    assert answer.candidates
    assert all(reason.rule_id or reason.benchmark_id for c in answer.candidates for reason in c.reasons)
    assert {a.pointer for a in answer.assumptions} >= {"/data/samples", "/task"}


def test_the_same_question_gets_the_same_answer_under_the_same_id(client: TestClient) -> None:
    first = client.post("/v1/recommendations", json=SMALLEST)
    again = client.post("/v1/recommendations", json=SMALLEST)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.content == again.content


def test_an_answer_told_from_memory_is_the_answer_of_the_store(client: TestClient) -> None:
    bodies = [{"data": {"type": "tabular", "samples": 1000 + i}} for i in range(3)]
    for body in bodies * 2:
        told = client.post("/v1/recommendations", json=body)
        kept = client.get(told.headers["location"])
        assert (told.content, told.headers["etag"]) == (kept.content, kept.headers["etag"])


def test_an_answer_can_be_fetched_and_is_not_sent_twice(client: TestClient) -> None:
    made = client.post("/v1/recommendations", json=SMALLEST)
    found = client.get(made.headers["location"])
    assert found.content == made.content
    same = client.get(made.headers["location"], headers={"If-None-Match": found.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")


def test_a_list_pages_by_cursor_to_its_end(client: TestClient) -> None:
    made = [
        client.post("/v1/recommendations", json={"data": {"type": "image", "samples": n}}).json()["id"] for n in (100, 200, 300)
    ]
    page = client.get("/v1/recommendations?limit=2").json()
    rest = client.get("/v1/recommendations", params={"limit": 2, "cursor": page["next_cursor"]}).json()
    assert [item["id"] for item in page["items"] + rest["items"]] == made[::-1]
    assert rest["next_cursor"] is None


def test_an_unknown_id_is_not_found(client: TestClient) -> None:
    assert client.get("/v1/recommendations/nothing").status_code == 404


def test_excluded_names_stay_out_and_say_why(client: TestClient) -> None:
    first = client.post("/v1/recommendations", json=SMALLEST).json()["candidates"][0]["architecture"]
    answer = client.post("/v1/recommendations", json={**SMALLEST, "constraints": {"exclude": [first]}}).json()
    assert first not in [c["architecture"] for c in answer["candidates"]]
    assert [e["rule_id"] for e in answer["excluded"] if e["architecture"] == first]


def test_why_not_says_what_excludes_a_design_or_how_far_behind_it_is(client: TestClient) -> None:
    address = client.post("/v1/recommendations", json={**SMALLEST, "top_k": 3}).headers["location"]
    answer = client.get(address).json()
    second = client.get(f"{address}/why-not/{answer['candidates'][1]['architecture']}").json()
    assert (second["status"], second["rank"], second["first"]) == ("ranked", 2, answer["candidates"][0]["architecture"])
    assert second["recommendation_id"] == answer["id"]
    excluded = client.get(f"{address}/why-not/{answer['excluded'][0]['architecture']}").json()
    assert excluded["excluded_by"][0]["rule_id"] == answer["excluded"][0]["rule_id"]


def test_why_not_of_an_unknown_name_offers_the_nearest(client: TestClient) -> None:
    address = client.post("/v1/recommendations", json=SMALLEST).headers["location"]
    unknown = client.get(f"{address}/why-not/stylegann2")
    assert unknown.status_code == 404
    assert "stylegan2" in unknown.json()["errors"][0]["allowed"]
    assert client.get("/v1/recommendations/nothing/why-not/dcgan").status_code == 404


def test_a_map_is_served_and_refuses_what_it_cannot_draw(client: TestClient) -> None:
    made = client.post("/v1/recommendations", json=SMALLEST)
    address = f"{made.headers['location']}/map"
    found = client.get(address, params={"x": "samples", "y": "gpu_hours"})
    drawn = found.json()
    assert (len(drawn["cells"]), len(drawn["cells"][0])) == (16, 24)
    assert (drawn["x"]["pointer"], drawn["y"]["at"]) == ("/data/samples", 2)
    assert client.get(address, headers={"If-None-Match": found.headers["etag"]}).status_code == 304
    wrong = {"x=colour": "?x", "y=samples": "?y", "columns=65": "?columns", "rows=1": "?rows"}
    for query, pointer in wrong.items():
        refused = client.get(f"{address}?{query}")
        assert refused.status_code == 422, query
        assert refused.json()["errors"][0]["pointer"] == pointer
        assert refused.json()["errors"][0]["allowed"], query
