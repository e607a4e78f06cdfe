"""Orders: what was bought and paid, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    SQLColumnExpression,
    String,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column, relationship

from facepay.catalog.products import SoldBy
from facepay.checkout.pricing import PricedBasket, PricedLine, Tender
from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import NotFound
from facepay.members.members import Member

OrderStatus = Literal["paid", "partly_refunded", "refunded", "cancelled"]
UNDONE = "refunded > 0 or cancelled_at is not null"


class Order(Identified, Base):
    __tablename__ = "shop_order"
    __table_args__ = (
        CheckConstraint("total >= 0 and tax >= 0 and tax <= total", name="amounts"),
        CheckConstraint("refunded >= 0 and refunded <= total", name="refund_within_total"),
        CheckConstraint("gift >= 0 and points_value >= 0 and gift + points_value <= total", name="tender_within_total"),
        CheckConstraint("tax_refunded >= 0 and tax_refunded <= tax and tax_refunded <= refunded", name="tax_refunded"),
        CheckConstraint("advance >= 0 and advance <= total - gift - points_value", name="advance_within_wallet"),
        CheckConstraint("(advance > 0) = (advance_transfer_id is not null)", name="advance_is_posted"),
        CheckConstraint("tip_refunded between 0 and tip", name="tip_refund_within_tip"),
        CheckConstraint("(tip > 0) = (tip_transfer_id is not null)", name="tip_is_posted"),
        CheckConstraint("buyer_id <> member_id", name="buyer_is_another"),
        CheckConstraint("num_nulls(supplements_id, charged_by, reason) in (0, 3)", name="supplement_says_why"),
        Index("ix_shop_order_supplements_id", "supplements_id", postgresql_where=text("supplements_id is not null")),
        Index("ix_shop_order_member_id_created_at", "member_id", "created_at"),
        Index(
            "ix_shop_order_buyer_id_created_at", "buyer_id", "created_at", postgresql_where=text("buyer_id is not null")
        ),
        Index("ix_shop_order_store_id_id", "store_id", "id"),
        Index("ix_shop_order_undone", "store_id", "id", postgresql_where=text(UNDONE)),
        Index("ix_shop_order_store_id_created_at", "store_id", "created_at"),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    # Whoever pays: theirs are the wallet, the points and the coupons, and to them it is given back.
    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    # Whoever bought it, where somebody else of their family did.
    buyer_id: Mapped[UUID | None] = mapped_column(ForeignKey("member.id"))
    currency: Mapped[str] = mapped_column(String(3))
    total: Mapped[int]
    tax: Mapped[int]
    # What was bought, of an order without lines: paid in a shop on the web, which keeps its own, and asked for so.
    description: Mapped[str | None] = mapped_column(String(200))
    payment_intent_id: Mapped[UUID | None]
    # What of the total was paid with gift balance and with points; the rest came from the wallet.
    gift: Mapped[int] = mapped_column(default=0, server_default="0")
    points_value: Mapped[int] = mapped_column(default=0, server_default="0")
    points: Mapped[int] = mapped_column(default=0, server_default="0")
    points_earned: Mapped[int] = mapped_column(default=0, server_default="0")
    # What of the wallet's part it fell short of: the member owes it since.
    advance: Mapped[int] = mapped_column(default=0, server_default="0")
    advance_transfer_id: Mapped[UUID | None]
    # Beside the total: the staff's, untaxed.
    tip: Mapped[int] = mapped_column(default=0, server_default="0")
    tip_refunded: Mapped[int] = mapped_column(default=0, server_default="0")
    tip_transfer_id: Mapped[UUID | None]
    refunded: Mapped[int] = mapped_column(default=0)
    tax_refunded: Mapped[int] = mapped_column(default=0, server_default="0")
    cancelled_at: Mapped[datetime | None]
    # The order that this one was charged after, by whom and why.
    supplements_id: Mapped[UUID | None] = mapped_column(ForeignKey("shop_order.id"))
    charged_by: Mapped[str | None] = mapped_column(String(80))
    reason: Mapped[str | None] = mapped_column(String(200))
    # Under which its dishes are called out.
    pickup_number: Mapped[str | None] = mapped_column(String(8))
    transfer_id: Mapped[UUID | None]
    points_transfer_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
    lines: Mapped[list[OrderLine]] = relationship(order_by="OrderLine.position", lazy="selectin")
    discounts: Mapped[list[OrderDiscount]] = relationship(order_by="OrderDiscount.position", lazy="selectin")

    @property
    def tender(self) -> Tender:
        return Tender(self.points, self.points_value, self.gift, self.wallet)

    @property
    def wallet(self) -> int:
        return self.total - self.gift - self.points_value

    @property
    def bought_by(self) -> UUID:
        """Whoever stood there, whoever paid."""
        return self.buyer_id or self.member_id

    @property
    def discount(self) -> int:
        return sum(discount.amount for discount in self.discounts)

    @property
    def status(self) -> OrderStatus:
        if self.cancelled_at is not None:
            return "cancelled"
        if self.refunded == 0:
            return "paid"
        return "refunded" if self.refunded == self.total else "partly_refunded"


class OrderLine(Base):
    """`quantity` is pieces, or net grams of what is sold by weight: then `unit_price` is that of 100 g. What its scale
    showed is in `weighings`, none where staff vouched for the grams. What isn't `stocked` was counted out before it was
    sold, and doesn't go back into stock. Several lines may be of one product.
    """

    __tablename__ = "order_line"
    __table_args__ = (
        CheckConstraint("returned between 0 and quantity", name="returned_within_quantity"),
        CheckConstraint("sold_by in ('piece', 'weight')", name="sold_by_known"),
        CheckConstraint("sold_by = 'weight' or weighings = '[]'", name="pieces_are_not_weighed"),
    )

    order_id: Mapped[UUID] = mapped_column(ForeignKey("shop_order.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"))
    sku: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    sold_by: Mapped[SoldBy] = mapped_column(String(8), default="piece", server_default="piece")
    quantity: Mapped[int]
    weighings: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list, server_default="[]")
    unit_price: Mapped[int]
    tax_rate_basis_points: Mapped[int]
    discount: Mapped[int] = mapped_column(default=0, server_default="0")
    total: Mapped[int]  # what was paid for it, tax included
    tax: Mapped[int]
    returned: Mapped[int] = mapped_column(default=0, server_default="0")  # of the quantity
    stocked: Mapped[bool] = mapped_column(default=True, server_default="true")


class OrderDiscount(Base):
    """What was taken off the whole order, and why: a tier, a coupon or a smile, by the name it had then."""

    __tablename__ = "order_discount"
    __table_args__ = (CheckConstraint("reason in ('tier', 'coupon', 'smile') and amount > 0", name="takes_off"),)

    order_id: Mapped[UUID] = mapped_column(ForeignKey("shop_order.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(String(8))
    label: Mapped[str] = mapped_column(String(200))
    coupon_id: Mapped[UUID | None] = mapped_column(ForeignKey("coupon.id"), index=True)
    amount: Mapped[int]


class OrderNotFound(NotFound):
    """There is no order with this id."""

    code = "order_not_found"
    title = "No such order"


@dataclass(frozen=True, slots=True)
class Supplement:
    """Why an order is charged after another one, and by whom."""

    supplements_id: UUID
    charged_by: str
    reason: str


def place(
    *,
    order_id: UUID,
    basket: PricedBasket,
    tender: Tender,
    points_earned: int,
    store_id: UUID,
    device_id: UUID,
    member_id: UUID,
    buyer_id: UUID,
    now: datetime,
    supplement: Supplement | None = None,
    pickup_number: str | None = None,
    tip: int = 0,
    stocked: bool = True,
) -> Order:
    """An order for a priced basket, to be paid in the same transaction."""
    return Order(
        id=order_id,
        store_id=store_id,
        device_id=device_id,
        member_id=member_id,
        buyer_id=None if buyer_id == member_id else buyer_id,
        currency=basket.currency,
        total=basket.total,
        tax=basket.tax,
        gift=tender.gift,
        points_value=tender.points_value,
        points=tender.points,
        points_earned=points_earned,
        advance=0,
        tip=tip,
        tip_refunded=0,
        refunded=0,
        tax_refunded=0,
        created_at=now,
        supplements_id=supplement.supplements_id if supplement else None,
        charged_by=supplement.charged_by if supplement else None,
        reason=supplement.reason if supplement else None,
        pickup_number=pickup_number,
        lines=[_line(order_id, position, line, stocked) for position, line in enumerate(basket.lines, start=1)],
        discounts=[
            OrderDiscount(
                order_id=order_id,
                position=position,
                reason=discount.reason,
                label=discount.label,
                coupon_id=discount.coupon_id,
                amount=amount,
            )
            for position, (discount, amount) in enumerate(basket.discounts, start=1)
        ],
    )


def _line(order_id: UUID, position: int, line: PricedLine, stocked: bool) -> OrderLine:
    return OrderLine(
        order_id=order_id,
        position=position,
        product_id=line.product_id,
        sku=line.sku,
        name=line.name,
        sold_by=line.sold_by,
        quantity=line.quantity,
        weighings=[weighing.on_receipt(line.unit_price) for weighing in line.weighings],
        unit_price=line.unit_price,
        tax_rate_basis_points=line.tax_rate_basis_points,
        discount=line.discount,
        total=line.total,
        tax=line.tax,
        returned=0,
        stocked=stocked,
    )


def in_state(status: OrderStatus) -> ColumnElement[bool]:
    """Orders of which `status` is this; those that aren't as they were paid are found by ix_shop_order_undone."""
    if status == "paid":
        return (Order.refunded == 0) & Order.cancelled_at.is_(None)
    if status == "cancelled":
        return Order.cancelled_at.is_not(None) & text(f"({UNDONE})")
    whole = Order.refunded == Order.total if status == "refunded" else Order.refunded < Order.total
    return (Order.refunded > 0) & whole & Order.cancelled_at.is_(None) & text(f"({UNDONE})")


