"""What integrators are told of visits, in the transaction that made it true: that somebody came or went, never who."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.webhooks.events import EventType, emit


class VisitTold(BaseModel):
    """A visit, and the gate that somebody passed; null where staff said so. Guests came in on somebody else's face."""

    id: UUID
    store_id: UUID
    gate_id: UUID | None
    guests: int


ENTERED = EventType("visit.entered", "Somebody came into a store.", VisitTold)
LEFT = EventType("visit.left", "Somebody left a store, or staff saw that they had.", VisitTold)
EVENT_TYPES = (ENTERED, LEFT)


async def tell_visit(session: AsyncSession, type: EventType[VisitTold], visit: VisitTold, *, now: datetime) -> None:
    """The caller holds the visit's row, or has just made it."""
    await emit(session, type=type, subject_id=visit.id, data=visit, device_id=visit.gate_id, now=now)
