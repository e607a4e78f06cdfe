"""Refunds: money back for an order, whole or in parts, never more than was paid."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.catalog.stock import return_stock
from facepay.checkout import tenders
from facepay.checkout.orders import get_order
from facepay.checkout.pricing import tender_of_refund
from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict
from facepay.kernel.ids import new_id
from facepay.members.members import Member
from facepay.rewards.discounts import portion


class Refund(Identified, Base):
    __tablename__ = "refund"
    __table_args__ = (CheckConstraint("amount > 0 and tax >= 0 and tax <= amount", name="amounts"),)

    order_id: Mapped[UUID] = mapped_column(ForeignKey("shop_order.id"), index=True)
    amount: Mapped[int]
    tax: Mapped[int]
    # What of the amount went back to gift balance and as points; the rest went to the wallet.
    gift: Mapped[int] = mapped_column(server_default="0")
    points_value: Mapped[int] = mapped_column(server_default="0")
    points: Mapped[int] = mapped_column(server_default="0")
    # Points that the order had earned: taken back, or owed because they were spent.
    points_taken: Mapped[int] = mapped_column(server_default="0")
    points_owed: Mapped[int] = mapped_column(server_default="0")
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
    """Give back `amount`, or all that is left, in the money, gift balance and points that it was paid with.

    Raises OrderNotFound, RefundExceedsOrder and RefundRefused.
    """
    order = await get_order(session, order_id, lock=True)
    left = order.total - order.refunded
    wanted = left if amount is None else amount
    if not 0 < wanted <= left:
        raise RefundExceedsOrder("More than is left of the order can't be refunded.", amount=wanted, refundable=left)
    # In the order of a payment: the member, whose points and gifts change, then stock, then the ledger.
    await session.execute(select(Member.id).where(Member.id == order.member_id).with_for_update(key_share=True))
    if amount is None and wanted == order.total:
        goods = {line.product_id: line.quantity for line in order.lines}
        await return_stock(session, store_id=order.store_id, quantities=goods)
    tender = tender_of_refund(order.tender, refunded_before=order.refunded, amount=wanted)
    tax = portion(order.tax, of=order.total, done=order.refunded, amount=wanted)
    refund = Refund(
        id=new_id(),
        order_id=order.id,
        amount=wanted,
        tax=tax,
        gift=tender.gift,
        points_value=tender.points_value,
        points=tender.points,
        currency=order.currency,
        reason=reason,
        actor=actor,
        created_at=now,
    )
    outcome, points = await tenders.give_back(
        session, order=order, refund_id=refund.id, tender=tender, tax=tax, actor=actor, now=now
    )
    if not outcome.ok:
        raise RefundRefused("The ledger refused the refund.", reason=outcome.code)
    refund.transfer_id, refund.points_taken, refund.points_owed = outcome.transfer_id, points.taken, points.owed
    order.refunded += wanted
    session.add(refund)
    await session.flush()
    return refund
