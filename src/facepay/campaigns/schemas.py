"""Campaigns as staff send and see them, and what a device hears of a smile."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from facepay.campaigns.campaigns import Campaign, Funds, Step
from facepay.campaigns.playing import PlayDecision
from facepay.campaigns.wins import Win
from facepay.identity.schemas import DecisionAnswer
from facepay.identity.sighting import Sighting
from facepay.kernel.schemas import Amount, Answer, Change, Code, Currency, Line, Request, unsent
from facepay.rewards.schemas import BasisPoints, Instant, Money, Uses

STORES_MAX = 1000
GOODS_MAX = 100
STEPS_MAX = 10
LASTS_MINUTES_MAX = 366 * 24 * 60
Strength = Annotated[float, Field(ge=0, le=1, description="How much it smiles: 0 is at rest, 1 laughing.")]
Lasts = Annotated[int, Field(ge=1, le=LASTS_MINUTES_MAX, strict=True, description="How long what was won is good.")]


class NewStep(Request):
    """What a smile wins from this strength on: either basis points or an amount off the next purchase."""

    strength_min: Annotated[float, Field(gt=0, le=1, examples=[0.5])]
    basis_points: Annotated[BasisPoints, Field(ge=1, examples=[1000])] | None = None
    amount: Amount | None = None
    amount_max: Annotated[
        Amount | None, Field(description="The most that one win may cost; of an amount that is the amount itself.")
    ] = None

    @model_validator(mode="after")
    def one_way(self) -> Self:
        if (self.basis_points is None) == (self.amount is None):
            raise ValueError("either basis_points or amount is needed")
        if self.basis_points is not None and self.amount_max is None:
            raise ValueError("basis_points need an amount_max")
        return self

    def step(self) -> Step:
        most = self.amount_max or self.amount
        assert most is not None, "one_way sees to it"
        return Step(self.strength_min, self.basis_points, self.amount, most)


class NewCampaign(Request):
    """It takes off what its steps say, from the lines that it names: all, where it names none."""

    name: Annotated[Line, Field(description="As receipts say it.", examples=["Smile week"])]
    currency: Annotated[Currency | None, Field(description="`FACEPAY_CURRENCY` where none is given.")] = None
    starts_at: Annotated[Instant | None, Field(description="Now, where none is given.")] = None
    ends_at: Instant
    store_ids: list[UUID] = Field(
        default=[], max_length=STORES_MAX, description="Where it is played and good; all, where none is named."
    )
    skus: list[Code] = Field(default=[], max_length=GOODS_MAX)
    categories: list[Line] = Field(default=[], max_length=GOODS_MAX)
    min_basket: Annotated[Money, Field(description="Before discounts.")] = 0
    steps: Annotated[list[NewStep], Field(min_length=1, max_length=STEPS_MAX, description="The weakest smile first.")]
    budget: Annotated[Money, Field(description="What all wins together may cost.", examples=[1_000_000])]
    per_member_max: Annotated[Uses, Field(description="How often a member may win.")] = 1
    per_member_per_day_max: Annotated[Uses, Field(description="Of these, on one day in the store's time zone.")] = 1
    stacks_with_tier: Annotated[
        bool, Field(strict=True, description="Otherwise it's the tier's discount or this one, whichever is more.")
    ] = True
    stacks_with_coupons: Annotated[bool, Field(strict=True)] = False
    lasts_minutes: Lasts = 60
    active: Annotated[bool, Field(strict=True)] = True

    @model_validator(mode="after")
    def strengths_rise(self) -> Self:
        if any(after.strength_min <= before.strength_min for before, after in pairwise(self.steps)):
            raise ValueError("each step needs a higher strength_min than the one before")
        return self


class CampaignChange(Change):
    """What it gives stays as it was announced, and what was won as it was won."""

    budget: Money = Field(default_factory=unsent)
    ends_at: Instant = Field(default_factory=unsent)
    per_member_max: Uses = Field(default_factory=unsent)
    per_member_per_day_max: Uses = Field(default_factory=unsent)
    lasts_minutes: Lasts = Field(default_factory=unsent)
    active: bool = Field(default_factory=unsent, strict=True)


class StepAnswer(Answer):
    strength_min: float
    basis_points: int | None
    amount: int | None
    amount_max: int


class CampaignAnswer(Answer):
    id: UUID
    name: str
    currency: str
    starts_at: datetime
    ends_at: datetime
    store_ids: list[UUID]
    skus: list[str]
    categories: list[str]
    min_basket: int
    steps: list[StepAnswer]
    budget: int
    given: Annotated[int, Field(description="What it has cost: taken off orders, less what was refunded.")]
    reserved: Annotated[int, Field(description="What is promised to those who have won and not paid yet.")]
    left: Annotated[int, Field(description="What can still be won.")]
    per_member_max: int
    per_member_per_day_max: int
    stacks_with_tier: bool
    stacks_with_coupons: bool
    lasts_minutes: int
    active: bool
    created_at: datetime

    @classmethod
    def of(cls, campaign: Campaign, funds: Funds) -> CampaignAnswer:
        shown = {name: getattr(campaign, name) for name in cls.model_fields.keys() - Funds.__slots__}
        return cls(**shown, given=funds.given, reserved=funds.reserved, left=funds.left)


class WinAnswer(Answer):
    """What a member has won, and what came of it."""

    id: UUID
    member_id: UUID
    device_id: UUID
    store_id: UUID
    basis_points: int | None
    amount: int | None
    amount_max: Annotated[int, Field(description="What was put aside for it.")]
    won_at: datetime
    ends_at: datetime
    order_id: Annotated[UUID | None, Field(description="What it was used for.")]
    used: Annotated[int, Field(description="What it took off there.")]

    @classmethod
    def of(cls, win: Win) -> WinAnswer:
        coupon, play, use = win.coupon, win.play, win.use
        return cls.model_validate(
            {
                "id": coupon.id,
                "member_id": coupon.member_id,
                "device_id": play.device_id,
                "store_id": play.store_id,
                "basis_points": coupon.basis_points,
                "amount": coupon.amount,
                "amount_max": coupon.budget,
                "won_at": coupon.created_at,
                "ends_at": coupon.ends_at,
                "order_id": use.order_id if use else None,
                "used": use.amount if use else 0,
            }
        )


class CampaignOffer(Answer):
    """What a stand or kiosk announces."""

    id: UUID
    name: str
    currency: str
    ends_at: datetime
    skus: list[str]
    categories: list[str]
    min_basket: int
    steps: list[StepAnswer]


class Won(Answer):
    """A coupon of the member's own: taken off by itself at the next checkout in these stores, kiosk or lane."""

    coupon_id: UUID
    basis_points: int | None
    amount: int | None
    amount_max: Annotated[
        int, Field(description="What it takes off at most: less than announced where no more was left.")
    ]
    currency: str
    ends_at: datetime


