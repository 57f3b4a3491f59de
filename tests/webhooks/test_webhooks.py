"""Webhooks against a receiver that really listens: signed, retried, replayed, never into a private network unless allowed."""

from __future__ import annotations

import collections
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from standardwebhooks import Webhook as Verifier

from app import db
from app.tables import DeliveryRow
from app.vocabulary import NewWebhook
from app.webhooks import courier, endpoints, outbox
from app.webhooks.address import Refused, resolve
from tests.api.test_problems import problem
from tests.api.test_validations import BODY
from tests.conftest import forget_settings


class Receiver:
    """Answers each message with the next of `answers`, 200 when there is none."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                status, headers = outer.answers.pop(0) if outer.answers else (200, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self.server.server_port}/hook?a=1"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def allowed(own_state: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback may get webhooks; the service's own courier sleeps, the test sends."""
    monkeypatch.setenv("GAN_ADVISOR_WEBHOOK_NETWORKS", '["127.0.0.0/8", "::1/128"]')
    monkeypatch.setenv("GAN_ADVISOR_WEBHOOK_SECONDS", "3600")
    forget_settings()


def _made(client: TestClient, receiver: Receiver, **more: Any) -> dict[str, Any]:
    response = client.post("/v1/webhook-endpoints", json={"url": receiver.url, **more})
    assert response.status_code == 201, response.text
    return dict(response.json())


def _log(client: TestClient, endpoint: dict[str, Any]) -> list[dict[str, Any]]:
    return list(client.get(f"/v1/webhook-endpoints/{endpoint['id']}/deliveries").json()["items"])


def _due_now() -> None:
    with db.transaction() as session:
        session.execute(sa.update(DeliveryRow).where(DeliveryRow.state == "pending").values(next_at=0.0))


def test_the_events_of_a_validation_arrive_signed_as_the_reference_verifies(
    allowed: None, client: TestClient, receiver: Receiver
) -> None:
    endpoint = _made(client, receiver, events=["validation.queued", "validation.canceled"])
    made = client.post("/v1/validations", json=BODY).json()
    client.post(f"/v1/validations/{made['id']}/cancel")
    assert courier.deliver_due() == 2
    told = [Verifier(endpoint["secret"]).verify(body, headers) for headers, body in receiver.got]
    assert sorted(one["type"] for one in told) == ["validation.canceled", "validation.queued"]
    for one in told:
        assert one["data"]["validation_id"] == made["id"]
        assert one["timestamp"].endswith("Z")
    log = _log(client, endpoint)
    assert {one["id"] for one in log} == {headers["webhook-id"] for headers, _ in receiver.got}
    assert [(one["state"], one["attempts"], one["status"]) for one in log] == [("delivered", 1, 200)] * 2
    assert courier.deliver_due() == 0


def test_an_endpoint_hears_only_what_it_asked_for(allowed: None, client: TestClient, receiver: Receiver) -> None:
    _made(client, receiver, events=["validation.failed"])
    client.post("/v1/validations", json=BODY)
    assert courier.deliver_due() == 0


