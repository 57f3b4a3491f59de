"""Alive, ready, and unwilling to serve another knowledge base."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app import db
from app.errors import KnowledgeOutOfDate
from app.main import create_app
from app.tables import KnowledgeState
from tests.api.test_problems import problem


def test_it_is_alive_and_ready(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz").json()
    assert ready["status"] == "ready"
    assert ready["workers"] == 0
    assert len(ready["knowledge"]["sha256"]) == 64


def test_another_knowledge_in_the_database_makes_it_unready_and_names_the_command(client: TestClient) -> None:
    with db.transaction() as session:
        session.execute(sa.update(KnowledgeState).values(sha256="0" * 64))
    assert "gan-advisor knowledge sync" in problem(client.get("/readyz"), 503)["detail"]


def test_it_refuses_to_start_on_another_knowledge(client: TestClient) -> None:
    with db.transaction() as session:
        session.execute(sa.update(KnowledgeState).values(sha256="0" * 64))
    with pytest.raises(KnowledgeOutOfDate, match="gan-advisor knowledge sync"), TestClient(create_app()):
        pass
