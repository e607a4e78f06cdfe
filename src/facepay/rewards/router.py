"""Rules, coupons and gifts over HTTP."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Request, Response, Security
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.idempotency import (
    IdempotencyKeyInUse,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    IdempotencyOf,
    RequiredKey,
)
from facepay.kernel.ids import new_id
from facepay.kernel.paging import Page, Paging, rows_of_page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.members.members import MemberNotFound
from facepay.rewards import coupons, gifts, rules
from facepay.rewards.coupons import BudgetGiven, Coupon, CouponCodeTaken, CouponNotFound, CouponPeriod, CouponWon
from facepay.rewards.gifts import GiftExpired
from facepay.rewards.rules import EarningRule, Rules, Tier
from facepay.rewards.schemas import (
    CouponAnswer,
    CouponChange,
    EarningAnswer,
    GiftAnswer,
    NewCoupon,
    NewGift,
    RuleBook,
    RuleBookAnswer,
    TierAnswer,
)
from facepay.settings import SettingsOf

router = Router(prefix="/v1", tags=["rewards"])
Reader = Annotated[Principal, Security(current_staff, scopes=["rewards:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["rewards:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)


@router.get("/rewards/rules", summary="See tiers and earning rules", responses=problems(*REFUSALS))
async def see_rules(session: Session, _: Reader) -> RuleBookAnswer:
    return _shown(await rules.read_rules(session))


@router.put("/rewards/rules", summary="Set tiers and earning rules", responses=problems(*REFUSALS))
async def set_rules(body: RuleBook, session: Session, _: Writer) -> RuleBookAnswer:
    """All of them at once, from the next payment on; what is left out is gone. Orders keep what they were given."""
    tiers = [Tier(**tier.model_dump()) for tier in body.tiers]
    earning = [EarningRule(**rate.model_dump()) for rate in body.earning]
    return _shown(await rules.replace_rules(session, tiers=tiers, earning=earning))


@router.post(
    "/coupons",
    status_code=201,
    summary="Add a coupon",
    responses=problems(*REFUSALS, CouponCodeTaken, CouponPeriod, MemberNotFound),
)
async def add_coupon(
    body: NewCoupon, response: Response, session: Session, writer: Writer, settings: SettingsOf, now: Now
) -> CouponAnswer:
    """Its budget is set aside in the ledger: all its uses together never cost more."""
    values = body.model_dump() | {"currency": body.currency or settings.currency, "starts_at": body.starts_at or now}
    coupon = await coupons.add_coupon(session, actor=f"staff:{writer.id}", now=now, **values)
    response.headers["Location"] = f"/v1/coupons/{coupon.id}"
    return await _with_budget(session, coupon)


@router.get("/coupons", summary="List coupons", responses=problems(*REFUSALS))
async def list_coupons(session: Session, _: Reader, paging: Paging) -> Page[CouponAnswer]:
    """Newest first; what members have won stands with its campaign."""
    query = select(Coupon).where(Coupon.campaign_id.is_(None))
    found = await rows_of_page(session, query, by=Coupon.id, paging=paging)
    lefts = await coupons.budgets_left(session, found.rows)
    items = [CouponAnswer.of(coupon, left) for coupon, left in zip(found.rows, lefts, strict=True)]
    return found.shown(items)


@router.get("/coupons/{coupon_id}", summary="See a coupon", responses=problems(*REFUSALS, CouponNotFound))
async def see_coupon(coupon_id: UUID, session: Session, _: Reader) -> CouponAnswer:
    return await _with_budget(session, await coupons.get_coupon(session, coupon_id))


@router.patch(
    "/coupons/{coupon_id}",
    summary="Change a coupon",
    responses=problems(*REFUSALS, CouponNotFound, CouponWon, CouponPeriod, BudgetGiven),
)
async def change_coupon(
    coupon_id: UUID, body: CouponChange, session: Session, writer: Writer, now: Now
) -> CouponAnswer:
    """Only the fields that are sent change; a smaller budget must still cover what was given."""
    coupon = await coupons.change_coupon(
        session, coupon_id=coupon_id, changes=body.sent(), actor=f"staff:{writer.id}", now=now
    )
    return await _with_budget(session, coupon)


@router.post(
    "/members/{member_id}/gifts",
    status_code=201,
    summary="Give a member gift balance",
    response_model=GiftAnswer,
    responses=problems(
        *REFUSALS, IdempotencyKeyMissing, IdempotencyKeyInUse, IdempotencyKeyReused, MemberNotFound, GiftExpired
    ),
)
async def give_gift(
    member_id: UUID,
    body: NewGift,
    request: Request,
    key: RequiredKey,
    writer: Writer,
    idempotency: IdempotencyOf,
    settings: SettingsOf,
    now: Now,
) -> Any:
    """Spent before the wallet, what expires first before the rest; what is left then goes back to the house."""

    async def act(session: AsyncSession) -> GiftAnswer:
        gift_id, currency = new_id(), body.currency or settings.currency
        await gifts.give(
            session,
            gift_id=gift_id,
            member_id=member_id,
            amount=body.amount,
            currency=currency,
            expires_at=body.expires_at,
            actor=f"staff:{writer.id}",
            now=now,
        )
        return GiftAnswer(
            id=gift_id, member_id=member_id, amount=body.amount, currency=currency, expires_at=body.expires_at
        )

    return await idempotency.once(request, owner_id=writer.id, key=key, body=body, act=act, status=201)


def _shown(book: Rules) -> RuleBookAnswer:
    return RuleBookAnswer(
        tiers=[TierAnswer.model_validate(tier) for tier in book.tiers],
        earning=[
            EarningAnswer(category=category, points_per_100=points) for category, points in book.points_per_100.items()
        ],
    )


async def _with_budget(session: AsyncSession, coupon: Coupon) -> CouponAnswer:
    (left,) = await coupons.budgets_left(session, [coupon])
    return CouponAnswer.of(coupon, left)
