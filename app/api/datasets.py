"""A team's own data sets: named by path, or uploaded, at once or in pieces that resume."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from app import datasets
from app.access import Key
from app.api.deps import CallerDep, CursorQuery, IfMatchHeader, LimitQuery
from app.api.wire import Page, answer, make_cursor, page_limit, read_cursor, require_match
from app.errors import BadRequest, FieldProblem, Unprocessable
from app.vocabulary import Asked, OwnDataset

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])
BINARY = {"schema": {"type": "string", "format": "binary"}}
EXAMPLE: dict[str, Any] = {
    "upload": {"summary": "Announce an upload", "value": {"filename": "faces.zip", "bytes": 123456789}},
    "path": {"summary": "Name a folder of the server", "value": {"path": "/data/faces"}},
}


class NewDataset(Asked):
    """Either `path`, or `filename` and `bytes` of an upload to come."""

    path: str | None = Field(None, max_length=4096, description="Inside a folder that the operator allows.")
    filename: str | None = Field(None, min_length=1, max_length=255, description="Ends in zip, csv, tsv, npz, npy, txt or smi.")
    bytes: int | None = Field(None, ge=1)


@router.post(
    "",
    status_code=201,
    response_model=OwnDataset,
    responses={202: {"model": OwnDataset, "description": "Announced: PATCH the bytes to Location."}},
    openapi_extra={"requestBody": {"content": {"application/json": {"examples": EXAMPLE}}}},
    operation_id="create_dataset",
)
def create(request: Request, wanted: NewDataset, caller: CallerDep) -> Response:
    """Names a folder, which is read at once, or announces an upload."""
    if wanted.path is not None and wanted.filename is None and wanted.bytes is None:
        return _made(request, datasets.name_folder(wanted.path, caller.team), 201)
    if wanted.filename is not None and wanted.bytes is not None and wanted.path is None:
        return _made(request, datasets.announce(wanted.filename, wanted.bytes, caller.team), 202)
    detail = "give path alone, or filename and bytes"
    raise Unprocessable(detail, [FieldProblem(pointer="#", code="ambiguous", detail=detail, allowed=["path", "filename, bytes"])])


@router.put(
    "",
    status_code=201,
    response_model=OwnDataset,
    openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": BINARY}}},
    operation_id="upload_dataset",
)
async def upload(
    request: Request,
    caller: CallerDep,
    filename: Annotated[str, Query(min_length=1, max_length=255)],
    content_length: Annotated[int | None, Header(ge=1)] = None,
) -> Response:
    """A whole data set in one request, streamed to the disk. Needs Content-Length; a broken upload goes on by PATCH."""
    if content_length is None:
        raise BadRequest("Content-Length is missing; announce the size with POST and send pieces with PATCH instead")
    announced = await run_in_threadpool(datasets.announce, filename, content_length, caller.team)
    return _made(request, await _received(request, announced.id, 0, caller), 201)


@router.patch(
    "/{dataset_id}",
    response_model=OwnDataset,
    openapi_extra={"requestBody": {"required": True, "content": {"application/offset+octet-stream": BINARY}}},
    operation_id="continue_dataset",
)
async def proceed(
    request: Request,
    dataset_id: str,
    caller: CallerDep,
    upload_offset: Annotated[int, Header(ge=0, description="Bytes held so far.")],
) -> Response:
    """Adds bytes at Upload-Offset; after a broken connection ask by GET what is held. With the last byte it is fingerprinted."""
    found = await _received(request, dataset_id, upload_offset, caller)
    return answer(request, found, headers={"Upload-Offset": str(found.upload_offset)})


@router.get("/mine", response_model=Page[OwnDataset], operation_id="list_own_datasets")
def listing(request: Request, caller: CallerDep, limit: LimitQuery = None, cursor: CursorQuery = None) -> Response:
    """Your own data sets, newest first; GET /v1/datasets lists those of the knowledge base."""
    position = read_cursor(cursor, {"l": "uploads"})
    items, following = datasets.page(page_limit(limit), position, caller.team)
    after = make_cursor(following, {"l": "uploads"}) if following else None
    return answer(request, {"items": items, "next_cursor": after})


@router.get("/{dataset_id}", response_model=OwnDataset, operation_id="get_dataset")
def get(request: Request, dataset_id: str, caller: CallerDep) -> Response:
    """How much of it is held, and once it is whole its fingerprint."""
    found = datasets.get(dataset_id, caller.team)
    return answer(request, found, headers={"Upload-Offset": str(found.upload_offset), "Upload-Length": str(found.upload_length)})


@router.delete("/{dataset_id}", status_code=204, operation_id="delete_dataset")
def delete(dataset_id: str, caller: CallerDep, if_match: IfMatchHeader = None) -> Response:
    """Deletes an upload, or forgets a named folder."""
    require_match(if_match, lambda: datasets.get(dataset_id, caller.team))
    datasets.delete(dataset_id, caller.team)
    return Response(status_code=204)


async def _received(request: Request, dataset_id: str, offset: int, caller: Key) -> OwnDataset:
    try:
        return await datasets.receive(dataset_id, offset, request.stream(), caller.team)
    except ClientDisconnect:
        raise BadRequest("the connection broke; what arrived is kept") from None


def _made(request: Request, found: OwnDataset, status: int) -> Response:
    headers = {"Location": f"/v1/datasets/{found.id}", "Upload-Offset": str(found.upload_offset)}
    return answer(request, found, status=status, headers=headers)
