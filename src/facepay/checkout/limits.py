"""What a face may spend: every limit on a payment, in one place, each with its code.

A limit is the chain's (settings) unless the store or the member has one of their own; where both have, the lower
one holds. A day is the chain's too. What was refunded no longer counts as spent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.checkout.orders import Order
from facepay.kernel.clock import day_start
from facepay.kernel.database import Base, Identified
from facepay.members.freezes import current_freeze
from facepay.members.members import Member, get_member
from facepay.settings import Settings
from facepay.stores.stores import get_open_store

TEN_MINUTES = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Limits:
    """Amounts in minor units, but for the number of payments. None: whatever else is in force."""

    payment_max: int | None = None
    daily_spend_max: int | None = None
    store_daily_spend_max: int | None = None
    ten_minute_payments_max: int | None = None
    step_up_above: int | None = None


NAMES = tuple(each.name for each in fields(Limits))


class SpendingLimit(Identified, Base):
    """The limits of one store, for everybody who pays there, or of one member, wherever they pay."""

    __tablename__ = "spending_limit"
    __table_args__ = (CheckConstraint("num_nonnulls(store_id, member_id) = 1", name="of_one"),)

    store_id: Mapped[UUID | None] = mapped_column(ForeignKey("store.id"), unique=True)
    member_id: Mapped[UUID | None] = mapped_column(ForeignKey("member.id"), unique=True)
    payment_max: Mapped[int | None]
    daily_spend_max: Mapped[int | None]
    store_daily_spend_max: Mapped[int | None]
    ten_minute_payments_max: Mapped[int | None]
    step_up_above: Mapped[int | None]
    changed_by: Mapped[str] = mapped_column(String(80))
    changed_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class Declined:
    """`measured` is what the payment would have brought it to."""

    code: str
    limit: int | None = None
    measured: int | None = None


@dataclass(frozen=True, slots=True)
class NeedsStepUp:
    """A face alone is not enough for this amount."""

    limit: int
    measured: int
    code: str = "amount_needs_step_up"


async def judge(
    session: AsyncSession, *, member: Member, store_id: UUID, amount: int, now: datetime, settings: Settings
) -> Declined | NeedsStepUp | None:
    """Whether the member may pay this amount here and now; None where they may.

    Holds until the transaction ends, provided that the caller has locked the member's row alone.
    """
    if await current_freeze(session, member_id=member.id) is not None:
        return Declined("wallet_frozen")
    own = await session.scalars(
        select(SpendingLimit).where(or_(SpendingLimit.member_id == member.id, SpendingLimit.store_id == store_id))
    )
    limits = _in_force(own.all(), settings)
    today, today_here, payments = await _spent(session, member.id, store_id, now, settings.time_zone)
    for code, limit, measured in (
        ("payment_limit", limits["payment_max"], amount),
        ("too_many_payments", limits["ten_minute_payments_max"], payments + 1),
        ("daily_limit", limits["daily_spend_max"], today + amount),
        ("store_daily_limit", limits["store_daily_spend_max"], today_here + amount),
    ):
        if measured > limit:
            return Declined(code, limit, measured)
    step_up_above = limits["step_up_above"]
    return NeedsStepUp(step_up_above, amount) if amount > step_up_above else None


def _in_force(own: Sequence[SpendingLimit], settings: Settings) -> dict[str, int]:
    found = {name: [limit for each in own if (limit := getattr(each, name)) is not None] for name in NAMES}
    return {name: min(limits, default=getattr(settings, name)) for name, limits in found.items()}


async def _spent(
    session: AsyncSession, member_id: UUID, store_id: UUID, now: datetime, time_zone: str
) -> tuple[int, int, int]:
    """Spent today, spent today in this store, and how many payments in the last ten minutes."""
    today, lately = day_start(now, time_zone=time_zone), now - TEN_MINUTES
    spent = func.sum(Order.total - Order.refunded).filter(Order.created_at >= today)
    row = await session.execute(
        select(
            func.coalesce(spent, 0),
            func.coalesce(spent.filter(Order.store_id == store_id), 0),
            func.count().filter(Order.created_at > lately),
        ).where(Order.member_id == member_id, Order.created_at >= min(today, lately))
    )
    today_spent, here_spent, payments = row.one()
    return int(today_spent), int(here_spent), payments


async def member_limits(session: AsyncSession, member_id: UUID) -> SpendingLimit | None:
    """Raises MemberNotFound."""
    await get_member(session, member_id)
    return await session.scalar(select(SpendingLimit).where(SpendingLimit.member_id == member_id))


async def store_limits(session: AsyncSession, store_id: UUID) -> SpendingLimit | None:
    """Raises StoreNotFound and StoreClosed."""
    await get_open_store(session, store_id)
    return await session.scalar(select(SpendingLimit).where(SpendingLimit.store_id == store_id))


async def limit_member(
    session: AsyncSession, *, member_id: UUID, limits: Limits, actor: str, now: datetime
) -> SpendingLimit:
    """From the next payment on. Raises MemberNotFound."""
    await get_member(session, member_id, lock=True)
    return await _keep(session, "member_id", member_id, limits, actor, now)


async def limit_store(
    session: AsyncSession, *, store_id: UUID, limits: Limits, actor: str, now: datetime
) -> SpendingLimit:
    """From the next payment on. Raises StoreNotFound and StoreClosed."""
    await get_open_store(session, store_id)
    return await _keep(session, "store_id", store_id, limits, actor, now)


async def _keep(
    session: AsyncSession, of: str, owner_id: UUID, limits: Limits, actor: str, now: datetime
) -> SpendingLimit:
    values = asdict(limits) | {"changed_by": actor, "changed_at": now}
    statement = insert(SpendingLimit).values({of: owner_id} | values)
    kept = await session.scalars(
        statement.on_conflict_do_update(index_elements=[of], set_=values).returning(SpendingLimit),
        execution_options={"populate_existing": True},
    )
    return kept.one()
