"""Orders: what was bought and paid, line by line."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column, relationship

from facepay.checkout.pricing import PricedBasket
from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import NotFound


class Order(Identified, Base):
    __tablename__ = "shop_order"
    __table_args__ = (
        CheckConstraint("total >= 0 and tax >= 0 and tax <= total", name="amounts"),
        CheckConstraint("refunded >= 0 and refunded <= total", name="refund_within_total"),
        Index("ix_shop_order_member_id_created_at", "member_id", "created_at"),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"), index=True)
    kiosk_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    currency: Mapped[str] = mapped_column(String(3))
    total: Mapped[int]
    tax: Mapped[int]
    refunded: Mapped[int] = mapped_column(default=0)
    transfer_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
    lines: Mapped[list[OrderLine]] = relationship(order_by="OrderLine.position", lazy="selectin")

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
    total: Mapped[int]
    tax: Mapped[int]


class OrderNotFound(NotFound):
    """There is no order with this id."""

    code = "order_not_found"
    title = "No such order"


def place(
    *, order_id: UUID, basket: PricedBasket, store_id: UUID, kiosk_id: UUID, member_id: UUID, now: datetime
) -> Order:
    """An order for a priced basket, to be paid in the same transaction."""
    return Order(
        id=order_id,
        store_id=store_id,
        kiosk_id=kiosk_id,
        member_id=member_id,
        currency=basket.currency,
        total=basket.total,
        tax=basket.tax,
        refunded=0,
        created_at=now,
        lines=[
            OrderLine(
                position=position,
                product_id=line.product_id,
                sku=line.sku,
                name=line.name,
                quantity=line.quantity,
                unit_price=line.unit_price,
                tax_rate_basis_points=line.tax_rate_basis_points,
                total=line.total,
                tax=line.tax,
            )
            for position, line in enumerate(basket.lines, start=1)
        ],
    )


async def get_order(session: AsyncSession, order_id: UUID, *, lock: bool = False) -> Order:
    """Raises OrderNotFound."""
    query = select(Order).where(Order.id == order_id)
    order = await session.scalar(query.with_for_update(of=Order) if lock else query)
    if order is None:
        raise OrderNotFound("There is no order with this id.")
    return order
