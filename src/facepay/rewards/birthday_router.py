"""The shop's birthday offer over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from fastapi import Security
from pydantic import Field, model_validator
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Problem, Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Amount, Answer, Line, Request
from facepay.rewards import birthdays
from facepay.rewards.birthdays import DAYS_MAX, BirthdayBudgetGiven, BirthdayOffer, BirthdayOfferNotSet
from facepay.rewards.rules import read_rules
from facepay.rewards.schemas import RULES_MAX, BasisPoints, Money
from facepay.settings import SettingsOf

router = Router(prefix="/v1/rewards/birthday-offer", tags=["rewards"])
Reader = Annotated[Principal, Security(current_staff, scopes=["rewards:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["rewards:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)
Days = Annotated[int, Field(ge=0, le=DAYS_MAX, strict=True)]


class TierUnknown(Problem):
    """The shop has no tier of this name."""

    status = 422
    code = "tier_unknown"
    title = "No such tier"


class NewBirthdayOffer(Request):
    """Either basis points, and the most that they may take off, or an amount."""

    basis_points: Annotated[BasisPoints, Field(ge=1, examples=[2000])] | None = None
    amount_max: Annotated[Amount | None, Field(description="With `basis_points`: the most that it takes off.")] = None
    amount: Amount | None = None
    min_basket: Annotated[Money, Field(description="Before discounts.")] = 0
    days_before: Annotated[Days, Field(description="From when on a coupon is given.")] = 7
    days_after: Annotated[Days, Field(description="Until when it is good: to the end of that day.")] = 7
    tiers: list[Line] = Field(
        default=[], max_length=RULES_MAX, description="The names of those that get it; none: everybody does."
    )
    budget: Annotated[Money, Field(description="What all coupons may cost together.", examples=[1_000_000])]
    active: Annotated[bool, Field(strict=True)] = True

    @model_validator(mode="after")
    def one_way(self) -> Self:
        if (self.basis_points is None) == (self.amount is None) or (self.basis_points is None) != (
            self.amount_max is None
        ):
            raise ValueError("either basis_points with amount_max, or amount is needed")
        return self


class BirthdayOfferAnswer(Answer):
    currency: str
    basis_points: int | None
    amount_max: int | None
    amount: int | None
    min_basket: int
    days_before: int
    days_after: int
    tiers: list[str]
    budget: int
    budget_left: Annotated[int, Field(description="For coupons to come; what ended ones weren't used for is in it.")]
    active: bool
    changed_by: str
    changed_at: datetime


@router.get("", summary="See the birthday offer", responses=problems(*REFUSALS, BirthdayOfferNotSet))
async def see_offer(session: Session, _: Reader) -> BirthdayOfferAnswer:
    return await _shown(session, await birthdays.read_offer(session))


@router.put("", summary="Set the birthday offer", responses=problems(*REFUSALS, TierUnknown, BirthdayBudgetGiven))
async def set_offer(
    body: NewBirthdayOffer, session: Session, writer: Writer, settings: SettingsOf, now: Now
) -> BirthdayOfferAnswer:
    """Each member gets one coupon a year, of their own: when they are first recognised within these days, or the next
    time that housekeeping looks. Coupons that were given stay as they are; a smaller budget must still cover them.
    """
    known = {tier.name for tier in (await read_rules(session)).tiers}
    if unknown := sorted(set(body.tiers) - known):
        raise TierUnknown("The shop has no tier of this name.", tiers=unknown)
    offer = await birthdays.set_offer(
        session, values=body.model_dump(), currency=settings.currency, actor=f"staff:{writer.id}", now=now
    )
    return await _shown(session, offer)


async def _shown(session: AsyncSession, offer: BirthdayOffer) -> BirthdayOfferAnswer:
    shown = {name: getattr(offer, name) for name in BirthdayOfferAnswer.model_fields if name != "budget_left"}
    return BirthdayOfferAnswer(**shown, budget_left=await birthdays.budget_left(session, offer))
