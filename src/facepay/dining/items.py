"""What a party has ordered: dishes, for whom, how far they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, case, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, column_property, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.kitchen.tickets import Ticket, TicketState

QUANTITY_MAX = 99
COURSES_MAX = 9


class ItemState(StrEnum):
    """`ordered` waits for its course; what is `sent` to the kitchen may still be changed, what is cooked no more."""

    ORDERED = "ordered"
    SENT = "sent"
    COOKING = "cooking"
    SERVED = "served"
    CANCELLED = "cancelled"


_KITCHEN = {
    TicketState.HELD: ItemState.ORDERED,
    TicketState.RECEIVED: ItemState.SENT,
    TicketState.PREPARING: ItemState.COOKING,
    TicketState.READY: ItemState.COOKING,
    TicketState.COLLECTED: ItemState.SERVED,
    TicketState.LAPSED: ItemState.SERVED,  # the day ended, and nobody pressed
    TicketState.CANCELLED: ItemState.CANCELLED,
}


class PartyItem(Identified, Base):
    """`unit_price` includes its options, in minor units. How far it is, its ticket says: `state` is read from there,
    when the row is.
    """

    __tablename__ = "dining_item"
    __table_args__ = (
        CheckConstraint(f"quantity between 1 and {QUANTITY_MAX}", name="quantity_in_bounds"),
        CheckConstraint(f"course between 1 and {COURSES_MAX}", name="course_in_bounds"),
        CheckConstraint("unit_price >= 0", name="price_not_negative"),
        CheckConstraint("num_nulls(cancelled_at, cancelled_by) <> 1", name="cancelled_by_somebody"),
        Index("uq_dining_item_dish", "ticket_id", "position", unique=True),
    )

    party_id: Mapped[UUID] = mapped_column(ForeignKey("dining_party.id"), index=True)
    cover_id: Mapped[UUID | None] = mapped_column(ForeignKey("dining_cover.id"), index=True)  # none: for all
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"))
    name: Mapped[str] = mapped_column(String(200))
    quantity: Mapped[int]
    options: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list, server_default="[]")
    unit_price: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    course: Mapped[int]
    ticket_id: Mapped[UUID | None] = mapped_column(ForeignKey("kitchen_ticket.id"))
    position: Mapped[int | None]  # of its dish on the ticket
    # Whose wallet it was put on hold on: who answers for it where nobody's own does.
    answering_id: Mapped[UUID | None] = mapped_column(ForeignKey("dining_cover.id"))
    ordered_at: Mapped[datetime]
    cancelled_at: Mapped[datetime | None] = mapped_column()
    cancelled_by: Mapped[str | None] = mapped_column(String(80))
    cancelled_why: Mapped[str | None] = mapped_column(String(200))
    state: Mapped[ItemState] = column_property(
        case(
            (cancelled_at.is_not(None), ItemState.CANCELLED.value),
            (ticket_id.is_(None), ItemState.ORDERED.value),
            else_=select(case({ticket.value: item.value for ticket, item in _KITCHEN.items()}, value=Ticket.state))
            .where(Ticket.id == ticket_id)
            .correlate_except(Ticket)
            .scalar_subquery(),
        )
    )

    @property
    def price(self) -> int:
        return self.quantity * self.unit_price


async def items_of(session: AsyncSession, *, party_id: UUID) -> Sequence[PartyItem]:
    """All that they ordered and didn't cancel, the first first, each as far as it is now."""
    query = select(PartyItem).where(PartyItem.party_id == party_id, PartyItem.cancelled_at.is_(None))
    found = await session.scalars(query.order_by(PartyItem.id), execution_options={"populate_existing": True})
    return found.all()
