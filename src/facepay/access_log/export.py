"""The access log as a file, written piece by piece: each page is a statement of its own, so that whoever reads slowly
holds no connection.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field
from sqlalchemy.orm import selectinload

from facepay.access_log.log import AccessEvent, Decision, Kind
from facepay.access_log.search import Sought
from facepay.kernel.database import Database
from facepay.kernel.schemas import Answer

FORMS = {"ndjson": "application/x-ndjson", "csv": "text/csv"}
PAGE = 500


class PersonAnswer(Answer):
    """Who took part; nobody, where they were erased since."""

    member_id: UUID | None
    holder_id: UUID | None
    details: dict[str, Any] | None


class AccessEventAnswer(Answer):
    id: UUID
    position: int
    event_at: datetime
    created_at: datetime
    store_id: UUID | None
    kind: Kind
    code: str = Field(examples=["granted", "outside_schedule", "forced_open"])
    decision: Decision | None
    actor: str
    access_point_id: UUID | None
    device_id: UUID | None
    zone_id: UUID | None
    policy: str | None = Field(description="The policy that decided, and which version of it: `<id>@<version>`.")
    factors: list[dict[str, Any]]
    persons: list[PersonAnswer]
    details: dict[str, Any]


async def exported(database: Database, *, sought: Sought, form: Literal["ndjson", "csv"]) -> AsyncIterator[bytes]:
    """The file, a page of events a piece, from the oldest on."""
    if form == "csv":
        yield b"\xef\xbb\xbf" + _csv([list(AccessEventAnswer.model_fields)])  # by which spreadsheets know UTF-8
    after = UUID(int=0)
    while True:
        query = sought.query().where(AccessEvent.id > after).order_by(AccessEvent.id).limit(PAGE)
        async with database.read() as session:
            events = (await session.scalars(query.options(selectinload(AccessEvent.persons)))).all()
        answers = [AccessEventAnswer.model_validate(event) for event in events]
        if form == "csv":
            yield _csv([list(map(_cell, answer.model_dump(mode="json").values())) for answer in answers])
        else:
            yield "".join(answer.model_dump_json() + "\n" for answer in answers).encode()
        if len(events) < PAGE:
            return
        after = events[-1].id


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue().encode()


def _cell(value: Any) -> str:
    """None is empty, and what has parts is JSON."""
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
