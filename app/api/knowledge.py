"""GET of the knowledge base: filterable, cacheable, CSV by Accept."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from app import figures
from app.api.deps import CallerDep, CursorQuery, KnowledgeDep, LimitQuery
from app.api.wire import VARY, Page, answer, csv_answer, csv_stream, make_cursor, page_limit, read_cursor, wants
from app.errors import NotFound, UnknownSlug
from app.measured import OURS, figure_of
from app.vocabulary import Architecture, Benchmark, Dataset, DataType, Gpu, Kind, Licence, ReportedBy, Rule, TaskSlug

router = APIRouter(prefix="/v1", tags=["knowledge"])
CACHE = "public, max-age=300, stale-while-revalidate=3600"
CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
    304: {"description": "Unchanged"},
}


T = TypeVar("T", bound=BaseModel)


def listing(
    request: Request,
    items: Iterable[T],
    key: str,
    kind: type[T],
    filters: dict[str, Any],
    limit: int | None,
    cursor: str | None,
    cache: str = CACHE,
) -> Response:
    """One page of `items` in the order of `key`, or all of them as CSV."""
    ordered = sorted(items, key=lambda item: str(getattr(item, key)))
    if wants(request, "text/csv"):
        return csv_answer(request, ordered, list(kind.model_fields), cache=CACHE)
    position = read_cursor(cursor, filters)
    rest = [item for item in ordered if position is None or str(getattr(item, key)) > position[1]]
    size = page_limit(limit)
    page = rest[:size]
    following = make_cursor((0.0, str(getattr(page[-1], key))), filters) if len(rest) > size else None
    return answer(request, {"items": page, "next_cursor": following}, headers=VARY, cache=cache)


def among(pointer: str, slug: str | None, known: Iterable[str]) -> None:
    """Refuses a filter that names something unknown, offering the nearest."""
    if slug is not None and slug not in (known := set(known)):
        raise UnknownSlug(pointer, slug, known)


@router.get("/architectures", response_model=Page[Architecture], responses=CSV, operation_id="list_architectures")
def architectures(
    request: Request,
    knowledge: KnowledgeDep,
    task: TaskSlug | None = None,
    data_type: DataType | None = None,
    family: str | None = None,
    kind: Kind | None = None,
    licence: Licence | None = None,
    trainable: Annotated[bool | None, Query(description="A network of this service trains it.")] = None,
    limit: LimitQuery = None,
    cursor: CursorQuery = None,
) -> Response:
    """The architectures, in the order of their slugs."""
    found = [
        a
        for a in knowledge.architectures.values()
        if (task is None or task in a.tasks)
        and (data_type is None or data_type in a.data_types)
        and (family is None or family == a.family)
        and (kind is None or kind == a.kind)
        and (licence is None or licence == a.licence)
        and (trainable is None or trainable == (a.slug in knowledge.trainable))
    ]
    filters = {"l": "a", "t": task, "d": data_type, "f": family, "k": kind, "i": licence, "n": trainable}
    return listing(request, found, "slug", Architecture, filters, limit, cursor)


@router.get("/architectures/{slug}", response_model=Architecture, operation_id="get_architecture")
def architecture(request: Request, slug: str, knowledge: KnowledgeDep) -> Response:
    """One architecture."""
    if slug not in knowledge.architectures:
        near = UnknownSlug("path:slug", slug, knowledge.architectures)
        raise NotFound(near.detail, near.errors)
    return answer(request, knowledge.architectures[slug], cache=CACHE)


@router.get("/benchmarks", response_model=Page[Benchmark], responses=CSV, operation_id="list_benchmarks")
def benchmarks(
    request: Request,
    caller: CallerDep,
    knowledge: KnowledgeDep,
    task: TaskSlug | None = None,
    dataset: str | None = None,
    architecture: str | None = None,
    metric: str | None = None,
    resolution: Annotated[int | None, Query(ge=1, le=10**6)] = None,
    reported_by: ReportedBy | None = None,
    source: Annotated[str | None, Query(description="Whole source, or its beginning.")] = None,
    limit: LimitQuery = None,
    cursor: CursorQuery = None,
) -> Response:
    """The published figures and your own, in the order of their ids."""
    if dataset is not None and not dataset.startswith(figures.DATASET):
        among("?dataset", dataset, knowledge.datasets)
    among("?architecture", architecture, knowledge.architectures)
    among("?metric", metric, knowledge.metrics)
    wanted = {"task": task, "dataset": dataset, "architecture": architecture, "metric": metric, "resolution": resolution}
    wanted["reported_by"] = reported_by
    chosen = [(name, value) for name, value in wanted.items() if value is not None]
    found = [
        b
        for b in knowledge.benchmarks
        if all(getattr(b, name) == value for name, value in chosen) and (source is None or b.source.startswith(source))
    ]
    filters = {"l": "b", "s": source, **wanted}
    if not figures.count(caller.team):
        return listing(request, found, "id", Benchmark, filters, limit, cursor)
    if wants(request, "text/csv"):
        ordered = sorted(found, key=lambda b: b.id)
        return csv_stream(chain(ordered, figures.every(caller.team, wanted, source)), list(Benchmark.model_fields))
    position = read_cursor(cursor, filters)
    after, size = (position[1] if position else ""), page_limit(limit)
    own = figures.page(caller.team, size + 1, wanted, source, after) if after < figures.BEHIND else []
    return listing(request, [*found, *own], "id", Benchmark, filters, limit, cursor, cache="private, no-cache")


@router.get("/benchmarks/{benchmark_id:path}", response_model=Benchmark, operation_id="get_benchmark")
def benchmark(request: Request, benchmark_id: str, caller: CallerDep, knowledge: KnowledgeDep) -> Response:
    """One published figure, one of your own, or one that a validation of yours measured here."""
    if benchmark_id.startswith(OURS):
        return answer(request, figure_of(benchmark_id, caller.team))
    for found in knowledge.benchmarks:
        if found.id == benchmark_id:
            return answer(request, found, cache=CACHE)
    raise NotFound(f"no figure has the id {benchmark_id!r}")


@router.get("/rules", response_model=Page[Rule], operation_id="list_rules")
def rules(
    request: Request, knowledge: KnowledgeDep, topic: str | None = None, limit: LimitQuery = None, cursor: CursorQuery = None
) -> Response:
    """The rules, in the order of their ids."""
    among("?topic", topic, {rule.topic for rule in knowledge.rules})
    found = [rule for rule in knowledge.rules if topic is None or rule.topic == topic]
    return listing(request, found, "id", Rule, {"l": "r", "t": topic}, limit, cursor)


@router.get("/rules/{rule_id:path}", response_model=Rule, operation_id="get_rule")
def rule(request: Request, rule_id: str, knowledge: KnowledgeDep) -> Response:
    """One rule."""
    for found in knowledge.rules:
        if found.id == rule_id:
            return answer(request, found, cache=CACHE)
    raise NotFound(f"no rule has the id {rule_id!r}")


@router.get("/datasets", response_model=Page[Dataset], responses=CSV, operation_id="list_datasets")
def datasets(
    request: Request,
    knowledge: KnowledgeDep,
    data_type: DataType | None = None,
    limit: LimitQuery = None,
    cursor: CursorQuery = None,
) -> Response:
    """The data sets that figures name."""
    found = [d for d in knowledge.datasets.values() if data_type is None or d.data_type == data_type]
    return listing(request, found, "slug", Dataset, {"l": "d", "t": data_type}, limit, cursor)


@router.get("/gpus", response_model=Page[Gpu], responses=CSV, operation_id="list_gpus")
def gpus(
    request: Request,
    knowledge: KnowledgeDep,
    min_memory_gb: Annotated[float | None, Query(ge=0, allow_inf_nan=False)] = None,
    limit: LimitQuery = None,
    cursor: CursorQuery = None,
) -> Response:
    """The devices, with memory, bandwidth and price where a source states it."""
    found = [g for g in knowledge.gpus.values() if min_memory_gb is None or g.memory_gb >= min_memory_gb]
    return listing(request, found, "name", Gpu, {"l": "g", "m": min_memory_gb}, limit, cursor)
