"""Rules, coupons and gifts as staff send and see them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from facepay.kernel.schemas import AMOUNT_MAX, Amount, Answer, Change, Code, Currency, Line, Request, unsent
from facepay.rewards.coupons import Coupon

RULES_MAX = 100
CouponCode = Annotated[Code, AfterValidator(str.upper), Field(examples=["WELCOME10"])]
BasisPoints = Annotated[int, Field(le=10_000, strict=True, description="Hundredths of a per cent: 500 is 5 %.")]
Money = Annotated[int, Field(ge=0, le=AMOUNT_MAX, strict=True, description="Minor units (fen, cents).")]


def _within_reason(value: datetime) -> datetime:
    if not datetime(2000, 1, 1, tzinfo=UTC) <= value < datetime(3000, 1, 1, tzinfo=UTC):
        raise ValueError("a year from 2000 to 2999 is needed")
    return value


Instant = Annotated[AwareDatetime, AfterValidator(_within_reason)]
Uses = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]


class TierRule(Request):
    """Whoever spent at least that much in the last twelve months is in the highest tier that they reach."""

    name: Annotated[Line, Field(examples=["Gold"])]
    min_spend: Annotated[Money, Field(description="Refunds don't count.", examples=[500_000])]
    discount_basis_points: Annotated[BasisPoints, Field(ge=0, examples=[500])] = 0
    points_multiplier_basis_points: Annotated[
        int, Field(ge=0, le=100_000, strict=True, description="20000 earns twice the points.", examples=[20_000])
    ] = 10_000


class EarningRate(Request):
    category: Annotated[Line | None, Field(description="null: whatever has no rate of its own.")] = None
    points_per_100: Annotated[
        int, Field(ge=0, le=1_000, strict=True, description="Points for each 100 minor units paid in money.")
    ]


class RuleBook(Request):
    tiers: list[TierRule] = Field(default=[], max_length=RULES_MAX)
    earning: list[EarningRate] = Field(default=[], max_length=RULES_MAX)

    @model_validator(mode="after")
    def each_once(self) -> Self:
        for what, values in (
            ("name", [tier.name for tier in self.tiers]),
            ("min_spend", [tier.min_spend for tier in self.tiers]),
            ("category", [rate.category for rate in self.earning]),
        ):
            if len(set(values)) < len(values):
                raise ValueError(f"each {what} may be there once")
        return self


class TierAnswer(Answer):
    name: str
    min_spend: int
    discount_basis_points: int
    points_multiplier_basis_points: int


class EarningAnswer(Answer):
    category: str | None
    points_per_100: int


class RuleBookAnswer(Answer):
    tiers: Annotated[list[TierAnswer], Field(description="The highest first.")]
    earning: list[EarningAnswer]


class NewCoupon(Request):
    """It takes off either basis points or an amount, from the lines that it names: all, where it names none."""

    code: CouponCode
    currency: Annotated[Currency | None, Field(description="`FACEPAY_CURRENCY` where none is given.")] = None
    basis_points: Annotated[BasisPoints, Field(ge=1, examples=[1000])] | None = None
    amount: Amount | None = None
    budget: Annotated[Money, Field(description="What all its uses together may cost.", examples=[1_000_000])]
    starts_at: Annotated[Instant | None, Field(description="Now, where none is given.")] = None
    ends_at: Instant
    per_member_max: Uses = 1
    min_basket: Annotated[Money, Field(description="Before discounts.")] = 0
    skus: list[Code] = Field(default=[], max_length=RULES_MAX)
    categories: list[Line] = Field(default=[], max_length=RULES_MAX)
    stacks_with_tier: Annotated[
        bool, Field(strict=True, description="Otherwise the tier's discount isn't given beside it.")
    ] = True
    stacks_with_coupons: Annotated[bool, Field(strict=True)] = False
    active: Annotated[bool, Field(strict=True)] = True
    member_id: Annotated[
        UUID | None,
        Field(description="Whose own it is: taken off by itself wherever they pay. null: whoever says its code."),
    ] = None

    @model_validator(mode="after")
    def one_way(self) -> Self:
        if (self.basis_points is None) == (self.amount is None):
            raise ValueError("either basis_points or amount is needed")
        return self


class CouponChange(Change):
    """What it takes off stays as it was announced."""

    budget: Money = Field(default_factory=unsent)
    ends_at: Instant = Field(default_factory=unsent)
    per_member_max: Uses = Field(default_factory=unsent)
    active: bool = Field(default_factory=unsent, strict=True)


class CouponAnswer(Answer):
    id: UUID
    code: str
    currency: str
    basis_points: int | None
    amount: int | None
    budget: int
    budget_left: int
    starts_at: datetime
    ends_at: datetime
    per_member_max: int
    min_basket: int
    skus: list[str]
    categories: list[str]
    stacks_with_tier: bool
    stacks_with_coupons: bool
    active: bool
    member_id: UUID | None
    created_at: datetime

    @classmethod
    def of(cls, coupon: Coupon, left: int) -> CouponAnswer:
        shown = (name for name in cls.model_fields if name != "budget_left")
        return cls(**{name: getattr(coupon, name) for name in shown}, budget_left=left)


class NewGift(Request):
    amount: Amount
    currency: Annotated[Currency | None, Field(description="`FACEPAY_CURRENCY` where none is given.")] = None
    expires_at: Instant


class GiftAnswer(Answer):
    id: UUID
    member_id: UUID
    amount: int
    currency: str
    expires_at: datetime
