"""Refunds: what is given back of an order, whole or in parts, never more than was paid.

A refund of an amount, goods that are taken back and a cancellation are all one thing, done by `undo`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.catalog.stock import return_stock
from facepay.checkout import tenders
from facepay.checkout.orders import Order, OrderLine, hold_order
from facepay.checkout.pricing import tender_of_refund
from facepay.checkout.sold_tags import SoldTag, release_tags
from facepay.checkout.telling import tell_refund
from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict
from facepay.kernel.ids import new_id
from facepay.kitchen.tickets import take_back
from facepay.rewards.discounts import portion
from facepay.wallet.debts import collect

RefundKind = Literal["refund", "return", "cancellation"]


class Refund(Identified, Base):
    """`goods` are what came back with it, by sku; a return of goods that cost nothing moves no money."""

    __tablename__ = "refund"
    __table_args__ = (
        CheckConstraint("amount >= 0 and tax >= 0 and tax <= amount", name="amounts"),
        CheckConstraint("kind in ('refund', 'return', 'cancellation')", name="kind_known"),
        CheckConstraint("amount = 0 or transfer_id is not null", name="amount_is_posted"),
        CheckConstraint("tip >= 0 and (tip > 0) = (tip_transfer_id is not null)", name="tip_is_posted"),
    )

    order_id: Mapped[UUID] = mapped_column(ForeignKey("shop_order.id"), index=True)
    kind: Mapped[RefundKind] = mapped_column(String(16), server_default="refund")
    amount: Mapped[int]
    tax: Mapped[int]
    # What of the amount went back to gift balance and as points; the rest went to the wallet.
    gift: Mapped[int] = mapped_column(server_default="0")
    points_value: Mapped[int] = mapped_column(server_default="0")
    points: Mapped[int] = mapped_column(server_default="0")
    # Points that the order had earned: taken back, or owed because they were spent.
    points_taken: Mapped[int] = mapped_column(server_default="0")
    points_owed: Mapped[int] = mapped_column(server_default="0")
    # Of the tip, beside the amount.
    tip: Mapped[int] = mapped_column(default=0, server_default="0")
    tip_transfer_id: Mapped[UUID | None]
    currency: Mapped[str] = mapped_column(String(3))
    goods: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    reason: Mapped[str] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(80))
    transfer_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(index=True)


class RefundExceedsOrder(Conflict):
    """The refunds of an order can't exceed what was paid."""

    code = "refund_exceeds_order"
    title = "Refund too large"


class RefundRefused(Conflict):
    """The ledger refused the refund."""

    code = "refund_refused"
    title = "Refund refused"


class TagsNotOfOrder(Conflict):
    """Some of the tags weren't sold in this order, came back before, or are of goods that don't come back."""

    code = "tags_not_of_order"
    title = "Other tags"


@dataclass(frozen=True, slots=True)
class Undoing:
    """What is undone of an order: an amount with the tax in it, goods, by sku, with these tags of theirs, and its tip.

    Where the tags aren't known, those of goods that came back to the last piece are taken for them.
    """

    kind: RefundKind
    amount: int
    tax: int
    goods: Mapping[str, int] = field(default_factory=dict)
    epcs: Collection[str] = ()
    tip: bool = False


async def refund_order(
    session: AsyncSession,
    *,
    order_id: UUID,
    amount: int | None,
    reason: str,
    actor: str,
    now: datetime,
    tip: bool = False,
) -> Refund:
    """Give back `amount`, or all that is left, in the money, gift balance and points that it was paid with.

    Where all of it is given back at once, so are the goods; the tip only where asked. Raises OrderNotFound,
    RefundExceedsOrder and RefundRefused.
    """
    order = await hold_order(session, order_id)
    left = order.total - order.refunded
    wanted = left if amount is None else amount
    if not 0 < wanted <= left:
        raise RefundExceedsOrder("More than is left of the order can't be refunded.", amount=wanted, refundable=left)
    tax = portion(order.tax, of=order.total, done=order.refunded, amount=wanted)
    goods = still_out(order) if amount is None and wanted == order.total else {}
    return await undo(
        session, order, Undoing("refund", wanted, tax, goods, tip=tip), reason=reason, actor=actor, now=now
    )


def still_out(order: Order) -> dict[str, int]:
    """The goods that have not been returned, by sku."""
    out = Counter[str]()
    for line in order.lines:
        if line.returned < line.quantity:
            out[line.sku] += line.quantity - line.returned
    return dict(out)


