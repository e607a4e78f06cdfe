"""Emergencies as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from facepay.access.emergencies import Kind
from facepay.kernel.schemas import Answer, Line, Request


class NewEmergency(Request):
    kind: Annotated[
        Kind,
        Field(description="`release`: doors stand open for everybody. `lockdown`: they let nobody in; exits stay."),
    ]
    zone_id: Annotated[UUID | None, Field(description="Only doors into this zone and out of it; else all.")] = None
    reason: Annotated[Line, Field(description="Stays on record.", examples=["Fire alarm, panel 2"])]


class EmergencyEnd(Request):
    why: Annotated[Line, Field(description="Stays on record.", examples=["False alarm, checked by the fire brigade"])]


class EmergencyAnswer(Answer):
    id: UUID
    store_id: UUID
    zone_id: UUID | None
    kind: Kind
    reason: str
    declared_by: str
    declared_at: datetime
    ended_by: str | None
    ended_at: datetime | None
    ended_why: str | None
