"""Gift balance: the house's present, spent before the wallet and gone when its time is over."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.errors import Problem
from facepay.members.members import get_member
from facepay.rewards.lots import ValueLot, add_lot, member_gift
from facepay.wallet.accounts import PROMOTIONS, house
from facepay.wallet.ledger import Cause, Entry, Posting
from facepay.wallet.payments import post_opening


class GiftExpired(Problem):
    """A gift lasts for some time."""

    status = 422
    code = "gift_expired"
    title = "Expired already"


async def give(
    session: AsyncSession,
    *,
    gift_id: UUID,
    member_id: UUID,
    amount: int,
    currency: str,
    expires_at: datetime,
    actor: str,
    now: datetime,
) -> ValueLot:
    """Raises MemberNotFound and GiftExpired."""
    if expires_at <= now:
        raise GiftExpired("A gift has to expire later than now.")
    await get_member(session, member_id, lock=True)
    account, payer = member_gift(member_id, currency), house(PROMOTIONS, currency)
    cause = Cause("gift", gift_id)
    entries = (Entry(account.id, amount, currency), Entry(payer.id, -amount, currency))
    posting = Posting(f"gift:{gift_id}", "transfer", cause, actor, now, entries)
    outcome = await post_opening(session, posting, accounts=(account, payer))
    assert outcome.ok, outcome.code
    lot = add_lot(session, account, amount=amount, expires_at=expires_at, cause=cause, now=now)
    await session.flush()
    return lot