def test_the_service_sends_by_itself(
    allowed: None, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("GAN_ADVISOR_WEBHOOK_SECONDS", "0.05")
    forget_settings()
    client: TestClient = request.getfixturevalue("client")
    endpoint = _made(client, receiver)
    assert client.post(f"/v1/webhook-endpoints/{endpoint['id']}/ping").status_code == 202
    until = time.monotonic() + 20
    while not receiver.got and time.monotonic() < until:
        time.sleep(0.02)
    assert orjson.loads(receiver.got[0][1])["type"] == "webhook.ping"


def test_what_fails_is_sent_again_later_under_the_same_id(allowed: None, client: TestClient, receiver: Receiver) -> None:
    endpoint = _made(client, receiver)
    receiver.answers = [(500, {}), (302, {"Location": "http://127.0.0.1:1/"}), (503, {"Retry-After": "7200"}), (204, {})]
    client.post(f"/v1/webhook-endpoints/{endpoint['id']}/ping")
    pauses = []
    for status in (500, 302, 503):
        courier.deliver_due()
        (one,) = _log(client, endpoint)
        assert (one["state"], one["status"]) == ("pending", status)
        assert one["error"] == f"answered {status}"
        with db.reading() as session:
            pauses.append((session.scalar(sa.select(DeliveryRow.next_at)) or 0) - db.now(session))
        assert courier.deliver_due() == 0, "it is not due yet"
        _due_now()
    assert 3 < pauses[0] < 6
    assert 240 < pauses[1] < 331
    assert 7000 < pauses[2] < 7201, "Retry-After is honoured"
    courier.deliver_due()
    assert [one["state"] for one in _log(client, endpoint)] == ["delivered"]
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert len(receiver.got) == 4, "a redirect is not followed"


def test_after_three_days_it_has_failed_and_can_be_sent_again_by_hand(
    allowed: None, client: TestClient, receiver: Receiver
) -> None:
    endpoint = _made(client, receiver)
    receiver.answers = [(500, {})] * (len(courier.SCHEDULE) + 1)
    made = client.post(f"/v1/webhook-endpoints/{endpoint['id']}/ping").json()
    for _ in receiver.answers[:]:
        courier.deliver_due()
        _due_now()
    (one,) = _log(client, endpoint)
    assert (one["state"], one["attempts"], one["next_at"]) == ("failed", len(courier.SCHEDULE) + 1, None)
    assert 2.5 * 86_400 < sum(courier.SCHEDULE) < 3.5 * 86_400
    again = client.post(f"/v1/webhook-endpoints/{endpoint['id']}/deliveries/{made['id']}/replay")
    assert again.status_code == 202
    assert courier.deliver_due() == 1
    assert [one["state"] for one in _log(client, endpoint)] == ["delivered"]
    assert receiver.got[-1][0]["webhook-id"] == made["id"]


def test_an_answer_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch, allowed: None) -> None:
    monkeypatch.setattr(courier, "TIMEOUT", 1.0)
    over = threading.Event()

    def trickle(server: socket.socket) -> None:
        one, _ = server.accept()
        with one, contextlib.suppress(OSError):
            one.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not over.wait(0.1):  # no read of its own takes long
                one.sendall(b"a")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=trickle, args=(server,), daemon=True).start()
        letter = courier.Letter("m", "e", f"http://127.0.0.1:{server.getsockname()[1]}/", ("whsec_AAAA",), b"{}", 1)
        assert courier.send(letter) == courier.Outcome(None, "no answer: TimeoutError")
        over.set()


def test_one_team_takes_but_a_part_of_a_look(database: str, allowed: None, receiver: Receiver) -> None:
    for team, messages in (("loud", 30), ("quiet", 2)):
        made = endpoints.create(NewWebhook(url=receiver.url), team)
        for _ in range(messages):
            endpoints.ping(made.id, team)
    with db.transaction() as session:
        session.execute(sa.update(DeliveryRow).values(next_at=DeliveryRow.created_at - 100))
    letters = courier.lease()
    counted = collections.Counter(letter.endpoint_id for letter in letters)
    assert sorted(counted.values()) == [2, courier.OF_A_TEAM]


def test_an_endpoint_that_is_gone_is_disabled(allowed: None, client: TestClient, receiver: Receiver) -> None:
    endpoint = _made(client, receiver)
    path = f"/v1/webhook-endpoints/{endpoint['id']}"
    receiver.answers = [(410, {})]
    client.post(f"{path}/ping")
    courier.deliver_due()
    assert client.get(path).json()["enabled"] is False
    problem(client.post(f"{path}/ping"), 409)
    client.post("/v1/validations", json=BODY)
    assert courier.deliver_due() == 0
    assert client.patch(path, json={"enabled": True}).json()["disabled_reason"] is None
    assert client.post(f"{path}/ping").status_code == 202
    client.patch(path, json={"enabled": False})
    assert courier.deliver_due() == 0, "what is on its way waits"
    client.patch(path, json={"enabled": True})
    assert courier.deliver_due() == 1


def test_while_a_secret_is_rotated_the_old_one_signs_too(allowed: None, client: TestClient, receiver: Receiver) -> None:
    endpoint = _made(client, receiver)
    rotated = client.post(f"/v1/webhook-endpoints/{endpoint['id']}/rotate-secret").json()
    assert rotated["secret"] != endpoint["secret"]
    client.post(f"/v1/webhook-endpoints/{endpoint['id']}/ping")
    courier.deliver_due()
    headers, body = receiver.got[0]
    for secret in (endpoint["secret"], rotated["secret"]):
        Verifier(secret).verify(body, headers)


