"""A team's own data sets: uploaded in pieces or named by path, fingerprinted, then good for a task and a validation.

The bytes received are the size of the file on the disk, so an upload goes on where it stopped whatever became of the service.
"""

from __future__ import annotations

import fcntl
import re
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import anyio.to_thread
import sqlalchemy as sa

from app import db
from app.errors import AdvisorError, Conflict, FieldProblem, NotFound, TooLarge, Unprocessable
from app.fingerprint import fingerprint, unpack
from app.settings import settings
from app.tables import UploadRow
from app.validations.record import rfc3339
from app.vocabulary import Data, Fingerprint, OwnDataset, Task

ID = re.compile(r"ds_[0-9a-f]{32}$")
SUFFIXES = (".zip", ".csv", ".tsv", ".npz", ".npy", ".txt", ".smi")
_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def folder_of(dataset_id: str) -> Path:
    return settings().data_dir.absolute() / "datasets" / dataset_id


def announce(filename: str, size: int, team: str | None = None) -> OwnDataset:
    """A data set whose bytes are still to come. Raises Unprocessable for an ending that is not read, TooLarge above the limit."""
    name = _NAME.sub("_", Path(filename).name)[-100:]
    if Path(name).suffix.lower() not in SUFFIXES:
        detail = f"{filename!r} is of no kind that is read"
        raise Unprocessable(
            detail, [FieldProblem(pointer="#/filename", code="wrong_type", detail=detail, allowed=list(SUFFIXES))]
        )
    if size > settings().max_upload_bytes:
        raise TooLarge(f"{size:,} bytes; {settings().max_upload_bytes:,} are allowed")
    dataset_id = f"ds_{uuid.uuid4().hex}"
    folder = folder_of(dataset_id)
    folder.mkdir(parents=True, mode=0o700)
    if size > shutil.disk_usage(folder).free:
        folder.rmdir()
        raise TooLarge("there is no room on the server's disk for it")
    (folder / name).touch(mode=0o600)
    return _insert(dataset_id, team, filename=name, size=size, path=str(folder / name), state="uploading")


def name_folder(path: str, team: str | None = None) -> OwnDataset:
    """A data set that is on the server already. Raises Unprocessable for a path outside the allowed folders, or without data."""
    target = allowed(path)
    found = fingerprint(target)
    return _insert(
        f"ds_{uuid.uuid4().hex}", team, filename=target.name, size=found.bytes, path=str(target), state="ready", found=found
    )


def allowed(path: str, pointer: str = "#/path") -> Path:
    """The real path, inside one of GAN_ADVISOR_DATA_FOLDERS. Raises Unprocessable, before looking at what is there."""
    try:
        target = Path(path).resolve()
        target.exists()
    except (OSError, RuntimeError, ValueError):  # a name too long for the disk, a loop of links, the character 0
        target = None
    if target is None or not any(target.is_relative_to(folder.resolve()) for folder in settings().data_folders):
        detail = "the path is in no folder that this service may read (GAN_ADVISOR_DATA_FOLDERS)"
        raise Unprocessable(detail, [FieldProblem(pointer=pointer, code="not_allowed", detail=detail)])
    return target


async def receive(dataset_id: str, offset: int, chunks: AsyncIterator[bytes], team: str | None = None) -> OwnDataset:
    """Adds bytes at `offset` and, with the last one, fingerprints. What arrived before a connection broke is kept.

    Raises Conflict where the offset is not the number of bytes held, or another request is writing; TooLarge beyond what was announced.
    """
    row = await anyio.to_thread.run_sync(lambda: _row(dataset_id, team))
    if row.state != "uploading":
        raise Conflict(f"{dataset_id} is {row.state}; nothing more can be added")
    with _writing(Path(row.path)) as file:
        held = file.seek(0, 2)
        if offset != held:
            detail = f"{held} bytes are held, the piece begins at {offset}"
            raise Conflict(
                detail, [FieldProblem(pointer="header:Upload-Offset", code="wrong_offset", detail=detail, allowed=held)]
            )
        async for chunk in chunks:
            held += len(chunk)
            if held > row.size:
                file.truncate(row.size)
                raise TooLarge(f"more than the {row.size:,} bytes that were announced")
            await anyio.to_thread.run_sync(file.write, chunk)
        file.flush()
        if held == row.size:
            await anyio.to_thread.run_sync(lambda: _finish(dataset_id, Path(row.path)))
    return await anyio.to_thread.run_sync(lambda: get(dataset_id, team))


@contextmanager
def _writing(path: Path) -> Iterator[IO[bytes]]:
    with path.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict("another request is writing to this upload") from None
        yield file


