"""Refunds: money back for an order, whole or in parts, never more than was paid."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.catalog.stock import return_stock
from facepay.checkout.orders import get_order
from facepay.checkout.pricing import tax_of_refund
from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict
from facepay.kernel.ids import new_id
from facepay.wallet import payments


class Refund(Identified, Base):
    __tablename__ = "refund"
    __table_args__ = (CheckConstraint("amount > 0 and tax >= 0 and tax <= amount", name="amounts"),)

    order_id: Mapped[UUID] = mapped_column(ForeignKey("shop_order.id"), index=True)
    amount: Mapped[int]
    tax: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    reason: Mapped[str] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(80))
    transfer_id: Mapped[UUID]
    created_at: Mapped[datetime]


class RefundExceedsOrder(Conflict):
    """The refunds of an order can't exceed what was paid."""

    code = "refund_exceeds_order"
    title = "Refund too large"


class RefundRefused(Conflict):
    """The ledger refused the refund."""

    code = "refund_refused"
    title = "Refund refused"


async def refund_order(
    session: AsyncSession, *, order_id: UUID, amount: int | None, reason: str, actor: str, now: datetime
) -> Refund:
    """Give back `amount`, or all that is left. Raises OrderNotFound, RefundExceedsOrder and RefundRefused."""
    order = await get_order(session, order_id, lock=True)
    left = order.total - order.refunded
    wanted = left if amount is None else amount
    if not 0 < wanted <= left:
        raise RefundExceedsOrder("More than is left of the order can't be refunded.", amount=wanted, refundable=left)
    tax = tax_of_refund(total=order.total, tax=order.tax, refunded_before=order.refunded, amount=wanted)
    refund = Refund(
        id=new_id(),
        order_id=order.id,
        amount=wanted,
        tax=tax,
        currency=order.currency,
        reason=reason,
        actor=actor,
        created_at=now,
    )
    outcome = await payments.refund(
        session,
        refund_id=refund.id,
        payment_id=order.transfer_id,
        member_id=order.member_id,
        store_id=order.store_id,
        total=wanted,
        tax=tax,
        currency=order.currency,
        actor=actor,
        now=now,
    )
    if not outcome.ok:
        raise RefundRefused("The ledger refused the refund.", reason=outcome.code)
    refund.transfer_id = outcome.transfer_id
    order.refunded += wanted
    session.add(refund)
    if amount is None and wanted == order.total:
        await return_stock(
            session,
            store_id=order.store_id,
            quantities={line.product_id: line.quantity for line in order.lines},
        )
    await session.flush()
    return refund
