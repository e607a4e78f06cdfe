"""Orders: what was bought and paid, line by line."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column, relationship

from facepay.checkout.pricing import PricedBasket, PricedLine, Tender
from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import NotFound


class Order(Identified, Base):
    __tablename__ = "shop_order"
    __table_args__ = (
        CheckConstraint("total >= 0 and tax >= 0 and tax <= total", name="amounts"),
        CheckConstraint("refunded >= 0 and refunded <= total", name="refund_within_total"),
        CheckConstraint("gift >= 0 and points_value >= 0 and gift + points_value <= total", name="tender_within_total"),
        Index("ix_shop_order_member_id_created_at", "member_id", "created_at"),
        Index("ix_shop_order_store_id_id", "store_id", "id"),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    currency: Mapped[str] = mapped_column(String(3))
    total: Mapped[int]
    tax: Mapped[int]
    # What of the total was paid with gift balance and with points; the rest came from the wallet.
    gift: Mapped[int] = mapped_column(default=0, server_default="0")
    points_value: Mapped[int] = mapped_column(default=0, server_default="0")
    points: Mapped[int] = mapped_column(default=0, server_default="0")
    points_earned: Mapped[int] = mapped_column(default=0, server_default="0")
    refunded: Mapped[int] = mapped_column(default=0)
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
    def discount(self) -> int:
        return sum(discount.amount for discount in self.discounts)

    @property
    def status(self) -> str:
        if self.refunded == 0:
            return "paid"
        return "refunded" if self.refunded == self.total else "partly_refunded"


class OrderLine(Base):
    __tablename__ = "order_line"

    order_id: Mapped[UUID] = mapped_column(ForeignKey("shop_order.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"))
    sku: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    quantity: Mapped[int]
    unit_price: Mapped[int]
    tax_rate_basis_points: Mapped[int]
    discount: Mapped[int] = mapped_column(default=0, server_default="0")
    total: Mapped[int]  # what was paid for it, tax included
    tax: Mapped[int]


class OrderDiscount(Base):
    """What was taken off the whole order, and why: a tier or a coupon, by the name it had then."""

    __tablename__ = "order_discount"
    __table_args__ = (CheckConstraint("reason in ('tier', 'coupon') and amount > 0", name="takes_off"),)

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


def place(
    *,
    order_id: UUID,
    basket: PricedBasket,
    tender: Tender,
    points_earned: int,
    store_id: UUID,
    device_id: UUID,
    member_id: UUID,
    now: datetime,
) -> Order:
    """An order for a priced basket, to be paid in the same transaction."""
    return Order(
        id=order_id,
        store_id=store_id,
        device_id=device_id,
        member_id=member_id,
        currency=basket.currency,
        total=basket.total,
        tax=basket.tax,
        gift=tender.gift,
        points_value=tender.points_value,
        points=tender.points,
        points_earned=points_earned,
        refunded=0,
        created_at=now,
        lines=[_line(position, line) for position, line in enumerate(basket.lines, start=1)],
        discounts=[
            OrderDiscount(
                position=position,
                reason=discount.reason,
                label=discount.label,
                coupon_id=discount.coupon_id,
                amount=amount,
            )
            for position, (discount, amount) in enumerate(basket.discounts, start=1)
        ],
    )


def _line(position: int, line: PricedLine) -> OrderLine:
    return OrderLine(
        position=position,
        product_id=line.product_id,
        sku=line.sku,
        name=line.name,
        quantity=line.quantity,
        unit_price=line.unit_price,
        tax_rate_basis_points=line.tax_rate_basis_points,
        discount=line.discount,
        total=line.total,
        tax=line.tax,
    )


async def spent_since(session: AsyncSession, *, member_id: UUID, currency: str, since: datetime) -> int:
    """What the member has paid for orders since then, less what was refunded of them."""
    spent = await session.scalar(
        select(func.coalesce(func.sum(Order.total - Order.refunded), 0)).where(
            Order.member_id == member_id, Order.created_at > since, Order.currency == currency
        )
    )
    return int(spent or 0)


async def get_order(session: AsyncSession, order_id: UUID, *, lock: bool = False) -> Order:
    """Raises OrderNotFound."""
    query = select(Order).where(Order.id == order_id)
    order = await session.scalar(query.with_for_update(of=Order) if lock else query)
    if order is None:
        raise OrderNotFound("There is no order with this id.")
    return order
