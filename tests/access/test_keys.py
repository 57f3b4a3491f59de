"""Keys: required once there is one, scoped, ended by time and by hand, never kept in the clear."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import Result
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from app import access, db, keys
from app.access import COOKIE, is_foreign, is_own, is_safe_name, needed, require_keys
from app.buckets import Buckets
from app.cli import app
from app.errors import UnknownSlug, Unprocessable
from app.tables import ApiKeyRow, TokenRow
from app.vocabulary import Scope
from tests.access.conftest import ALL, Caller
from tests.api.test_validations import problem

TASK: dict[str, Any] = {"data": {"type": "tabular"}}


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of keys is looked up at every call, so that no test waits."""
    monkeypatch.setattr(access, "FRESH_SECONDS", 0.0)


def test_without_a_key_everything_works_and_with_the_first_one_only_the_health_and_the_sign_in_do(client: TestClient) -> None:
    assert client.get("/v1/architectures").status_code == 200
    made = keys.create("us")
    for path in ("/v1/architectures", "/v1/recommendations", "/openapi.json", "/v1/nothing", "/v1/validations/x/events"):
        found = client.get(path)
        problem(found, 401)
        assert found.headers["www-authenticate"].startswith("Bearer")
    for path in ("/healthz", "/readyz", "/problems/unauthorized", "/sign-in"):
        assert client.get(path).status_code == 200, path
    assert client.get("/v1/architectures", headers=bearer(made.key)).status_code == 200
    keys.revoke(made.id)
    problem(client.get("/v1/architectures"), 401)  # the last key gone, the service stays closed


@pytest.mark.parametrize("wrong", ["", "x", "ga_", "ga_000000000000_" + "0" * 64, "Basic", "gt_" + "0" * 64, "ga_é_", "ga_1_2_3"])
def test_a_wrong_key_is_refused_like_none(client: TestClient, wrong: str) -> None:
    keys.create("us")
    found = client.get("/v1/rules", headers=[(b"authorization", f"Bearer {wrong}".encode())])
    problem(found, 401)


def test_the_secret_of_another_key_opens_nothing(client: TestClient) -> None:
    one, two = keys.create("us"), keys.create("them")
    problem(client.get("/v1/rules", headers=bearer(f"ga_{one.id}_{two.key.rpartition('_')[2]}")), 401)


def test_who_guesses_keys_is_told_to_wait_and_neighbours_with_a_right_one_are_not(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client.app.state.access, "_wrong", Buckets(3))  # type: ignore[attr-defined]
    used, unused = keys.create("us"), keys.create("us")
    wrong = [bearer(f"ga_{used.id}_" + digit * 64) for digit in "0123"]
    assert client.get("/v1/rules", headers=bearer(used.key)).status_code == 200
    for headers in wrong[:2]:
        problem(client.get("/v1/rules", headers=headers), 401)
    assert client.post("/sign-in", data={"key": "ga_wrong"}).status_code == 401
    refused = client.get("/v1/rules", headers=wrong[3])
    assert problem(refused, 429)["retryable"]
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert client.post("/sign-in", data={"key": "ga_wrong"}).status_code == 429
    assert client.get("/v1/rules", headers=bearer(used.key)).status_code == 200
    problem(client.get("/v1/rules", headers=bearer(unused.key)), 429)
    elsewhere = TestClient(client.app, client=("203.0.113.9", 1))
    assert elsewhere.get("/v1/rules", headers=bearer(unused.key)).status_code == 200
    assert client.get("/v1/rules", headers=bearer(unused.key)).status_code == 200


def test_the_addresses_of_one_network_guess_together(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.app.state.access, "_wrong", Buckets(1))  # type: ignore[attr-defined]
    keys.create("us")
    for address, status in (("2001:db8::1", 401), ("2001:db8::2", 429), ("2001:db8:0:1::1", 401)):
        problem(TestClient(client.app, client=(address, 1)).get("/v1/rules", headers=bearer("ga_wrong")), status)