def _finish(dataset_id: str, path: Path) -> None:
    """Unpacks and fingerprints a whole upload; what is refused is deleted, the reason kept."""
    try:
        target = path
        if path.suffix.lower() == ".zip":
            shutil.rmtree(path.parent / "data", ignore_errors=True)
            target = unpack(path, path.parent / "data", most_bytes=settings().max_upload_bytes * 10)
        found = fingerprint(target)
        values: dict[str, Any] = {"state": "ready", "path": str(target), "body": found.model_dump(mode="json")}
    except AdvisorError as error:
        shutil.rmtree(path.parent / "data", ignore_errors=True)
        values = {"state": "refused", "reason": error.detail}
    if values.get("path") != str(path):
        path.unlink()
    with db.transaction() as session:
        session.execute(sa.update(UploadRow).where(UploadRow.id == dataset_id).values(**values))


def get(dataset_id: str, team: str | None = None) -> OwnDataset:
    """Raises NotFound, also for one of another team."""
    return _shown(_row(dataset_id, team))


def page(
    limit: int, after: tuple[float, str] | None, team: str | None = None
) -> tuple[list[OwnDataset], tuple[float, str] | None]:
    """Own data sets, newest first, and the place after the last one shown."""
    query = sa.select(UploadRow).where(UploadRow.team.is_(team) if team is None else UploadRow.team == team)
    query = query.order_by(UploadRow.created_at.desc(), UploadRow.id.desc()).limit(limit + 1)
    if after:
        query = query.where(sa.tuple_(UploadRow.created_at, UploadRow.id) < sa.tuple_(*map(sa.literal, after)))
    with db.reading() as session:
        rows = list(session.scalars(query))
    return [_shown(row) for row in rows[:limit]], (rows[limit - 1].created_at, rows[limit - 1].id) if len(rows) > limit else None


def delete(dataset_id: str, team: str | None = None) -> None:
    """Forgets a data set; what was uploaded is deleted, a named folder is left alone. Raises NotFound."""
    row = _row(dataset_id, team)
    with db.transaction() as session:
        session.execute(sa.delete(UploadRow).where(UploadRow.id == row.id))
    shutil.rmtree(folder_of(row.id), ignore_errors=True)


def path_of(dataset_id: str, team: str | None = None) -> tuple[Path, Data]:
    """Where a ready data set lies, and what it is. Raises NotFound, and Conflict while it is not whole."""
    row = _row(dataset_id, team)
    if row.state != "ready" or row.body is None:
        raise Conflict(f"{dataset_id} is {row.state}" + (f": {row.reason}" if row.reason else "; send the rest first"))
    return Path(row.path), Fingerprint.model_validate(row.body).task.data


def described(task: Task, team: str | None = None) -> Task:
    """The task with what it leaves out of its data filled from the fingerprint of `data.dataset_id`."""
    if task.data.dataset_id is None or not ID.match(task.data.dataset_id):
        return task
    _, known = path_of(task.data.dataset_id, team)
    if known.type is not task.data.type:
        detail = f"{task.data.dataset_id} holds {known.type.value} data, not {task.data.type.value}"
        raise Unprocessable(
            detail, [FieldProblem(pointer="#/data/type", code="contradiction", detail=detail, allowed=known.type.value)]
        )
    given = {name: value for name, value in task.data if value is not None}
    return task.model_copy(update={"data": known.model_copy(update=given)})


def _row(dataset_id: str, team: str | None) -> UploadRow:
    with db.reading() as session:
        row = session.get(UploadRow, dataset_id) if ID.match(dataset_id) else None
        if row is None or row.team != team:
            raise NotFound(f"there is no data set {dataset_id[:64]}")
        session.expunge(row)
        return row


def _insert(dataset_id: str, team: str | None, *, found: Fingerprint | None = None, **values: Any) -> OwnDataset:
    body = found.model_dump(mode="json") if found else None
    with db.transaction() as session:
        session.add(UploadRow(id=dataset_id, team=team, created_at=db.now(session), body=body, **values))
    return get(dataset_id, team)


def _shown(row: UploadRow) -> OwnDataset:
    path = Path(row.path)
    held = path.stat().st_size if row.state == "uploading" and path.is_file() else row.size
    return OwnDataset(
        id=row.id,
        created_at=rfc3339(row.created_at),
        filename=row.filename,
        status=row.state,
        status_reason=row.reason,
        upload_offset=held if row.state == "uploading" else row.size,
        upload_length=row.size,
        fingerprint=Fingerprint.model_validate(row.body) if row.body else None,
    )
