"""The virtual basket of a visit: what its people took and put back, how sure that is, and what was paid of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    Select,
    String,
    Uuid,
    any_,
    bindparam,
    case,
    exists,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column, relationship

from facepay.catalog.products import Product, find_products
from facepay.checkout.orders import Order, OrderLine, bought_by
from facepay.entrance.visits import Visit
from facepay.kernel.database import Base, Identified
from facepay.kernel.hub import notify
from facepay.shelves.rule import Claim, Count, Verdict


class Standing(StrEnum):
    """What a change counts for."""

    SURE = "sure"
    DOUBTFUL = "doubtful"  # the basket may hold it: a take isn't charged, a return is believed
    CONFIRMED = "confirmed"  # by staff
    DISMISSED = "dismissed"  # by staff, or in the customer's favour: counts for nothing


FIRM = (Standing.SURE, Standing.CONFIRMED)
IN_REVIEW = "for_review and standing = 'doubtful'"


class BasketChange(Identified, Base):
    """So many pieces of a product into a visit's basket, or out of it. Without a visit, nobody knows yet whose.

    `sources` is what it rests on: weight, motion, face, presence, staff. `settled_at` is when it was paid with
    `order_id`, or given up. What came to be known after the visit had paid is `late`, and settled by itself.
    """

    __tablename__ = "basket_change"
    __table_args__ = (
        CheckConstraint("quantity <> 0", name="moves_something"),
        CheckConstraint("confidence between 0 and 1", name="confidence_in_bounds"),
        CheckConstraint("standing in ('sure', 'doubtful', 'confirmed', 'dismissed')", name="standing_known"),
        Index("ix_basket_change_unpaid", "visit_id", postgresql_where=text("settled_at is null and late is false")),
        Index("ix_basket_change_late", "id", postgresql_where=text("late and settled_at is null")),
        Index("ix_basket_change_in_review", "store_id", "id", postgresql_where=text(IN_REVIEW)),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    event_id: Mapped[UUID | None] = mapped_column(ForeignKey("shelf_event.id"), index=True)
    visit_id: Mapped[UUID | None] = mapped_column(ForeignKey("visit.id"), index=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"))
    quantity: Mapped[int]  # positive where taken
    confidence: Mapped[float]
    standing: Mapped[str] = mapped_column(String(12))
    sources: Mapped[dict[str, Any]] = mapped_column(JSONB)
    late: Mapped[bool] = mapped_column(default=False)
    for_review: Mapped[bool] = mapped_column(default=False)  # staff are to decide, as long as it is doubtful
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("shop_order.id"))
    settled_at: Mapped[datetime | None]
    event_at: Mapped[datetime]
    created_at: Mapped[datetime]
    decided_by: Mapped[str | None] = mapped_column(String(80))
    note: Mapped[str | None] = mapped_column(String(200))
    product: Mapped[Product] = relationship(lazy="joined", innerjoin=True, viewonly=True)

    @property
    def sku(self) -> str:
        return self.product.sku


class BasketClosing(Identified, Base):
    """A visit's basket was paid up to here. Without an order there was nothing in it."""

    __tablename__ = "basket_closing"

    visit_id: Mapped[UUID] = mapped_column(ForeignKey("visit.id"), index=True)
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("shop_order.id"), index=True)
    closed_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class Held:
    """What a basket holds of a product: `quantity` is likely, `count` what is sure and what is possible; `confidence`
    is that of the least sure change.
    """

    product_id: UUID
    sku: str
    name: str
    unit_price: int
    quantity: int
    count: Count
    confidence: float


Basket = dict[str, Held]


def topic_of(visit_id: UUID) -> str:
    """What the hub wakes those by who follow a visit's basket."""
    return f"basket:{visit_id}"


async def is_unsettled(session: AsyncSession, *, member_id: UUID) -> bool:
    """Whether the member has taken anything that is neither paid nor given up."""
    taken = select(BasketChange.id).join(Visit, Visit.id == BasketChange.visit_id)
    unsettled = taken.where(Visit.member_id == member_id, BasketChange.settled_at.is_(None)).exists()
    return bool(await session.scalar(select(unsettled)))


async def live_basket(session: AsyncSession, *, visit_ids: Collection[UUID]) -> Basket:
    """By sku, what these visits together hold and haven't paid for; a product that they put back is not in it.

    Whoever is about to charge for it locks the visits first (`lock_visits`): then no change comes in between.
    """
    return await _counted(session, visit_ids, (BasketChange.settled_at.is_(None), BasketChange.late.is_(False)))


async def whole_basket(session: AsyncSession, *, visit_ids: Collection[UUID]) -> Basket:
    """The same over all that the shelves counted in these visits, paid for or not."""
    return await _counted(session, visit_ids, (), less_paid=False)


