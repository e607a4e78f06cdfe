"""What pays for coupons that were won: their campaign's budget, of which each win has its part on hold.

The budget can't be promised below zero, so its last cent is won once however many win at once, and what was won is
there when it is used. A payment captures the hold, and what it doesn't need of it is the campaign's again; so is all of
it once the coupon has ended, as with any hold. What was given stands in an account of the campaign's, under promotions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.rewards.discounts import Reserve
from facepay.wallet.accounts import PROMOTIONS, Account, AccountKind, balance
from facepay.wallet.ledger import Cause, Entry, Posting, post

# A checkout may have a wallet on hold already when it comes to a win's: last, so that none waits in a circle.
CAMPAIGN_BUDGET = AccountKind("campaign_budget", "credit", hot=False, floor=0, locked_last=True)
# For the payment that began before the coupon ended.
HOLD_OUTLIVES = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Reserved:
    """`amount` is all that the win may cost: less than was asked for where the budget has no more."""

    reserve: Reserve
    amount: int


def campaign_budget(campaign_id: UUID, unit: str) -> Account:
    """What the campaign may still promise, and, on hold, what it has."""
    return Account(CAMPAIGN_BUDGET, campaign_id, unit)


def campaign_cost(campaign_id: UUID, unit: str) -> Account:
    """What it has given."""
    return Account(PROMOTIONS, campaign_id, unit)


async def reserve(
    session: AsyncSession,
    *,
    coupon_id: UUID,
    campaign_id: UUID,
    amount_max: int,
    unit: str,
    actor: str,
    now: datetime,
    ends_at: datetime,
) -> Reserved | None:
    """Put `amount_max`, or what is left of the budget, on hold for a coupon; None where nothing is left."""
    budget, amount = campaign_budget(campaign_id, unit), amount_max
    while amount > 0:
        posting = Posting(
            key=f"coupon:{coupon_id}:hold",
            kind="hold",
            cause=Cause("coupon", coupon_id),
            actor=actor,
            event_at=now,
            entries=(Entry(budget.id, -amount, unit),),
            expires_at=ends_at + HOLD_OUTLIVES,
        )
        (outcome,) = await post(session, [posting])
        if outcome.ok:
            return Reserved(Reserve(campaign_id, outcome.transfer_id), amount)
        assert outcome.code == "insufficient_funds", outcome.code
        # The refused posting has locked the budget: this is what the next one finds.
        amount = min(amount, (await balance(session, budget.id)).available)
    return None