def test_a_secret_is_shown_once(allowed: None, client: TestClient, receiver: Receiver) -> None:
    endpoint = _made(client, receiver)
    assert endpoint["secret"].startswith("whsec_")
    path = f"/v1/webhook-endpoints/{endpoint['id']}"
    assert endpoint["secret"] not in client.get(path).text + client.get("/v1/webhook-endpoints").text
    assert client.delete(path).status_code == 204
    problem(client.get(path), 404)


def test_an_endpoint_is_invisible_to_another_team(database: str, allowed: None, receiver: Receiver) -> None:
    forget_settings()
    made = endpoints.create(NewWebhook(url=receiver.url), "blue")
    assert [one.id for one in endpoints.listing("blue")] == [made.id]
    assert endpoints.listing("red") == endpoints.listing(None) == []
    from app.errors import NotFound

    with pytest.raises(NotFound):
        endpoints.ping(made.id, "red")


def test_an_event_that_is_rolled_back_leaves_no_message_and_a_written_one_survives_a_restart(
    database: str, allowed: None, receiver: Receiver
) -> None:
    forget_settings()
    made = endpoints.create(NewWebhook(url=receiver.url), None)
    with pytest.raises(ZeroDivisionError), db.transaction() as session:
        outbox.put(session, made.id, outbox.PING, "2026-01-01T00:00:00Z", {})
        raise ZeroDivisionError
    assert courier.deliver_due() == 0
    endpoints.ping(made.id, None)
    forget_settings()  # a new process knows nothing but the database
    assert courier.deliver_due() == 1
    assert len(receiver.got) == 1


def test_of_two_couriers_one_takes_a_message_and_a_lost_one_frees_it(database: str, allowed: None, receiver: Receiver) -> None:
    forget_settings()
    made = endpoints.create(NewWebhook(url=receiver.url), None)
    for _ in range(courier.OF_A_TEAM):
        endpoints.ping(made.id, None)
    taken: list[str] = []
    couriers = [threading.Thread(target=lambda: taken.extend(letter.id for letter in courier.lease())) for _ in range(4)]
    for one in couriers:
        one.start()
    for one in couriers:
        one.join()
    assert len(taken) == len(set(taken)) == courier.OF_A_TEAM
    _due_now()  # the lease has run out
    assert len(courier.lease()) == courier.OF_A_TEAM


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "https://127.0.0.1/",
        "https://localhost:8000/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://0.0.0.0/",
        "https://10.0.0.1/",
        "https://172.16.3.4/",
        "https://192.168.1.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://224.0.0.1/",
        "http://93.184.215.14/",
        "https://user:pw@93.184.215.14/",
        "ftp://93.184.215.14/",
        "file:///etc/passwd",
        "https://[/",
        "https://93.184.215.14:99999/",
        "https:///x",
        "no url",
    ],
)
def test_no_url_leads_into_a_private_network(url: str) -> None:
    with pytest.raises(Refused):
        resolve(url)


def test_a_public_address_over_https_is_taken_and_connected_to_as_it_was_resolved() -> None:
    place = resolve("https://93.184.215.14:8443/a?b=c")
    assert place.url == "https://93.184.215.14:8443/a?b=c"
    assert place.host_header == "93.184.215.14:8443"


def test_a_private_url_is_refused_when_it_is_given_and_again_when_it_is_sent(
    allowed: None, client: TestClient, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = _made(client, receiver)
    client.post(f"/v1/webhook-endpoints/{endpoint['id']}/ping")
    monkeypatch.setenv("GAN_ADVISOR_WEBHOOK_NETWORKS", "[]")
    forget_settings()
    courier.deliver_due()
    assert receiver.got == []
    assert "private network" in _log(client, endpoint)[0]["error"]
    found = problem(client.post("/v1/webhook-endpoints", json={"url": receiver.url}), 422)
    assert found["errors"][0]["pointer"] == "#/url"