def test_the_store_holds_no_secret(client: TestClient) -> None:
    made = keys.create("us")
    token = keys.issue(made.id, "session", 60)
    with db.reading() as session:
        rows = [str(row) for table in (ApiKeyRow, TokenRow) for row in session.execute(sa.select(*table.__table__.columns))]
    assert len(rows) == 2
    assert not any(secret in row for row in rows for secret in (made.key.rpartition("_")[2], token, token.removeprefix("gt_")))


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        ({Scope.READ}, {"read"}),
        ({Scope.RECOMMEND}, {"recommend"}),
        ({Scope.VALIDATE}, {"validate"}),
        ({Scope.ADMIN}, {"admin"}),
    ],
)
def test_each_scope_opens_its_own_calls_and_no_others(client: TestClient, scopes: set[Scope], allowed: set[str]) -> None:
    call = Caller(client, keys.create("us", scopes=scopes).key)
    calls = {
        "read": [("GET", "/v1/rules"), ("GET", "/v1/validations"), ("GET", "/rules"), ("POST", "/v1/stream-tokens")],
        "recommend": [("POST", "/v1/recommendations"), ("POST", "/v1/estimates"), ("POST", "/recommendations")],
        "validate": [("POST", "/v1/validations"), ("POST", "/v1/datasets"), ("POST", "/v1/benchmarks"), ("POST", "/validations")],
        "admin": [("GET", "/v1/keys"), ("POST", "/v1/keys"), ("DELETE", "/v1/keys/x"), ("POST", "/v1/of-tomorrow")],
    }
    for scope, some in calls.items():
        for method, path in some:
            status = call(method, path, json={} if method == "POST" else None).status_code
            assert (status == 403) is (scope not in allowed), (scope, method, path, status)


def test_every_operation_names_the_scope_that_it_takes(client: TestClient) -> None:
    made = {scope: keys.create("us", scopes={scope}).key for scope in Scope}
    document = client.get("/openapi.json", headers=bearer(made[Scope.READ])).json()
    named = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            ways = operation.get("security", [])
            wanted = {scope for way in ways for scope in way.get("key", ())}
            kind = next(iter(operation.get("requestBody", {}).get("content", {"application/json": None})))
            for scope in Scope:
                headers = bearer(made[scope]) | {"Content-Type": kind}
                status = client.request(method, re.sub(r"{\w+}", "none", path), headers=headers, content=b"{}").status_code
                assert (status == 403) is bool(wanted and scope not in wanted), (method, path, scope, status)
            status = client.request(method, re.sub(r"{\w+}", "none", path), headers={"Content-Type": kind}).status_code
            assert (status == 401) is bool(wanted), (method, path, status)
            assert ("stream_token" in str(ways)) is path.endswith("/events"), path
            named |= wanted
    assert named == set(Scope)


def test_a_key_ends_by_itself(client: TestClient) -> None:
    made = keys.create("us", days=1)
    assert client.get("/v1/rules", headers=bearer(made.key)).status_code == 200
    with db.transaction() as session:
        session.execute(sa.update(ApiKeyRow).values(expires_at=db.now(session) - 1))
    problem(client.get("/v1/rules", headers=bearer(made.key)), 401)


