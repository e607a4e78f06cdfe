"""A member's card as the API shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from facepay.kernel.schemas import Answer
from facepay.recommender.schemas import RecommendationAnswer
from facepay.rewards.schemas import TierAnswer


class StandingAnswer(Answer):
    tier: Annotated[TierAnswer | None, Field(description="null below the lowest.")]
    next_tier: TierAnswer | None
    to_spend: Annotated[int | None, Field(description="More within twelve months, for the next tier.")]


class PointsAnswer(Answer):
    available: int
    worth: Annotated[int, Field(description="In minor units.")]
    expiring_soon: Annotated[int, Field(description="Of these, within 30 days.")]
    expiring_at: Annotated[datetime | None, Field(description="The first of them.")]


class BirthdayAnswer(Answer):
    is_today: Annotated[bool, Field(description="Otherwise it is near.")]
    greeting: str


class UsableCouponAnswer(Answer):
    code: str
    label: str | None
    is_own: Annotated[bool, Field(description="It needs no code: it is taken off by itself.")]
    is_birthday: bool
    basis_points: int | None
    amount: int | None
    min_basket: int
    ends_at: datetime
    takes_off: Annotated[int | None, Field(description="At most, by itself, off the basket that was given.")]


class UsualItemAnswer(Answer):
    sku: str
    name: str
    quantity: int
    price: int


class UsualOrderAnswer(Answer):
    items: list[UsualItemAnswer]
    total: Annotated[int, Field(description="At today's prices, before discounts.")]
    times: int
    of: int
    words: Annotated[str, Field(description="Why it is shown, to the member.")]


class CardAnswer(Answer):
    """null is what this place doesn't show, or what the member hasn't got."""

    member_id: UUID
    name: Annotated[str, Field(description="Of those whose screens others read, the first word of it.")]
    currency: str
    birthday: BirthdayAnswer | None
    standing: StandingAnswer | None
    points: PointsAnswer | None
    gift: int | None
    paid_by_family: Annotated[
        bool | None, Field(description="Then tier, points and gift balance are the payer's, and aren't shown.")
    ]
    coupons: list[UsableCouponAnswer] | None
    usual_order: UsualOrderAnswer | None
    recommended: list[RecommendationAnswer] | None
