"""A team's own figures: JSON, one or a list, or a table as CSV; told back row by row where something is wrong."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator
from itertools import islice
from typing import IO, Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from app import figures
from app.api.deps import CallerDep, IfMatchHeader, KnowledgeDep
from app.api.wire import answer, require_match
from app.errors import BadRequest, FieldProblem, TooLarge, Unprocessable, UnsupportedMedia
from app.figures import BATCH, Checked, Row
from app.settings import settings
from app.vocabulary import Benchmark, Knowledge, NewFigure, TakenFigures

router = APIRouter(prefix="/v1/benchmarks", tags=["benchmarks"])
MOST_CSV_BYTES = 200_000_000
COLUMNS = tuple(NewFigure.model_fields)
EXAMPLE = {
    "architecture": "stylegan2-ada",
    "task": "unconditional-image",
    "dataset": "own-faces",
    "train_samples": 5000,
    "resolution": 256,
    "metric": "fid",
    "value": 12.5,
    "protocol": "fid50k_full",
    "source": "own:run-17",
    "locator": "last checkpoint",
}
ONE = {k: v for k, v in NewFigure.model_json_schema(ref_template="#/components/schemas/{model}").items() if k != "$defs"}
BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"anyOf": [ONE, {"type": "array", "minItems": 1, "items": ONE}]},
            "examples": {"one": {"value": EXAMPLE}},
        },
        "text/csv": {"schema": {"type": "string", "description": "A header line with the names of the fields, then the rows."}},
    },
}


@router.post(
    "",
    status_code=201,
    response_model=Benchmark | TakenFigures,
    openapi_extra={"requestBody": BODY},
    operation_id="create_benchmarks",
)
async def create(request: Request, caller: CallerDep, knowledge: KnowledgeDep) -> Response:
    """Takes one figure and answers with it, or many and answers with their number. All are checked before the first is kept."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "text/csv":
        with tempfile.TemporaryFile(dir=settings().data_dir) as table:
            await _receive(request, table)
            taken = await run_in_threadpool(_take_csv, table, knowledge, caller.team)
        return answer(request, taken, status=201)
    if not kind.endswith("json"):
        raise UnsupportedMedia(f"send application/json or text/csv, not {kind[:100] or 'a body without content type'}")
    body = _read_json(await request.body())
    rows = body if isinstance(body, list) else [body]
    taken = await run_in_threadpool(_take, rows, knowledge, caller.team)
    if isinstance(body, list):
        return answer(request, taken, status=201)
    (made,) = figures.typed(rows, caller.team)
    return answer(request, made, status=201, headers={"Location": f"/v1/benchmarks/{made.id}"})


@router.delete("", response_model=None, responses={200: {"description": "How many that were."}}, operation_id="delete_benchmarks")
def clear(request: Request, caller: CallerDep, source: Annotated[str, Query(min_length=1, max_length=500)]) -> Response:
    """Deletes all of your own figures that have one source."""
    return answer(request, {"deleted": figures.delete(caller.team, source=source)})


@router.delete("/{benchmark_id:path}", status_code=204, operation_id="delete_benchmark")
def delete(benchmark_id: str, caller: CallerDep, if_match: IfMatchHeader = None) -> Response:
    """Deletes one of your own figures."""
    require_match(if_match, lambda: figures.get(benchmark_id, caller.team))
    figures.delete(caller.team, figure_id=benchmark_id)
    return Response(status_code=204)


def _take(rows: list[Row], knowledge: Knowledge, team: str | None) -> TakenFigures:
    checked = Checked(knowledge, team)
    _check(checked, iter(rows))
    return figures.take(checked, rows, team)


def _take_csv(table: IO[bytes], knowledge: Knowledge, team: str | None) -> TakenFigures:
    checked = Checked(knowledge, team)
    _check(checked, _read_csv(table))
    return figures.take(checked, _read_csv(table), team)


def _check(checked: Checked, rows: Iterator[Row]) -> None:
    while not checked.full and (batch := list(islice(rows, BATCH))):
        checked.add(batch)
    checked.finish()


async def _receive(request: Request, table: IO[bytes]) -> None:
    held = 0
    async for chunk in request.stream():
        held += len(chunk)
        if held > MOST_CSV_BYTES:
            raise TooLarge(f"a table may hold {MOST_CSV_BYTES:,} bytes; send it in parts")
        table.write(chunk)


def _read_json(body: bytes) -> Any:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is not JSON: {error}") from None
    if found == []:
        detail = "the list is empty"
        raise Unprocessable(detail, [FieldProblem(pointer="#", code="too_short", detail=detail)])
    return found


def _read_csv(table: IO[bytes]) -> Iterator[dict[str, str]]:
    """The rows, empty cells left out. Raises Unprocessable for a header that names no fields, and BadRequest for what is no CSV."""
    table.seek(0)
    text = io.TextIOWrapper(table, encoding="utf-8-sig", newline="")
    try:
        lines = csv.reader(text, strict=True)
        header = next(lines, [])
        unknown = [name for name in header if name not in (*COLUMNS, "id")]
        if unknown or not header:
            detail = f"the header has no field {unknown[0][:100]!r}" if unknown else "the table is empty"
            raise Unprocessable(detail, [FieldProblem(pointer="#/header", code="unknown_column", detail=detail, allowed=COLUMNS)])
        for row in lines:
            if len(row) != len(header):
                detail = f"line {lines.line_num} has {len(row)} cells, the header {len(header)}"
                raise Unprocessable(detail, [FieldProblem(pointer=f"#/line/{lines.line_num}", code="cells", detail=detail)])
            yield {name: cell for name, cell in zip(header, row, strict=True) if cell and name != "id"}
    except (csv.Error, UnicodeDecodeError) as error:
        raise BadRequest(f"the body is not CSV in UTF-8: {error}") from None
    finally:
        text.detach()