def test_what_a_process_knows_of_a_key_is_never_older_than_a_second(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert access.FRESH_SECONDS < 1
    made = keys.create("us")
    found = access.Access()
    assert found.look(made.key, "key") == found.held(made.key, "key")
    keys.revoke(made.id)
    clock = time.monotonic()
    monkeypatch.setattr(access.time, "monotonic", lambda: clock + 1.0)
    assert found.held(made.key, "key") is None
    assert found.look(made.key, "key") is None


def test_a_rotated_key_has_the_same_rights_and_the_old_one_ends_after_the_overlap(client: TestClient) -> None:
    old = keys.create("us", "ci", {Scope.READ}, days=10)
    new = keys.rotate(old.id, overlap_hours=1)
    assert (new.team, new.name, new.scopes) == ("us", "ci", (Scope.READ,))
    assert new.expires_at is not None
    for key in (old.key, new.key):
        assert client.get("/v1/rules", headers=bearer(key)).status_code == 200
    last = keys.rotate(new.id)
    problem(client.get("/v1/rules", headers=bearer(new.key)), 401)
    assert client.get("/v1/rules", headers=bearer(last.key)).status_code == 200


def test_an_admin_makes_and_ends_the_keys_of_its_own_team(client: TestClient, ours: Caller, theirs: Caller) -> None:
    made = ours("POST", "/v1/keys", json={"name": "ci", "scopes": ["read"], "expires_in_days": 30})
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    assert client.get("/v1/rules", headers=bearer(made.json()["key"])).status_code == 200
    listed = ours("GET", "/v1/keys").json()["items"]
    assert [key["team"] for key in listed] == ["ours", "ours"]
    assert all("key" not in key for key in listed)
    problem(theirs("DELETE", made.headers["location"]), 404)
    assert ours("DELETE", made.headers["location"]).status_code == 204
    problem(client.get("/v1/rules", headers=bearer(made.json()["key"])), 401)


def test_the_first_key_is_made_by_the_operator_alone(client: TestClient) -> None:
    assert "gan-advisor keys create" in problem(client.post("/v1/keys", json={}), 403)["detail"]


def test_keys_of_the_command_line(client: TestClient) -> None:
    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["keys", *words])

    client.post("/v1/recommendations", json=TASK)
    assert len(client.get("/v1/recommendations").json()["items"]) == 1
    made = run("create", "--team", "us", "--scope", "read", "--days", "30", "--adopt")
    assert made.exit_code == 0, made.stderr
    key = made.stdout.strip()
    assert "1 things" in made.stderr
    assert len(client.get("/v1/recommendations", headers=bearer(key)).json()["items"]) == 1
    key_id = key.split("_")[1]
    assert key_id in run("list").stdout
    assert run("revoke", key_id).exit_code == 0
    problem(client.get("/v1/rules", headers=bearer(key)), 401)
    assert "revoked" in run("list").stdout
    assert isinstance(run("create", "--team", "No Team").exception, Unprocessable)
    assert isinstance(run("create", "--scope", "everything").exception, UnknownSlug)


# ------------------------------------------------------------------ browsers


