"""Tickets: what the kitchen is to prepare of an order, how far it is, and what is taken back of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column, relationship

from facepay.catalog.products import SoldBy
from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import NotFound
from facepay.kernel.hub import notify
from facepay.kernel.ids import new_id
from facepay.kitchen.numbers import PickupNumber


class TicketState(StrEnum):
    HELD = "held"
    RECEIVED = "received"
    PREPARING = "preparing"
    READY = "ready"
    COLLECTED = "collected"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"


OPEN = "ended_at is null"


class Ticket(Identified, Base):
    """One for each order that has dishes; or for what a table ordered of a course, `held` until that course is due.

    It names nobody: the order does, and at a table, the place is all that the kitchen needs.
    """

    __tablename__ = "kitchen_ticket"
    __table_args__ = (
        CheckConstraint(
            "state in ('held', 'received', 'preparing', 'ready', 'collected', 'cancelled', 'lapsed')",
            name="state_known",
        ),
        CheckConstraint(
            "(state in ('held', 'received', 'preparing', 'ready')) = (ended_at is null)", name="open_until_ended"
        ),
        CheckConstraint("num_nulls(order_id, party_id) = 1", name="of_order_or_party"),
        CheckConstraint("(number is null) = (order_id is null)", name="called_somehow"),
        CheckConstraint("num_nulls(party_id, place, course) in (0, 3)", name="course_of_party"),
        CheckConstraint("state <> 'held' or party_id is not null", name="courses_are_held"),
        CheckConstraint("state not in ('preparing', 'ready', 'collected') or started_at is not null", name="started"),
        CheckConstraint("state not in ('ready', 'collected') or ready_at is not null", name="ready"),
        CheckConstraint("num_nulls(started_at, started_by) <> 1", name="started_by_somebody"),
        CheckConstraint("num_nulls(ready_at, ready_by) <> 1", name="ready_by_somebody"),
        CheckConstraint("num_nulls(ended_at, ended_by) <> 1", name="ended_by_somebody"),
        UniqueConstraint("store_id", "business_day", "number"),
        Index("ix_kitchen_ticket_party", "party_id", "id", postgresql_where=text("party_id is not null")),
        Index("ix_kitchen_ticket_open", "store_id", "id", postgresql_where=text(OPEN)),
        Index("ix_kitchen_ticket_store_id_id", "store_id", "id"),
        Index("ix_kitchen_ticket_store_id_ready_at", "store_id", "ready_at"),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("shop_order.id"), unique=True)
    party_id: Mapped[UUID | None] = mapped_column(ForeignKey("dining_party.id"))
    business_day: Mapped[date]
    number: Mapped[str | None] = mapped_column(String(8))  # called out at the counter
    place: Mapped[str | None] = mapped_column(String(80))  # brought to
    course: Mapped[int | None]
    state: Mapped[TicketState] = mapped_column(String(16))
    received_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    started_by: Mapped[str | None] = mapped_column(String(80))
    ready_at: Mapped[datetime | None]
    ready_by: Mapped[str | None] = mapped_column(String(80))
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(String(80))
    late_since: Mapped[datetime | None]  # when staff were told that it waits too long
    dishes: Mapped[list[TicketDish]] = relationship(order_by="TicketDish.position", lazy="selectin")

    @property
    def is_open(self) -> bool:
        return self.ended_at is None

    @property
    def called(self) -> str:
        """Its number, or where it is brought to."""
        return self.number or self.place or ""

    @property
    def is_empty(self) -> bool:
        """Whether everything was taken back."""
        return all(dish.taken_back == dish.quantity for dish in self.dishes)


class TicketDish(Base):
    __tablename__ = "ticket_dish"
    __table_args__ = (
        CheckConstraint("taken_back between 0 and quantity", name="taken_back_within_quantity"),
        CheckConstraint("sold_by in ('piece', 'weight')", name="sold_by_known"),
    )

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("kitchen_ticket.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"))
    name: Mapped[str] = mapped_column(String(200))
    sold_by: Mapped[SoldBy] = mapped_column(String(8), default="piece", server_default="piece")
    quantity: Mapped[int]  # pieces, or grams of what is sold by weight
    taken_back: Mapped[int] = mapped_column(default=0, server_default="0")  # of the quantity
    seat: Mapped[int | None]  # none: for the whole table
    options: Mapped[list[str]] = mapped_column(ARRAY(String(100)), default=list, server_default="{}")


class TicketNotFound(NotFound):
    """This store has no ticket with this id."""

    code = "ticket_not_found"
    title = "No such ticket"


@dataclass(frozen=True, slots=True)
class Dish:
    product_id: UUID
    name: str
    quantity: int
    sold_by: SoldBy = "piece"
    seat: int | None = None
    options: tuple[str, ...] = ()


async def open_ticket(
    session: AsyncSession,
    *,
    store_id: UUID,
    order_id: UUID,
    number: PickupNumber,
    dishes: Sequence[Dish],
    now: datetime,
) -> Ticket:
    """Tell the kitchen of an order that was paid in this transaction, under the number that was drawn for it."""
    ticket = Ticket(
        id=new_id(),
        store_id=store_id,
        order_id=order_id,
        business_day=number.business_day,
        number=number.text,
        state=TicketState.RECEIVED,
        received_at=now,
        dishes=listed(dishes),
    )
    session.add(ticket)
    await notify(session, topic_of(store_id))
    return ticket


def listed(dishes: Sequence[Dish]) -> list[TicketDish]:
    """As rows of a ticket, counted from 1."""
    return [
        TicketDish(
            position=position,
            product_id=dish.product_id,
            name=dish.name,
            sold_by=dish.sold_by,
            quantity=dish.quantity,
            taken_back=0,
            seat=dish.seat,
            options=list(dish.options),
        )
        for position, dish in enumerate(dishes, start=1)
    ]


async def take_back(
    session: AsyncSession, *, order_id: UUID, quantities: Mapping[UUID, int] | None, by: str, now: datetime
) -> None:
    """Of an order's dishes, by product, or all of them. A ticket with nothing left on it is cancelled, cooked or not,
    unless it was handed out already.
    """
    ticket = await session.scalar(select(Ticket).where(Ticket.order_id == order_id).with_for_update(of=Ticket))
    if ticket is None:
        return
    for dish in ticket.dishes:
        left = dish.quantity - dish.taken_back
        dish.taken_back += left if quantities is None else min(left, quantities.get(dish.product_id, 0))
    end_if_empty(ticket, by=by, now=now)
    await session.flush()
    await notify(session, topic_of(ticket.store_id))


def end_if_empty(ticket: Ticket, *, by: str, now: datetime) -> None:
    if ticket.is_open and ticket.is_empty:
        ticket.state, ticket.ended_at, ticket.ended_by = TicketState.CANCELLED, now, by


async def hold_ticket(session: AsyncSession, *, store_id: UUID, ticket_id: UUID) -> Ticket:
    """Locked; and where it is a table's, so are that party's other open ones, in id order, since the end of one may be
    the beginning of the next. Raises TicketNotFound.
    """
    party = select(Ticket.party_id).where(Ticket.id == ticket_id).scalar_subquery()
    found = await session.scalars(
        select(Ticket)
        .where((Ticket.id == ticket_id) | ((Ticket.party_id == party) & Ticket.ended_at.is_(None)))
        .order_by(Ticket.id)
        .with_for_update(of=Ticket)
        .execution_options(populate_existing=True)
    )
    ticket = next((each for each in found if each.id == ticket_id), None)
    if ticket is None or ticket.store_id != store_id:
        raise TicketNotFound("This store has no ticket with this id.")
    return ticket


def topic_of(store_id: UUID) -> str:
    """What wakes a store's boards and kitchen screens."""
    return f"kitchen:{store_id}"