def bought_by(member_id: SQLColumnExpression[UUID]) -> ColumnElement[bool]:
    """Orders that this member bought, whoever paid for them."""
    return (Order.buyer_id == member_id) | ((Order.member_id == member_id) & Order.buyer_id.is_(None))


async def spent_since(session: AsyncSession, *, member_id: UUID, currency: str, since: datetime) -> int:
    """What the member has paid for orders since then, less what was refunded of them."""
    spent = await session.scalar(
        select(func.coalesce(func.sum(Order.total - Order.refunded), 0)).where(
            Order.member_id == member_id, Order.created_at > since, Order.currency == currency
        )
    )
    return int(spent or 0)


async def get_order(session: AsyncSession, order_id: UUID) -> Order:
    """Raises OrderNotFound."""
    order = await session.get(Order, order_id)
    if order is None:
        raise OrderNotFound("There is no order with this id.")
    return order


async def hold_order(session: AsyncSession, order_id: UUID) -> Order:
    """Lock whoever bought it, and then the order, as a payment does: who undoes an order waits for both.

    Raises OrderNotFound.
    """
    order = await get_order(session, order_id)
    await session.execute(select(Member.id).where(Member.id == order.member_id).with_for_update(key_share=True))
    await session.refresh(order, with_for_update={"of": Order})
    return order
