"""What callers of the API rely on, and whether a change breaks it (docs/api-versions.md).

`python -m docs.contract` writes openapi.json anew: at a release, or when something is broken on purpose.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from docs.openapi import served

Schema = dict[str, Any]
RELEASED = Path(__file__).parent / "openapi.json"
# Words for people change freely.
WORDS = frozenset({"title", "description", "summary", "example", "examples", "tags", "operationId", "externalDocs"})
METHODS = ("get", "put", "post", "patch", "delete")
DEPTH_MAX = 12


class Side(NamedTuple):
    """One of the two versions compared: what it says of the API, and its components."""

    api: Schema

    def resolved(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            schema = self.api["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema


def shape(api: Schema) -> Schema:
    """The part of an OpenAPI document that a program depends on: no words, and no refusals, which may be added to."""
    paths = {
        path: {method: _operation(operations[method]) for method in METHODS if method in operations}
        for path, operations in api["paths"].items()
    }
    return {
        "info": {"version": api["info"]["version"]},
        "paths": paths,
        "components": {"schemas": _wordless(api["components"]["schemas"], names=True)},
    }


def breaks(before: Schema, after: Schema) -> list[str]:
    """Each way in which `after` fails whoever was written for `before`."""
    old, new = Side(before), Side(after)
    found: list[str] = []
    for path, operations in before["paths"].items():
        for method, operation in operations.items():
            where = f"{method.upper()} {path}"
            now = after["paths"].get(path, {}).get(method)
            if now is None:
                found.append(f"{where} is gone")
            else:
                found += _parameters(where, operation, now, old, new)
                found += _bodies(where, operation, now, old, new)
    return sorted(set(found))


def _operation(operation: Schema) -> Schema:
    responses = {status: answer for status, answer in operation.get("responses", {}).items() if status < "300"}
    kept = {name: operation[name] for name in ("parameters", "requestBody") if name in operation}
    return dict(_wordless(kept | {"responses": responses}))


def _wordless(part: Any, *, names: bool = False) -> Any:
    """`names`: the keys of this level are the API's own (a field may well be called "title")."""
    if isinstance(part, list):
        return [_wordless(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {key: _wordless(part[key], names=key == "properties") for key in sorted(part) if names or key not in WORDS}


def _parameters(where: str, before: Schema, after: Schema, old: Side, new: Side) -> Iterator[str]:
    then = {(each["in"], each["name"]): each for each in before.get("parameters", ())}
    now = {(each["in"], each["name"]): each for each in after.get("parameters", ())}
    for key, parameter in then.items():
        name = f"{where}: parameter {key[1]}"
        if key not in now:
            yield f"{name} is gone"
        else:
            yield from _narrower(name, parameter["schema"], now[key]["schema"], old, new)
    for key, parameter in now.items():
        if parameter.get("required") and not then.get(key, {}).get("required"):
            yield f"{where}: parameter {key[1]} is required now"


def _bodies(where: str, before: Schema, after: Schema, old: Side, new: Side) -> Iterator[str]:
    then, now = before.get("requestBody", {}), after.get("requestBody", {})
    if now.get("required") and not then.get("required"):
        yield f"{where}: a body is required now"
    for kind, content in then.get("content", {}).items():
        if kind not in now.get("content", {}):
            yield f"{where}: takes no {kind} any more"
        else:
            yield from _narrower(f"{where}: body", content["schema"], now["content"][kind]["schema"], old, new)
    for status, answer in before["responses"].items():
        for kind, content in answer.get("content", {}).items():
            found = after["responses"].get(status, {}).get("content", {}).get(kind)
            if found is None:
                yield f"{where}: answers no {status} {kind} any more"
            else:
                schemas = content.get("schema", {}), found.get("schema", {})
                yield from _wider(f"{where}: answer", *schemas, old, new)


def _narrower(where: str, before: Schema, after: Schema, old: Side, new: Side, depth: int = 0) -> Iterator[str]:
    """Of what callers send: it takes less than it did."""
    before, after = old.resolved(before), new.resolved(after)
    yield from _other_kind(where, before, after)
    for bound, is_less in (
        ("maximum", True),
        ("maxLength", True),
        ("maxItems", True),
        ("minimum", False),
        ("minLength", False),
        ("minItems", False),
    ):
        then, now = before.get(bound), after.get(bound)
        if now is not None and (then is None or (now < then if is_less else now > then)):
            yield f"{where}: {bound} is {now} now"
    allowed = after.get("enum")
    if allowed is not None and "enum" not in before:
        yield f"{where}: takes only {', '.join(map(str, allowed))} now"
    elif allowed is not None and (gone := [each for each in before["enum"] if each not in allowed]):
        yield f"{where}: takes no {', '.join(map(str, gone))} any more"
    for name in set(after.get("required", ())) - set(before.get("required", ())):
        yield f"{where}.{name} is required now"
    yield from _parts(where, before, after, old, new, depth, _narrower)


def _wider(where: str, before: Schema, after: Schema, old: Side, new: Side, depth: int = 0) -> Iterator[str]:
    """Of what callers are answered: it lacks what they read. Codes and fields may be added."""
    before, after = old.resolved(before), new.resolved(after)
    yield from _other_kind(where, before, after)
    for name in set(before.get("required", ())) - set(after.get("required", ())):
        if name in after.get("properties", {}):
            yield f"{where}.{name} may be missing now"
    yield from _parts(where, before, after, old, new, depth, _wider)


def _other_kind(where: str, before: Schema, after: Schema) -> Iterator[str]:
    for word in ("type", "format", "const"):
        if before.get(word) != after.get(word) and word in before:
            yield f"{where}: {word} was {before[word]}, is {after.get(word)}"


def _parts(where: str, before: Schema, after: Schema, old: Side, new: Side, depth: int, compare: Any) -> Iterator[str]:
    if depth >= DEPTH_MAX:
        return
    for name, part in before.get("properties", {}).items():
        if name not in after.get("properties", {}):
            yield f"{where}.{name} is gone"
        else:
            yield from compare(f"{where}.{name}", part, after["properties"][name], old, new, depth + 1)
    if "items" in before and "items" in after:
        yield from compare(f"{where}[]", before["items"], after["items"], old, new, depth + 1)
    for word in ("anyOf", "oneOf", "allOf"):
        then, now = before.get(word, []), after.get(word, [])
        if len(now) < len(then):
            yield f"{where}: {len(then) - len(now)} of its kinds are gone"
        for first, second in zip(then, now, strict=False):
            yield from compare(where, first, second, old, new, depth + 1)


def written(api: Schema) -> str:
    """One line a route and a schema, so that a change of one shows as one."""
    parts = []
    for name, content in (("paths", api["paths"]), ("schemas", api["components"]["schemas"])):
        lines = ",\n".join(
            f"  {json.dumps(key)}: {json.dumps(content[key], sort_keys=True)}" for key in sorted(content)
        )
        parts.append(f'"{name}": {{\n{lines}\n}}')
    schemas = f'"components": {{{parts[1]}}}'
    return f'{{"info": {json.dumps(api["info"])},\n{parts[0]},\n{schemas}}}\n'


if __name__ == "__main__":
    RELEASED.write_text(written(shape(served())))
