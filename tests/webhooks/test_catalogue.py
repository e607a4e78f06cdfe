"""docs/events.md holds what integrators build on: its examples are what its schemas say, and name no member."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema_rs
import pytest
from docs.make_reference import DOCS

from facepay.telling import EVENT_TYPES
from facepay.webhooks.events import EventType

PAGE = (DOCS / "events.md").read_text()
SAYS_WHO = re.compile("member|person|payer|holder|visitor|driver|guest_|name|phone|mail|face|template|frame")


def shown(of: EventType[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Its example, and the schema of its data, as the page has them."""
    _, section = PAGE.split(f"## `{of.name}`\n")
    _, schemas = section.split(f"### Schema: {of.payload.__name__}\n")
    example, schema = (re.search(r"```json\n(.*?)```", text, re.DOTALL) for text in (section, schemas))
    assert example
    assert schema
    return json.loads(example[1]), json.loads(schema[1])


@pytest.mark.parametrize("of", EVENT_TYPES, ids=lambda each: each.name)
def test_an_example_is_what_its_schema_says_and_nothing_more(of: EventType[Any]) -> None:
    example, schema = shown(of)
    assert example.keys() == {"type", "timestamp", "data"}
    assert example["type"] == of.name
    jsonschema_rs.Draft202012Validator(schema | {"additionalProperties": False}, validate_formats=True).validate(
        example["data"]
    )
    assert schema == of.data_schema


@pytest.mark.parametrize("of", EVENT_TYPES, ids=lambda each: each.name)
def test_no_event_says_who(of: EventType[Any]) -> None:
    assert not [name for name in of.data_schema["properties"] if SAYS_WHO.search(name)]
