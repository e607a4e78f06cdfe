"""What a face may spend: every limit on a payment, in one place, each with its code.

A limit is the chain's (settings) unless the store or the member has one of their own; where both have, the lower
one holds. A day is the chain's too. What was refunded no longer counts as spent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.families.purses import Purse
from facepay.kernel.clock import day_start
from facepay.kernel.database import Base, Identified, Prepared
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


# In SQL, since it's asked for every payment: composing it took longer than the database's answer.
_STANDING = """
    select own.*, spent.*, exists (
        select from wallet_freeze where member_id = :member_id and thawed_at is null) as frozen
      from (
        select min(payment_max) as payment_max, min(daily_spend_max) as daily_spend_max,
               min(store_daily_spend_max) as store_daily_spend_max,
               min(ten_minute_payments_max) as ten_minute_payments_max, min(step_up_above) as step_up_above
          from spending_limit where {limits_of}
    ) own, (
        select coalesce(sum(total + tip - refunded - tip_refunded) filter (where created_at >= :today), 0) as today,
               coalesce(sum(total + tip - refunded - tip_refunded)
                   filter (where created_at >= :today and store_id = :store_id), 0) as today_here,
               count(*) filter (where created_at > :lately) as payments_lately
          from shop_order where {whose} = :member_id and created_at >= :since
    ) spent
"""
_AS_PAYER = Prepared(
    text(_STANDING.format(whose="member_id", limits_of="member_id = :member_id or store_id = :store_id"))
)
_AS_BUYER = Prepared(text(_STANDING.format(whose="buyer_id", limits_of="member_id = :member_id")))


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
    standing = await _standing(session, _AS_PAYER, member.id, store_id, now, settings.time_zone)
    if standing.frozen:
        return Declined("wallet_frozen")
    limits = {name: getattr(settings, name) if limit is None else limit for name, limit in standing.own.items()}
    return standing.over(limits, amount)


async def judge_buyer(
    session: AsyncSession, *, purse: Purse, store_id: UUID, amount: int, now: datetime, settings: Settings
) -> Declined | NeedsStepUp | None:
    """Whether a dependant may spend this of their family's purse: by the limits that it gives them, and by their own.

    They are measured against what they bought themselves. Holds until the transaction ends, as the buyer is locked.
    """
    standing = await _standing(session, _AS_BUYER, purse.buyer.id, store_id, now, settings.time_zone)
    if standing.frozen:
        return Declined("wallet_frozen")
    by_family = {"payment_max": purse.payment_max, "daily_spend_max": purse.daily_max}
    verdict = standing.over({name: lower(limit, by_family.get(name)) for name, limit in standing.own.items()}, amount)
    return replace(verdict, code="family_limit") if isinstance(verdict, Declined) else verdict


def lower(one: int | None, other: int | None) -> int | None:
    """The limit that both set together."""
    return min((limit for limit in (one, other) if limit is not None), default=None)


@dataclass(frozen=True, slots=True)
class Standing:
    """A freeze, the lower of the limits that are their own, and what was spent, in minor units."""

    frozen: bool
    own: dict[str, int | None]
    today: int
    today_here: int
    payments_lately: int

    def over(self, limits: Mapping[str, int | None], amount: int) -> Declined | NeedsStepUp | None:
        """Which of these limits this payment would be over."""
        for code, name, measured in (
            ("payment_limit", "payment_max", amount),
            ("too_many_payments", "ten_minute_payments_max", self.payments_lately + 1),
            ("daily_limit", "daily_spend_max", self.today + amount),
            ("store_daily_limit", "store_daily_spend_max", self.today_here + amount),
        ):
            limit = limits[name]
            if limit is not None and measured > limit:
                return Declined(code, limit, measured)
        step_up_above = limits["step_up_above"]
        return NeedsStepUp(step_up_above, amount) if step_up_above is not None and amount > step_up_above else None


async def _standing(
    session: AsyncSession, statement: Prepared, member_id: UUID, store_id: UUID, now: datetime, time_zone: str
) -> Standing:
    today, lately = day_start(now, time_zone=time_zone), now - TEN_MINUTES
    found = await statement.rows(
        session, member_id=member_id, store_id=store_id, today=today, lately=lately, since=min(today, lately)
    )
    [(*own, spent_today, spent_here, payments_lately, frozen)] = found
    return Standing(frozen, dict(zip(NAMES, own, strict=True)), int(spent_today), int(spent_here), payments_lately)


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
