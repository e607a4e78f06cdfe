from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, get_args
from uuid import uuid4

import pytest

from facepay.client import devices, shop
from facepay.client.calls import Call, Page
from tests.client.make_models import MODELS, made, short

SAMPLES: dict[str, Any] = {
    "basket": {"TEA": 1},
    "frames": (b"frame",),
    "photos": (b"photo",),
    "reads": [],
    "events": [],
    "consent": {"policy_version": "1", "accepted": True},
    "what": {"kind": "open"},
    "way": "entries",
    "types": ["*"],
    "price": 1,
    "amount": 1,
}


def test_models_are_what_the_api_serves(api: dict[str, Any]) -> None:
    assert MODELS.read_text() == made(api), "run python -m tests.client.make_models"


def _public() -> Iterator[Callable[..., Call[Any]]]:
    for module in (devices, shop):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_") and name != "lines_of":
                yield function


def _sample(function: Callable[..., Call[Any]]) -> Call[Any]:
    given: list[Any] = []
    named: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            given += SAMPLES[name]
        elif parameter.kind is parameter.KEYWORD_ONLY and name in SAMPLES:
            named[name] = SAMPLES[name]
        elif parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            given.append(SAMPLES.get(name, uuid4() if name.endswith("_id") else 1 if name == "sequence" else "1"))
    return function(*given, **named)


@pytest.mark.parametrize("function", list(_public()), ids=lambda each: each.__name__)
def test_every_call_is_one_that_the_api_takes(function: Callable[..., Call[Any]], api: dict[str, Any]) -> None:
    call = _sample(function)
    operation = _paths(api)[re.sub(r"{\w+}", "{}", call.route)][call.method.lower()]
    parameters = {each["name"]: each for each in operation.get("parameters", [])}
    assert call.query.keys() <= parameters.keys()
    if parameters.get("Idempotency-Key", {}).get("required"):
        assert call.key, "what must not be done twice has a key"
    content = operation.get("requestBody", {}).get("content", {})
    if call.json is not None:
        schema = _resolved(content["application/json"]["schema"], api)
        assert set(schema.get("required", ())) <= call.json.keys() <= schema["properties"].keys()
    if call.files:
        schema = content["multipart/form-data"]["schema"]
        assert {name for name, _ in call.files} | call.form.keys() <= schema["properties"].keys()
    assert _named(call.answer) in {_named_schema(each) for each in operation["responses"].values()}


def _paths(api: dict[str, Any]) -> dict[str, Any]:
    merged: dict[str, dict[str, Any]] = {}
    for path, operations in api["paths"].items():
        merged.setdefault(re.sub(r"{\w+}", "{}", path), {}).update(operations)
    return merged


def _named(answer: type[Any]) -> str:
    if answer is type(None):
        return ""
    if issubclass(answer, Page):
        (of,) = get_args(answer) or answer.__pydantic_generic_metadata__["args"]
        return f"Page_{of.__name__}_"
    return answer.__name__


def _named_schema(answer: dict[str, Any]) -> str:
    for content in answer.get("content", {}).values():
        if "$ref" in content.get("schema", {}):
            name = content["schema"]["$ref"].rsplit("/", 1)[-1]
            return str(name if name.startswith("Page_") else short(name))
    return ""


def _resolved(schema: dict[str, Any], api: dict[str, Any]) -> dict[str, Any]:
    name = schema["$ref"].rsplit("/", 1)[-1]
    return dict(api["components"]["schemas"][name])
