"""The service with keys: two teams, and what one of them has made."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app import keys
from app.vocabulary import Scope

ALL = frozenset(Scope)


class Caller:
    """Calls the service with one key."""

    def __init__(self, client: TestClient, key: str) -> None:
        self._client, self.headers = client, {"Authorization": f"Bearer {key}"}

    def __call__(self, method: str, path: str, **more: Any) -> Any:
        return self._client.request(method, path, headers={**self.headers, **more.pop("headers", {})}, **more)


@pytest.fixture
def ours(client: TestClient) -> Caller:
    return Caller(client, keys.create("ours", scopes=ALL).key)


@pytest.fixture
def theirs(client: TestClient) -> Caller:
    return Caller(client, keys.create("theirs", scopes=ALL).key)
