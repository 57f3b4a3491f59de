"""Your data: drop files or a folder, see what it is, ask about it. The reading is app.fingerprint's, as on the command line."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path, PurePosixPath
from typing import IO

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from app import datasets
from app.access import is_foreign
from app.dashboard.forms import query_of
from app.dashboard.render import Page, page, team
from app.errors import FieldProblem, TooLarge, Unprocessable
from app.settings import settings

router = APIRouter(prefix="/datasets", route_class=Page, include_in_schema=False)
LISTED = 50
MOST_FILES = 50_000
PIECE = 1 << 20


@router.get("")
def listing(request: Request) -> Response:
    """What was uploaded, newest first, and the form."""
    items, _ = datasets.page(LISTED, None, team(request))
    return page(request, "datasets.html", items=items, endings=datasets.SUFFIXES)


@router.post("")
async def upload(request: Request) -> Response:
    """Takes one file as it is, and several, or a folder, as one archive; goes to the page of what it found."""
    if is_foreign(request.headers):
        raise HTTPException(403, "this form was sent from another site")
    length = request.headers.get("content-length", "")
    if not length.isdigit():
        raise HTTPException(411, "the size of the upload is not stated; send large sets in pieces by POST /v1/datasets")
    if int(length) > settings().max_upload_bytes:
        raise TooLarge(f"{int(length):,} bytes; {settings().max_upload_bytes:,} are allowed")
    async with request.form(max_files=MOST_FILES, max_fields=1) as form, AsyncExitStack() as stack:
        files = [part for _, part in form.multi_items() if isinstance(part, UploadFile) and part.filename]
        if not files:
            detail = "choose a file or a folder first"
            raise Unprocessable(detail, [FieldProblem(pointer="#/files", code="missing", detail=detail)])
        name = files[0].filename or ""
        whole: IO[bytes] = files[0].file
        if len(files) > 1 or Path(name).suffix.lower() not in datasets.SUFFIXES:
            name, whole = f"{_folder(files)}.zip", await run_in_threadpool(_packed, files)
            stack.callback(whole.close)
        size = whole.seek(0, os.SEEK_END)
        announced = await run_in_threadpool(datasets.announce, name, size, team(request))
        found = await datasets.receive(announced.id, 0, _pieces(whole), team(request))
    return RedirectResponse(f"/datasets/{found.id}", status_code=303)


@router.get("/{dataset_id}")
def show(request: Request, dataset_id: str) -> Response:
    """The fingerprint of one data set, and the question it implies."""
    found = datasets.get(dataset_id, team(request))
    known = found.fingerprint
    implied = (
        known.task.model_copy(update={"data": known.task.data.model_copy(update={"dataset_id": found.id})}) if known else None
    )
    return page(request, "dataset.html", it=found, known=known, ask=query_of(implied, ()) if implied else "")


def _folder(files: Sequence[UploadFile]) -> str:
    parts = PurePosixPath(files[0].filename or "").parts
    return parts[0] if len(parts) > 1 else "files"


def _packed(files: Sequence[UploadFile]) -> IO[bytes]:
    """The files as an archive, under the names they were sent with; unpacking refuses names that lead elsewhere."""
    archive: IO[bytes] = tempfile.TemporaryFile(dir=settings().data_dir)  # noqa: SIM115, the caller closes it
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for file in files:
            with packed.open(file.filename or "", "w", force_zip64=True) as target:
                while piece := file.file.read(PIECE):
                    target.write(piece)
    return archive


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    file.seek(0)
    while piece := await run_in_threadpool(file.read, PIECE):
        yield piece