class SmileAnswer(DecisionAnswer):
    smile_id: UUID
    decision: Annotated[
        Literal["won", "retry", "declined", "step_up"], Field(description="`retry`: `feedback` says what to do better.")
    ]
    code: Annotated[str, Field(description="`won`, or why not: `no_smile`, `not_neutral`, `already_won_today`, …")]
    strength: Annotated[Strength | None, Field(description="The most that the burst shows, against its first frame.")]
    neutral: Annotated[Strength | None, Field(description="How much the first frame smiles.")]
    campaign: CampaignOffer | None = None
    step: Annotated[StepAnswer | None, Field(description="What the smile reached.")] = None
    next_step: Annotated[StepAnswer | None, Field(description="What a little more would reach.")] = None
    won: Won | None = None

    @classmethod
    def of(cls, decision: PlayDecision, sighting: Sighting | None = None) -> SmileAnswer:
        played, coupon = decision.record, decision.coupon
        known = decision.member is not None
        return cls(
            **cls.shared(decision, sighting),
            smile_id=played.id,
            strength=played.strength if known else None,
            neutral=played.neutral if known else None,
            campaign=CampaignOffer.model_validate(decision.campaign) if decision.campaign else None,
            step=StepAnswer.model_validate(decision.step) if decision.step else None,
            next_step=StepAnswer.model_validate(decision.next_step) if decision.next_step else None,
            won=Won(
                coupon_id=coupon.id,
                basis_points=coupon.basis_points,
                amount=coupon.amount,
                amount_max=coupon.budget,
                currency=coupon.currency,
                ends_at=coupon.ends_at,
            )
            if coupon
            else None,
        )
