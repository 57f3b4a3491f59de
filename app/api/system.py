"""What this service is made of: versions, database, workers and their devices."""

from __future__ import annotations

import platform
from importlib.metadata import version

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from app import db
from app.api.deps import KnowledgeDep
from app.api.wire import answer
from app.validations import fleet
from app.validations.store import waiting
from app.vocabulary import Worker

router = APIRouter(prefix="/v1/system", tags=["health"])
PARTS = ("fastapi", "pydantic", "sqlalchemy", "dbos", "numpy", "scipy")


class Running(BaseModel):
    """Versions by name, and who works."""

    version: str
    api: str
    knowledge_version: str
    knowledge_sha256: str
    python: str
    parts: dict[str, str]
    database: str
    database_revision: str | None
    unfinished_validations: int
    workers: list[Worker]


@router.get("", response_model=Running, operation_id="get_system")
def system(request: Request, knowledge: KnowledgeDep) -> Response:
    """Workers with their devices, live ones first; versions of the service, its knowledge, its database and its parts."""
    found = Running(
        version=version("gan-advisor"),
        api=str(request.app.version),
        knowledge_version=knowledge.version,
        knowledge_sha256=knowledge.sha256,
        python=platform.python_version(),
        parts={name: version(name) for name in PARTS},
        database=db.engine().dialect.name,
        database_revision=db.revision(),
        unfinished_validations=waiting(),
        workers=fleet.workers(),
    )
    return answer(request, found)