def pieces_of(order: Order, goods: Mapping[str, int]) -> list[tuple[OrderLine, int]]:
    """Which lines these goods that are still out are of, by sku, and how much of each: the first lines first."""
    wanted, found = Counter(goods), list[tuple[OrderLine, int]]()
    for line in order.lines:
        if pieces := min(wanted[line.sku], line.quantity - line.returned):
            wanted[line.sku] -= pieces
            found.append((line, pieces))
    return found


async def undo(
    session: AsyncSession, order: Order, undoing: Undoing, *, reason: str, actor: str, now: datetime
) -> Refund:
    """The caller has locked the order, as `hold_order` does, and has seen to it that there is this much left of it.

    What the member owes is collected from what comes into their wallet, and webhooks are told. Raises RefundRefused
    and TagsNotOfOrder.
    """
    back = Counter[UUID]()
    for line, pieces in pieces_of(order, undoing.goods):
        line.returned += pieces
        back[line.product_id] += pieces if line.stocked else 0
    await return_stock(session, store_id=order.store_id, quantities=back)
    if order.pickup_number:
        dishes = None if undoing.kind == "cancellation" else back
        await take_back(session, order_id=order.id, quantities=dishes, by=actor, now=now)
    amount, tax = undoing.amount, _tax_within(order, undoing.amount, undoing.tax)
    tender = tender_of_refund(order.tender, refunded_before=order.refunded, amount=amount)
    refund = Refund(
        id=new_id(),
        order_id=order.id,
        kind=undoing.kind,
        amount=amount,
        tax=tax,
        gift=tender.gift,
        points_value=tender.points_value,
        points=tender.points,
        tip=order.tip - order.tip_refunded if undoing.tip else 0,
        currency=order.currency,
        goods=dict(undoing.goods),
        reason=reason,
        actor=actor,
        created_at=now,
    )
    nothing_left = order.refunded + amount == order.total and (order.total > 0 or not still_out(order))
    given = await tenders.give_back(
        session,
        order=order,
        refund_id=refund.id,
        tender=tender,
        tax=tax,
        is_last=nothing_left or undoing.kind == "cancellation",
        tip=refund.tip,
        actor=actor,
        now=now,
    )
    if given.refused:
        raise RefundRefused("The ledger refused the refund.", reason=given.refused.code)
    refund.transfer_id, refund.tip_transfer_id = given.transfer_id, given.tip_transfer_id
    refund.points_taken, refund.points_owed = given.points.taken, given.points.owed
    order.refunded += amount
    order.tax_refunded += tax
    order.tip_refunded += refund.tip
    session.add(refund)
    if tender.wallet or refund.tip:
        await collect(session, member_id=order.member_id, unit=order.currency, actor=actor, now=now)
    await _release_tags(session, order, back, undoing.epcs, now)
    await session.flush()
    if amount:
        await tell_refund(session, order, refund, now=now)
    return refund


def _tax_within(order: Order, amount: int, tax: int) -> int:
    """As near to the tax asked for as leaves no more tax than money, and none when no money is left."""
    left, tax_left = order.total - order.refunded, order.tax - order.tax_refunded
    return min(max(tax, tax_left - (left - amount)), amount, tax_left)


async def _release_tags(
    session: AsyncSession, order: Order, back: Mapping[UUID, int], epcs: Collection[str], now: datetime
) -> None:
    if epcs:
        released = await release_tags(session, order_id=order.id, epcs=epcs, now=now)
        if others := sorted(set(epcs) - released):
            raise TagsNotOfOrder("These tags aren't sold in this order.", epcs=others)
        tagged = await session.scalars(
            select(SoldTag.product_id).where(SoldTag.order_id == order.id, SoldTag.epc.in_(released))
        )
        if Counter(tagged.all()) - Counter(back):
            raise TagsNotOfOrder("There are more tags than goods that come back.", epcs=sorted(epcs))
    elif back:
        wholly = {line.product_id for line in order.lines if line.product_id in back and line.returned == line.quantity}
        query = select(SoldTag.epc).where(SoldTag.order_id == order.id, SoldTag.product_id.in_(wholly))
        if found := (await session.scalars(query)).all():
            await release_tags(session, order_id=order.id, epcs=found, now=now)
