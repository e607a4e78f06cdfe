"""Visits and their groups as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from facepay.kernel.schemas import Answer, Request

LINKED_MAX = 20


class VisitAnswer(Answer):
    id: UUID
    store_id: UUID
    member_id: UUID
    entered_at: datetime
    entry_gate_id: UUID
    left_at: datetime | None
    exit_gate_id: UUID | None
    basket_unpaid: bool
    guests: Annotated[int, Field(description="Whom the member brought in, and pays for.")]
    group_id: UUID | None
    is_host: Annotated[bool, Field(description="Pays for the whole group while inside.")]


class NewVisitGroup(Request):
    """Families and friends, and who of them pays."""

    visit_ids: Annotated[list[UUID], Field(min_length=1, max_length=LINKED_MAX)]
    host_visit_id: Annotated[UUID, Field(description="The host's, whether named above or not.")]


class NewHost(Request):
    host_visit_id: Annotated[UUID, Field(description="One of the group's visits.")]


class VisitGroupAnswer(Answer):
    """`opened_by` and `host_named_by` are on record: `staff:…` or `device:…`; a host whom nobody named was first in."""

    id: UUID
    store_id: UUID
    gate_id: Annotated[UUID | None, Field(description="Where it can be joined on entering, for ten minutes.")]
    opened_by: str
    opened_at: datetime
    host_named_by: str | None
    visits: list[VisitAnswer] = Field(default=[])
