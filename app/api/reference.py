"""docs/api.md: the OpenAPI document as a page that one reads. Pure: the same document, the same page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from app.api.document import FILE

PAGE = FILE.with_name("api.md")
HEAD = """# Every call

Made from [openapi.json](openapi.json) by `gan-advisor openapi --write`; a test fails where the two differ. How retries, pages, tags and
errors work is told once, in [the HTTP interface](http.md). Every refusal is a [Problem](#problem). A field marked * is required.
"""
ORDER = ("recommendations", "estimates", "datasets", "validations", "decisions", "knowledge", "benchmarks", "advisor")
"""What a newcomer calls comes first; every other group follows by name."""

Json = dict[str, Any]


def write(document: Json) -> bool:
    """Brings the committed page up to date; False when it was."""
    content = render(document)
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == content:
        return False
    PAGE.write_text(content, encoding="utf-8")
    return True


def render(document: Json) -> str:
    """The page: operations by group, then messages, then types."""
    groups: dict[str, list[tuple[str, str, Json]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    lines = [HEAD]
    for name in sorted(groups, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name)):
        lines.append(f"## {name.capitalize()}\n")
        for method, path, operation in groups[name]:
            lines.extend(_operation(method, path, operation, document["components"]))
    lines.append("## Messages to webhooks\n")
    lines.extend(f"- `{name}`" for name in document["webhooks"])
    lines.append("\n## Types\n")
    for name, schema in sorted(document["components"]["schemas"].items()):
        if not name.startswith("Page_"):
            lines.extend(_type(name, schema))
    return "\n".join(lines).rstrip() + "\n"


def _operation(method: str, path: str, operation: Json, components: Json) -> Iterator[str]:
    yield f"### {method} {path}\n"
    yield _prose(operation.get("description", "")) + "\n"
    given = [_parameter(p, components) for p in operation.get("parameters", [])]
    if body := operation.get("requestBody"):
        yield "Body: " + ", ".join(f"`{kind}` {_word(c.get('schema', {}))}" for kind, c in body["content"].items()) + "\n"
    if given:
        yield from _table(("parameter", "in", "type", ""), given)
    refusals = sorted(status for status in operation["responses"] if status[0] in "45")
    answers = [(status, r) for status, r in sorted(operation["responses"].items()) if status not in refusals]
    yield from _table(("status", "answer", ""), [(s, _answer(r), _said(r)) for s, r in answers])
    scopes = [scope for way in operation.get("security", ()) for scope in way.get("key", ())]
    takes = f"Takes a key with the scope `{scopes[0]}`" if scopes else "Answered without a key"
    yield f"{takes}. Refusals: {', '.join(refusals)}.\n"


def _parameter(given: Json, components: Json) -> tuple[str, ...]:
    p = components["parameters"][given["$ref"].rpartition("/")[2]] if "$ref" in given else given
    return f"`{p['name']}`{'*' * bool(p.get('required'))}", p["in"], _word(p["schema"]), _cell(p.get("description", ""))


def _answer(response: Json) -> str:
    kinds = [f"`{kind}` {_word(c.get('schema', {}))}".rstrip() for kind, c in response.get("content", {}).items()]
    return "; ".join(kinds) or "no body"


def _said(response: Json) -> str:
    text = response.get("description", "")
    return "" if text == "Successful Response" else _cell(text)


def _type(name: str, schema: Json) -> Iterator[str]:
    yield f"### {name}\n"
    if text := schema.get("description"):
        yield _prose(text) + "\n"
    if "enum" in schema:
        yield "One of " + ", ".join(f"`{value}`" for value in schema["enum"]) + ".\n"
    elif "properties" in schema:
        needed = set(schema.get("required", ()))
        rows = [
            (f"`{field}`{'*' * (field in needed)}", _word(about), _cell(_meaning(about)))
            for field, about in schema["properties"].items()
        ]
        yield from _table(("field", "type", ""), rows)
    else:
        yield f"{_word(schema)}\n"


def _meaning(about: Json) -> str:
    default = about.get("default")
    told = f"Default {default}." if default not in (None, "", [], {}) and not isinstance(default, dict) else ""
    return f"{about.get('description', '')} {told}".strip()


def _word(schema: Json) -> str:
    """A type in a few words, with a link where it has a heading of its own."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if paged := re.fullmatch(r"Page_(\w+)_", name):
            return f"page of [{paged[1]}](#{paged[1].lower()})"
        return f"[{name}](#{name.lower()})"
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            return " or ".join(dict.fromkeys(_word(one) for one in schema[union]))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type")
    if kind == "array":
        return f"list of {_word(schema['items'])}" if "items" in schema else "list"
    if kind == "object":
        of = schema.get("additionalProperties")
        return f"map of {_word(of)}" if isinstance(of, dict) and of else "map"
    return f"{kind or 'any'}{_bounds(schema)}"


def _bounds(schema: Json) -> str:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    found = [f"from {low:g}" if low is not None else "", f"to {high:g}" if high is not None else ""]
    said = " ".join(filter(None, [*found, schema.get("format", "")]))
    return f" ({said})" if said else ""


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    used = [i for i in range(len(head)) if i == 0 or any(row[i] for row in rows)]
    for cells in (head, ("---",) * len(head), *rows):
        yield "| " + " | ".join(cells[i] for i in used) + " |"
    yield ""


def _prose(text: str) -> str:
    return text.replace("<", "&lt;")


def _cell(text: str) -> str:
    return " ".join(_prose(text).replace("|", "\\|").split())