async def _counted(
    session: AsyncSession, visit_ids: Collection[UUID], only: tuple[Any, ...], *, less_paid: bool = True
) -> Basket:
    quantity, standing = BasketChange.quantity, BasketChange.standing
    firm, doubtful = standing.in_(FIRM), standing == Standing.DOUBTFUL

    def total(condition: Any) -> Any:
        return func.coalesce(func.sum(quantity).filter(condition), 0).cast(quantity.type)

    rows = await session.execute(
        select(
            Product.id,
            Product.sku,
            Product.name,
            Product.price,
            total(firm).label("firm"),
            total(doubtful & (quantity > 0)).label("taken"),
            total(doubtful & (quantity < 0)).label("returned"),
            func.min(BasketChange.confidence).label("confidence"),
        )
        .join(Product, Product.id == BasketChange.product_id)
        .where(BasketChange.visit_id.in_(visit_ids), standing != Standing.DISMISSED, *only)
        .group_by(Product.id)
        .order_by(Product.sku)
    )
    counted = rows.all()
    paid = await _paid_elsewhere(session, visit_ids) if counted and less_paid else {}
    basket: Basket = {}
    for each in counted:
        firm_left = each.firm - paid.get(each.id, 0)
        count = Count(max(0, firm_left + each.returned), max(0, firm_left + each.taken))
        if count.possible:
            likely = max(0, firm_left + each.taken + each.returned)
            basket[each.sku] = Held(each.id, each.sku, each.name, each.price, likely, count, each.confidence)
    return basket


async def _paid_elsewhere(session: AsyncSession, visit_ids: Collection[UUID]) -> Mapping[UUID, int]:
    """Pieces by product that the visits' members paid for while they were inside, as at a kiosk, where no basket was
    closed with it.
    """
    # A cancelled order has paid for nothing: what came back with it isn't out there, and the rest isn't paid.
    pieces = case((Order.cancelled_at.is_(None), OrderLine.quantity), else_=OrderLine.returned)
    rows = await session.execute(
        select(OrderLine.product_id, func.sum(pieces).cast(OrderLine.quantity.type))
        .join(Order, Order.id == OrderLine.order_id)
        .where(
            Order.id.in_(bought_inside(visit_ids)),
            ~exists().where(
                BasketClosing.visit_id.in_(visit_ids),
                (BasketClosing.order_id == Order.id) | (BasketClosing.closed_at >= Order.created_at),
            ),
        )
        .group_by(OrderLine.product_id)
    )
    return dict(rows.all())


def bought_inside(visit_ids: Collection[UUID]) -> Select[UUID]:
    """Ids of the orders that the visits' members placed while they were inside."""
    return (
        select(Order.id)
        .join(Visit, bought_by(Visit.member_id) & (Visit.store_id == Order.store_id))
        .where(
            Visit.id.in_(visit_ids),
            Order.created_at >= Visit.entered_at,
            Visit.left_at.is_(None) | (Order.created_at <= Visit.left_at),
        )
    )


async def lock_visits(session: AsyncSession, *, visit_ids: Collection[UUID]) -> list[Visit]:
    """The visits as they are now, in the order of their ids."""
    query = select(Visit).where(Visit.id.in_(visit_ids)).order_by(Visit.id).with_for_update()
    return list(await session.scalars(query.execution_options(populate_existing=True)))


HELD_OFF = (
    select(Visit.id)
    .where(Visit.id == any_(bindparam("visit_ids", type_=ARRAY(Uuid()))))
    .order_by(Visit.id)
    .with_for_update(read=True)
)


async def hold_off_payments(session: AsyncSession, *, visit_ids: Collection[UUID]) -> None:
    """Nobody locks these visits, to be paid or to end, before this transaction does; others may hold them off too."""
    await session.execute(HELD_OFF, {"visit_ids": list(visit_ids)})


# Until when visits have paid, those that ever did.
PAID_AT = select(BasketClosing.visit_id, func.max(BasketClosing.closed_at)).group_by(BasketClosing.visit_id)


async def paid_at(session: AsyncSession, visit_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """Until when each of these visits has paid, those that ever did."""
    rows = await session.execute(PAID_AT.where(BasketClosing.visit_id.in_(visit_ids)))
    return dict(rows.all())


async def close_basket(
    session: AsyncSession,
    *,
    visit_ids: Sequence[UUID],
    order_id: UUID | None,
    now: datetime,
    verdict: Verdict | None = None,
) -> None:
    """The basket is paid with this order, or there was nothing to pay: from now on it is empty.

    The visit of whoever pays comes first; what the verdict leaves to staff is put to them as a doubt about it. Any
    other doubt is given up. What a shelf reports later of before is late, and settled against the order.
    """
    visits = await lock_visits(session, visit_ids=visit_ids)
    open_change = BasketChange.settled_at.is_(None) & BasketChange.late.is_(False)
    change = update(BasketChange).where(BasketChange.visit_id.in_(visit_ids), open_change)
    await session.execute(change.where(BasketChange.standing == Standing.DOUBTFUL).values(standing=Standing.DISMISSED))
    await session.execute(change.values(order_id=order_id, settled_at=now))
    session.add_all(BasketClosing(visit_id=visit.id, order_id=order_id, closed_at=now) for visit in visits)
    if verdict is not None and verdict.review:
        products = await find_products(session, skus=[dispute.sku for dispute in verdict.review])
        session.add_all(
            BasketChange(
                store_id=visits[0].store_id,
                visit_id=visit_ids[0],
                product_id=products[dispute.sku].id,
                quantity=dispute.disputed,
                confidence=0.0,
                standing=Standing.DOUBTFUL,
                sources={"disagreement": {"charged": dispute.charged, "possible": dispute.possible}},
                for_review=True,
                order_id=order_id,
                settled_at=now,
                event_at=now,
                created_at=now,
            )
            for dispute in verdict.review
        )
    await session.flush()
    for visit in visits:
        await notify(session, topic_of(visit.id))


def claims_of(basket: Basket) -> list[Claim]:
    """What the shelves alone say, for the rule."""
    return [Claim(each.sku, each.unit_price, {"shelf": each.count}) for each in basket.values()]
