"""What expired goes back: points to their pool, gift balance to the promotions that gave it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.database import Database
from facepay.members.members import Member
from facepay.rewards.lots import GIFT, ValueLot, draw
from facepay.wallet.accounts import POINTS_POOL, PROMOTIONS, house
from facepay.wallet.ledger import POSTINGS_MAX, Cause, Entry, Posting, post

log = structlog.get_logger()


async def expire_due(database: Database, *, now: datetime, members_max: int = 1000) -> int:
    """Post what has expired, one member a transaction; answers how many lots."""
    due = select(ValueLot.member_id).where(ValueLot.remaining > 0, ValueLot.expires_at <= now)
    async with database.read() as session:
        member_ids = list(await session.scalars(due.distinct().limit(members_max)))
    expired = 0
    for member_id in member_ids:
        async with database.begin() as session:
            expired += await _expire(session, member_id, now)
    return expired


async def _expire(session: AsyncSession, member_id: UUID, now: datetime) -> int:
    await session.execute(select(Member.id).where(Member.id == member_id).with_for_update(key_share=True))
    due = select(ValueLot).where(ValueLot.member_id == member_id, ValueLot.remaining > 0, ValueLot.expires_at <= now)
    return await _take_back(session, due, now)


async def lapse(session: AsyncSession, *, member_id: UUID, now: datetime) -> int:
    """Let all points and gift balance of a member expire at once; answers how many lots. Their row is locked."""
    left = select(ValueLot).where(ValueLot.member_id == member_id, ValueLot.remaining > 0)
    lapsed = 0
    while taken := await _take_back(session, left, now):
        lapsed += taken
    return lapsed


async def _take_back(session: AsyncSession, lots: Select[ValueLot], now: datetime) -> int:
    due = list(await session.scalars(lots.order_by(ValueLot.expires_at, ValueLot.id).limit(POSTINGS_MAX)))
    outcomes = await post(session, [_posting(lot, now) for lot in due]) if due else []
    expired = 0
    for lot, outcome in zip(due, outcomes, strict=True):
        if not outcome.ok:
            # Lot and account disagree, which `facepay ledger verify` shows; it holds no other lot up.
            log.error("expiry_refused", lot_id=str(lot.id), code=outcome.code)
            continue
        draw(session, [lot], lot.remaining, cause=Cause("expiry", lot.id), now=now)
        expired += 1
    await session.flush()
    return expired


def _posting(lot: ValueLot, now: datetime) -> Posting:
    back_to = house(PROMOTIONS if lot.kind == GIFT.name else POINTS_POOL, lot.unit)
    entries = (Entry(lot.account_id, -lot.remaining, lot.unit), Entry(back_to.id, lot.remaining, lot.unit))
    return Posting(f"lot:{lot.id}:expiry", "transfer", Cause("lot", lot.id), "system:expiry", now, entries)
