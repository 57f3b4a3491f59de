"""Every operation of the OpenAPI document, called with what it allows and with what it forbids, by schemathesis with all its checks.

A few examples each here; `make fuzz` takes many.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from fastapi import FastAPI
from schemathesis.config import SchemathesisConfig
from schemathesis.python.asgi import get_client, shutdown_lifespans

from app.api import document
from app.main import create_app
from app.recommend import Advisor
from app.vocabulary import Knowledge

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "3"))
ACCEPTED = ["2xx", "3xx", "401", "403", "404", "409", "422", "429"]
"""422 too: that a slug is unknown, a cursor not ours or a path in no allowed folder, no schema can say."""
CONFIG = SchemathesisConfig.from_dict(
    {
        "suppress-health-check": ["all"],
        "request-timeout": 60.0,
        "generation": {"max-examples": EXAMPLES, "deterministic": EXAMPLES < 100, "database": "none", "no-shrink": True},
        "checks": {"positive_data_acceptance": {"expected-statuses": ACCEPTED}},
    }
)
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
schema = schemathesis.openapi.from_path(document.FILE, config=CONFIG)
schema.config.update(base_url="http://localhost")


@pytest.fixture(scope="module")
def shared(synced_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FastAPI, Path]]:
    """One service for all operations: what one of them makes, another may find."""
    path = tmp_path_factory.mktemp("fuzz") / "fuzz.sqlite3"
    shutil.copy(synced_sqlite, path)
    yield create_app(), path
    shutdown_lifespans()


@pytest.fixture
def service(
    shared: tuple[FastAPI, Path], known: tuple[Knowledge, Advisor], own_state: None, monkeypatch: pytest.MonkeyPatch
) -> FastAPI:
    app, path = shared
    monkeypatch.setenv("GAN_ADVISOR_DATABASE_URL", f"sqlite:///{path}")
    monkeypatch.setenv("GAN_ADVISOR_DATA_DIR", str(path.parent))
    monkeypatch.setattr("app.main.load", lambda: known[0])
    monkeypatch.setattr("app.main.fit", lambda _: known[1])
    return app


@schema.parametrize()
def test_an_operation_keeps_its_word(case: schemathesis.Case, service: FastAPI) -> None:
    with get_client(service) as session:
        case.call_and_validate(session=session)
