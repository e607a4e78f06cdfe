"""What loyalty has brought a member, over HTTP; here, since a tier follows from orders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Security
from pydantic import Field

from facepay.checkout.orders import spent_since
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Answer
from facepay.members.members import MemberNotFound, get_member
from facepay.rewards.lots import (
    ValueLot,
    in_account,
    live_lots,
    member_gift,
    member_points,
    points_owed,
    worth,
)
from facepay.rewards.picking import coupons_for
from facepay.rewards.rules import SPEND_COUNTS_FOR, read_rules
from facepay.rewards.schemas import TierAnswer
from facepay.settings import SettingsOf

router = Router(prefix="/v1", tags=["rewards"])
Reader = Annotated[Principal, Security(current_staff, scopes=["rewards:read"])]


class Expiring(Answer):
    amount: int
    expires_at: datetime


class Value(Answer):
    """What can be spent, and when how much of it expires: the first first, as it is spent."""

    available: int
    expiring: list[Expiring]

    @classmethod
    def of(cls, lots: Sequence[ValueLot]) -> Value:
        parts = [Expiring(amount=lot.remaining, expires_at=lot.expires_at) for lot in lots]
        return cls(available=worth(lots), expiring=parts)


class UsableCoupon(Answer):
    """One with a code for everybody, or the member's own, which needs none: it is taken off by itself."""

    code: str
    label: Annotated[str | None, Field(description="Of one that was won: the campaign's name.")]
    is_own: bool
    basis_points: int | None
    amount: int | None
    min_basket: int
    ends_at: datetime


class RewardsAnswer(Answer):
    """Amounts in minor units, points in points."""

    currency: str
    points: Value
    points_owed: Annotated[int, Field(description="Earned for what was refunded, and spent: the next ones pay for it.")]
    gift: Value
    spend: Annotated[int, Field(description="In the last twelve months, less what was refunded.")]
    tier: TierAnswer | None
    coupons: Annotated[list[UsableCoupon], Field(description="Those that the member can still use.")]


@router.get(
    "/members/{member_id}/rewards",
    summary="See a member's points, tier, gift balance and coupons",
    responses=problems(Unauthenticated, InsufficientScope, MemberNotFound),
)
async def see_rewards(member_id: UUID, session: Session, _: Reader, settings: SettingsOf, now: Now) -> RewardsAnswer:
    await get_member(session, member_id)
    points, gift = member_points(member_id), member_gift(member_id, settings.currency)
    lots = await live_lots(session, (points, gift), now=now)
    since = now - SPEND_COUNTS_FOR
    spend = await spent_since(session, member_id=member_id, currency=settings.currency, since=since)
    tier = (await read_rules(session)).tier_at(spend)
    usable = await coupons_for(session, member_id=member_id, now=now)
    return RewardsAnswer(
        currency=settings.currency,
        points=Value.of(in_account(lots, points)),
        points_owed=await points_owed(session, member_id=member_id),
        gift=Value.of(in_account(lots, gift)),
        spend=spend,
        tier=TierAnswer.model_validate(tier) if tier else None,
        coupons=[UsableCoupon.model_validate(coupon) for coupon in usable],
    )
