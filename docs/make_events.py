"""events.md: what each event that may be heard holds, with its JSON Schema and an example.

The examples are bodies as they are sent; tests/webhooks/test_catalogue.py validates them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from facepay.webhooks.events import EventType, body_of

LINE_CHARACTERS_MAX = 100
NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
STAND_FOR: tuple[str, ...] = ("endpoint", "store", "gate", "device", "order", "payment_intent", "evidence", "request")
STAND_FOR += ("drive", "machine", "model", "car", "on_call_list", "staff", "id")
IDS = {name: str(UUID(f"019fbd20-0000-7000-8000-{number:012x}")) for number, name in enumerate(STAND_FOR, 1)}
# What a field holds in examples, and where one event needs something else.
VALUES: dict[str, object] = {
    **{name: IDS[name] for name in ("payment_intent", "id")},
    **{f"{name}_id": id for name, id in IDS.items()},
    "staff_ids": [IDS["staff"]],
    "guests": 0,
    "amount": 900,
    "total": 900,
    "tax": 104,
    "tip": 0,
    "currency": "CNY",
    "sku": "SHIRT-M",
    "number": "48213075",
    "starts_at": datetime(2026, 11, 26, 10, tzinfo=UTC),
    "due_at": datetime(2026, 11, 26, 12, tzinfo=UTC),
    "raised_at": datetime(2026, 11, 26, 9, 28, tzinfo=UTC),
    "kind": "access_refused_repeatedly",
    "severity": "warning",
    "subject": f"access_point:{IDS['evidence']}",
    "evidence_kind": "access_attempt",
    "times": 1,
    "level": 0,
    "error_code": None,
    "cancellation_reason": None,
}
UNPAID: dict[str, object] = {"order_id": None}
NOTHING_PAID: dict[str, object] = {"amount": None}
OTHERWISE: dict[str, dict[str, object]] = {
    "order.paid": {"id": IDS["order"]},
    "refund.created": {"payment_intent": None},
    "payment_intent.created": {"status": "requires_confirmation"} | UNPAID,
    "payment_intent.requires_action": {"status": "requires_action"} | UNPAID,
    "payment_intent.processing": {"status": "processing"} | UNPAID,
    "payment_intent.succeeded": {"status": "succeeded"},
    "payment_intent.payment_failed": {"status": "requires_action", "error_code": "face_not_verified"} | UNPAID,
    "payment_intent.canceled": {"status": "canceled", "cancellation_reason": "expired"} | UNPAID,
    "fitting.requested": {"state": "asked"},
    "fitting.answered": {"state": "bringing"},
    "test_drive.reserved": {"state": "reserved"} | NOTHING_PAID,
    "test_drive.cancelled": {"state": "cancelled"} | NOTHING_PAID,
    "test_drive.missed": {"state": "no_show", "amount": 5000},
    "test_drive.picked_up": {"state": "out"} | NOTHING_PAID,
    "test_drive.extended": {"state": "out"} | NOTHING_PAID,
    "test_drive.fell_due_soon": {"state": "out"} | NOTHING_PAID,
    "test_drive.became_late": {"state": "late"} | NOTHING_PAID,
    "test_drive.returned": {"state": "returned"} | NOTHING_PAID,
    "test_drive.damage_claimed": {"state": "claimed", "amount": 80000},
    "test_drive.damage_disputed": {"state": "disputed", "amount": 80000},
    "test_drive.closed": {"state": "closed"} | NOTHING_PAID,
    "alert.escalated": {"level": 1, "times": 4},
}
HEAD = """# Every event

{count} types. Each is the body of a [webhook](webhooks.md), and the data of an event of the stream: `type`, `timestamp`
(when it happened) and `data`, whose JSON Schema is below its examples. `GET /v1/webhook-event-types` answers the same
schemas. Pass over fields that you don't know. Amounts are in minor units, times in UTC, and nothing is said of a
member; [why](webhooks.md#why-no-member).

| type | what happened |
|---|---|
"""


def events(types: Iterable[EventType[Any]]) -> str:
    """The page."""
    types = tuple(types)
    lines = [f"| [`{each.name}`](#{_anchor(each)}) | {each.words} |" for each in types]
    return HEAD.format(count=len(types)) + "\n".join([*lines, "", *_sections(types)])


def _sections(types: Iterable[EventType[Any]]) -> Iterator[str]:
    """Types with the same payload stand together, and its schema below them."""
    alike: dict[type[BaseModel], list[EventType[Any]]] = {}
    for each in types:
        alike.setdefault(each.payload, []).append(each)
    for payload, some in alike.items():
        for each in some:
            yield f"## `{each.name}`\n\n{each.words}\n"
            yield _block(json.loads(body_of(each, example(each), now=NOW)))
        yield f"### Schema: {payload.__name__}\n"
        yield _block(some[0].data_schema)


def example(of: EventType[Any]) -> Any:
    """One payload. Raises pydantic.ValidationError where VALUES don't have what it needs."""
    said = VALUES | OTHERWISE.get(of.name, {})
    return of.payload.model_validate({name: said[name] for name in of.payload.model_fields if name in said})


def _block(shown: object) -> str:
    return f"```json\n{_lines(shown)}\n```\n"


def _lines(shown: Any, indent: str = "") -> str:
    """JSON, on one line where that is short."""
    line = json.dumps(shown, ensure_ascii=False)
    if not isinstance(shown, dict) or len(indent + line) <= LINE_CHARACTERS_MAX:
        return line
    deeper = indent + "  "
    members = (f"{deeper}{json.dumps(name)}: {_lines(value, deeper)}" for name, value in shown.items())
    return "{\n" + ",\n".join(members) + f"\n{indent}}}"


def _anchor(of: EventType[Any]) -> str:
    """As GitHub makes it of the heading."""
    return of.name.replace(".", "")
