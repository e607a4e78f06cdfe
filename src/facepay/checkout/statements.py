"""A wallet's month in words: opening balance, what came and went, closing balance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.orders import Order, OrderDiscount
from facepay.checkout.refunds import Refund
from facepay.kernel.errors import NotFound
from facepay.kernel.money import in_major_units
from facepay.members.members import Member
from facepay.stores.stores import Store
from facepay.wallet.accounts import member_debt, member_wallet
from facepay.wallet.periods import Movement, period
from facepay.wallet.statements import balance_at

_WORDS = {
    "order": "Purchase at {store}",
    "supplement": "Charged later by {store}",
    "advance": "Lent for a purchase",
    "collection": "Debt paid",
    "refund": "Refund from {store}",
    "tip": "Tip at {store}",
    "tip_refund": "Tip given back by {store}",
    "return": "Goods returned to {store}",
    "cancellation": "Purchase cancelled by {store}",
    "top_up": "Top-up",
    "top_up_refund": "Top-up given back",
    "admin": "Correction",
}


class StatementNotFound(NotFound):
    """That month has not begun yet."""

    code = "statement_not_found"
    title = "No such statement"


@dataclass(frozen=True, slots=True)
class Line:
    """Amounts in minor units; `reference` is the id of the order, top-up or refund that caused it."""

    booked_at: datetime
    words: str
    reference: UUID
    amount: int
    balance: int


@dataclass(frozen=True, slots=True)
class MonthlyStatement:
    """Times are in the chain's time zone; `until` is where the next month begins, or now where this one goes on.

    `owed` is what the member owed then, beside the wallet.
    """

    member_name: str
    currency: str
    time_zone: str
    since: datetime
    until: datetime
    complete: bool
    opening: int
    closing: int
    owed: int
    lines: tuple[Line, ...]

    @property
    def came_in(self) -> int:
        return sum(line.amount for line in self.lines if line.amount > 0)

    @property
    def went_out(self) -> int:
        return sum(line.amount for line in self.lines if line.amount < 0)


async def monthly_statement(
    session: AsyncSession, *, member: Member, month: str, currency: str, time_zone: str, now: datetime
) -> MonthlyStatement:
    """Of a month such as 2026-11. Raises StatementNotFound."""
    zone = ZoneInfo(time_zone)
    since, until = _bounds(month, zone)
    if since > now:
        raise StatementNotFound("That month has not begun yet.")
    found = await period(session, member_wallet(member.id, currency).id, since=since, until=until)
    stores = await _store_names(session, {each.store_id for each in found.movements if each.store_id})
    finer = await _finer_causes(session, found.movements)
    described = await _descriptions(session, found.movements)
    debt = await balance_at(session, member_debt(member.id, currency).id, until)
    return MonthlyStatement(
        member_name=member.display_name,
        currency=currency,
        time_zone=time_zone,
        since=since,
        until=min(until, now.astimezone(zone)),
        complete=until <= now,
        opening=found.opening,
        closing=found.closing,
        owed=-debt.posted,
        lines=tuple(
            Line(
                each.created_at.astimezone(zone),
                _words(each, finer.get(each.cause_id, each.cause) if each.store_id else each.cause, stores)
                + described.get(each.cause_id, ""),
                each.cause_id,
                each.amount,
                each.posted_after,
            )
            for each in found.movements
        ),
    )


def _bounds(month: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    year, number = map(int, month.split("-"))
    since = datetime(year, number, 1, tzinfo=zone)
    return since, datetime(year + number // 12, number % 12 + 1, 1, tzinfo=zone)


async def _store_names(session: AsyncSession, ids: set[UUID]) -> dict[UUID, str]:
    return {store.id: store.name for store in await session.scalars(select(Store).where(Store.id.in_(ids)))}


async def _finer_causes(session: AsyncSession, movements: Sequence[Movement]) -> dict[UUID, str]:
    """Which orders were charged after another, and which refunds are of returned goods or a cancelled order."""
    ids = {each.cause_id for each in movements if each.store_id}
    supplements = select(Order.id, literal("supplement")).where(Order.id.in_(ids), Order.supplements_id.is_not(None))
    undone = select(Refund.id, Refund.kind).where(Refund.id.in_(ids))
    return dict((await session.execute(supplements.union_all(undone))).all())


async def _descriptions(session: AsyncSession, movements: Sequence[Movement]) -> dict[UUID, str]:
    """What was bought in shops on the web, and what a smile was worth elsewhere, to go on with."""
    ids = {each.cause_id for each in movements if each.store_id}
    described = select(Order.id, Order.description).where(Order.id.in_(ids), Order.description.is_not(None))
    more = {order_id: f": {description}" for order_id, description in await session.execute(described)}
    smiled = (
        select(OrderDiscount, Order.currency)
        .join(Order, Order.id == OrderDiscount.order_id)
        .where(OrderDiscount.order_id.in_(ids), OrderDiscount.reason == "smile")
        .order_by(OrderDiscount.position)
    )
    for discount, currency in await session.execute(smiled):
        worth = f" ({discount.label}: {in_major_units(discount.amount, currency)} off)"
        more[discount.order_id] = more.get(discount.order_id, "") + worth
    return more


def _words(movement: Movement, cause: str, stores: Mapping[UUID, str]) -> str:
    plain = cause.replace("_", " ").capitalize()
    store = stores.get(movement.store_id, "a store") if movement.store_id else "a store"
    return _WORDS.get(cause, plain).format(store=store)