def test_a_browser_signs_in_with_a_key_and_out_again(client: TestClient) -> None:
    made = keys.create("us", scopes=ALL)
    asked = client.get("/recommendations?a=b", headers={"Accept": "text/html"})
    assert (asked.status_code, asked.headers["location"]) == (303, "/sign-in?next=/recommendations%3Fa%3Db")
    assert client.post("/sign-in", data={"key": "ga_wrong"}).status_code == 401
    entered = client.post("/sign-in", data={"key": made.key, "next": "/recommendations"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/recommendations")
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert made.key not in cookie
    assert "Sign out of us" in client.get("/recommendations").text
    assert client.get("/v1/rules").status_code == 200
    token = client.cookies[COOKIE]
    assert client.post("/sign-out").status_code == 303
    problem(client.get("/v1/rules", headers={"Cookie": f"{COOKIE}={token}"}), 401)


def test_a_session_ends_with_its_key(client: TestClient) -> None:
    made = keys.create("us")
    client.post("/sign-in", data={"key": made.key})
    assert client.get("/v1/rules").status_code == 200
    keys.revoke(made.id)
    problem(client.get("/v1/rules"), 401)


def test_no_other_site_can_use_a_session(client: TestClient) -> None:
    client.post("/sign-in", data={"key": keys.create("us", scopes=ALL).key})
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"}):
        for path in ("/v1/validations/x/cancel", "/v1/keys", "/validations/x/cancel", "/sign-out"):
            assert client.post(path, headers=headers).status_code == 403, (path, headers)
    assert client.post("/v1/validations/x/cancel", headers={"Origin": "http://testserver"}).status_code == 404


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nb"]
)
def test_signing_in_never_leads_to_another_site(client: TestClient, target: str) -> None:
    made = keys.create("us")
    assert client.post("/sign-in", data={"key": made.key, "next": target}).headers["location"] == "/"


def test_a_stream_token_opens_event_streams_and_nothing_else(client: TestClient, ours: Caller) -> None:
    token = ours("POST", "/v1/stream-tokens").json()["token"]
    problem(client.get(f"/v1/validations/x/events?stream_token={token}"), 404)
    problem(client.get(f"/v1/validations?stream_token={token}"), 401)
    problem(client.get("/v1/rules", headers=bearer(token)), 401)
    problem(client.get("/v1/rules", headers={"Cookie": f"{COOKIE}={token}"}), 401)
    with db.transaction() as session:
        session.execute(sa.update(TokenRow).values(expires_at=db.now(session) - 1))
    problem(client.get(f"/v1/validations/x/events?stream_token={token}"), 401)


# ------------------------------------------------------------------ without keys


def test_it_listens_to_others_only_with_keys(client: TestClient) -> None:
    for host in ("127.0.0.1", "::1", "localhost", "127.8.8.8"):
        require_keys(host)
    for host in ("0.0.0.0", "::", "", "10.0.0.5", "my-machine", "example.org"):
        with pytest.raises(Unprocessable, match="keys create"):
            require_keys(host)
    keys.create("us")
    require_keys("0.0.0.0")


@pytest.mark.parametrize(("host", "set_to"), [("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "0.0.0.0")])
def test_serve_refuses_an_open_address_with_a_message(client: TestClient, host: str, set_to: str) -> None:
    command = [sys.executable, "-m", "app.cli", "serve", "--host", host, "--port", "0", "--no-worker"]
    env = {**os.environ, "GAN_ADVISOR_HOST": set_to}
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)
    assert run.returncode == 64
    assert "gan-advisor keys create" in run.stderr and "Traceback" not in run.stderr


def test_without_keys_no_page_of_a_name_that_leads_here_is_answered(client: TestClient) -> None:
    assert client.get("/v1/rules", headers={"Host": "localhost:8000"}).status_code == 200
    problem(client.get("/v1/rules", headers={"Host": "rebound.evil.example"}), 403)
    assert [is_safe_name(h) for h in ("127.0.0.1:80", "[::1]:80", "localhost", "a.localhost", "a.b")] == [True] * 4 + [False]


def test_without_keys_a_request_to_an_outer_address_is_refused(client: TestClient) -> None:
    outer = TestClient(client.app, base_url="http://10.0.0.5", raise_server_exceptions=False)
    assert "keys create" in problem(outer.get("/v1/rules"), 401)["detail"]
    assert outer.get("/healthz").status_code == 200
    assert [is_own(a) for a in ("127.0.0.1", "::1", "/run/socket", "10.0.0.5", "::")] == [True, True, True, False, False]


def test_a_route_that_is_not_listed_takes_admin_to_write() -> None:
    assert needed("POST", "/v1/of-tomorrow") is Scope.ADMIN
    assert needed("GET", "/v1/of-tomorrow") is Scope.READ
    assert needed("GET", "/v1/keys") is Scope.ADMIN
    assert needed("POST", "/v1/decisions:check") is Scope.RECOMMEND
    assert needed("GET", "/healthz") is None
    assert needed("GET", "/healthz/../v1/keys") is not None or not Path("/healthz/../v1/keys").exists()


def test_foreign_is_what_the_browser_says_and_else_another_host() -> None:
    assert is_foreign({"sec-fetch-site": "cross-site"}) and is_foreign({"origin": "http://a", "host": "b"})
    assert not is_foreign({"host": "b"}) and not is_foreign({"origin": "https://b", "host": "b"})
    assert not is_foreign({"sec-fetch-site": "same-origin", "origin": "null", "host": "b"})
