"""What is known of a member's taste, over HTTP: agreed to, said, seen and deleted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Security
from sqlalchemy import select

from facepay.catalog.products import Product, ProductNotFound, get_product_by_sku
from facepay.checkout.rewards_router import UsableCoupon
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page, rows_of_page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Code
from facepay.members.consents import PolicyOutdated
from facepay.members.members import MemberNotFound, get_member
from facepay.recommender import consents, preferences
from facepay.recommender.consents import ProfilingConsent, ProfilingOff
from facepay.recommender.feedback import feedback
from facepay.recommender.offers import offers_for
from facepay.recommender.preferences import Preference, faded
from facepay.recommender.schemas import (
    CategoryAnswer,
    FeedbackAnswer,
    NewFeedback,
    NewProfilingConsent,
    PreferenceAnswer,
    ProfilingConsentAnswer,
)
from facepay.recommender.verdicts import forget_liked
from facepay.settings import SettingsOf

router = Router(prefix="/v1/members/{member_id}", tags=["taste"])
Reader = Annotated[Principal, Security(current_staff, scopes=["members:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["members:write"])]
REFUSALS = (Unauthenticated, InsufficientScope, MemberNotFound)


@router.put(
    "/profiling-consent",
    summary="Record a member's consent to profiling",
    responses=problems(*REFUSALS, PolicyOutdated, ProfilingOff),
)
async def agree(
    member_id: UUID, body: NewProfilingConsent, session: Session, _: Writer, settings: SettingsOf, now: Now
) -> ProfilingConsentAnswer:
    """That what they look at, buy and say may be kept and used as their taste. It is apart from the consent to face
    recognition, and of no use without it. Repeating it changes nothing.
    """
    await get_member(session, member_id, lock=True)
    consent = await consents.agree(
        session, member_id=member_id, policy_version=body.policy_version, settings=settings, now=now
    )
    return ProfilingConsentAnswer.model_validate(consent)


@router.get(
    "/profiling-consents", summary="See what a member agreed to of profiling, and when", responses=problems(*REFUSALS)
)
async def list_consents(member_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[ProfilingConsentAnswer]:
    """Newest first, the withdrawn ones too."""
    await get_member(session, member_id)
    query = select(ProfilingConsent).where(ProfilingConsent.member_id == member_id)
    return await page(session, query, by=ProfilingConsent.id, paging=paging, show=ProfilingConsentAnswer.model_validate)


@router.delete(
    "/profiling-consent",
    status_code=204,
    summary="Withdraw consent to profiling",
    responses=problems(*REFUSALS),
)
async def withdraw(member_id: UUID, session: Session, _: Writer, now: Now) -> None:
    """All that was inferred goes at once, and what the member excluded too. Repeating it changes nothing."""
    await get_member(session, member_id, lock=True)
    await consents.withdraw_agreement(session, member_id=member_id, now=now)


@router.get("/taste", summary="See what was inferred of a member's taste", responses=problems(*REFUSALS))
async def see_taste(
    member_id: UUID, session: Session, _: Reader, settings: SettingsOf, paging: Paging, now: Now
) -> Page[PreferenceAnswer]:
    """Product by product, what came first last; with what the member excluded."""
    await get_member(session, member_id)
    found = await rows_of_page(
        session, select(Preference).where(Preference.member_id == member_id), by=Preference.id, paging=paging
    )
    query = select(Product).where(Product.id.in_([row.product_id for row in found.rows]))
    products = {product.id: product for product in await session.scalars(query)}
    half_life = timedelta(days=settings.taste_half_life_days)
    shown = [_shown(row, products[row.product_id], half_life, now) for row in found.rows]
    return found.shown(shown)


@router.get("/taste/categories", summary="See which kinds of goods a member likes", responses=problems(*REFUSALS))
async def see_categories(
    member_id: UUID, session: Session, _: Reader, settings: SettingsOf, now: Now
) -> list[CategoryAnswer]:
    """The sums of their products' scores, the highest first: deleted with them."""
    await get_member(session, member_id)
    half_life = timedelta(days=settings.taste_half_life_days)
    scores = await preferences.category_scores(session, member_id=member_id, half_life=half_life, now=now)
    return [CategoryAnswer(category=category, score=round(score, 3)) for category, score in scores.items()]


@router.delete(
    "/taste", status_code=204, summary="Delete what was inferred of a member's taste", responses=problems(*REFUSALS)
)
async def forget_taste(member_id: UUID, session: Session, _: Writer, now: Now) -> None:
    """All of it, and what they like or tried on. Looks and purchases count again from now on, unless consent is
    withdrawn; what they excluded or dislike stays so.
    """
    await get_member(session, member_id, lock=True)
    await preferences.forget_inferred(session, member_id=member_id)
    await forget_liked(session, member_id=member_id)
    standing = await consents.standing_agreement(session, member_id=member_id)
    if standing is not None:
        standing.evidence_since = now


@router.put(
    "/taste/{sku}/feedback",
    summary="Record whether a member likes a product",
    responses=problems(*REFUSALS, ProductNotFound),
)
async def give_feedback(
    member_id: UUID, sku: Code, body: NewFeedback, session: Session, _: Writer, now: Now
) -> FeedbackAnswer:
    """Their last word counts. What they dislike is suggested no more. Of members who didn't agree to profiling nothing
    is learnt, and `learnt` is false.
    """
    await get_member(session, member_id, lock=True)
    product = await get_product_by_sku(session, sku)
    learnt = await feedback(session, member_id=member_id, product_id=product.id, liked=body.liked, now=now)
    return FeedbackAnswer(learnt=learnt)


@router.put(
    "/taste/{sku}/exclusion",
    status_code=204,
    summary="Suggest a product to a member no more",
    responses=problems(*REFUSALS, ProductNotFound),
)
async def exclude(member_id: UUID, sku: Code, session: Session, _: Writer, now: Now) -> None:
    """What was inferred of it is deleted, and no look counts any more. Repeating it changes nothing."""
    await get_member(session, member_id, lock=True)
    product = await get_product_by_sku(session, sku)
    await preferences.exclude(session, member_id=member_id, product_id=product.id, now=now)


@router.delete(
    "/taste/{sku}/exclusion",
    status_code=204,
    summary="Suggest a product to a member again",
    responses=problems(*REFUSALS, ProductNotFound),
)
async def include(member_id: UUID, sku: Code, session: Session, _: Writer) -> None:
    """Looks at it count again from now on, if the member agreed to profiling. Repeating it changes nothing."""
    await get_member(session, member_id, lock=True)
    product = await get_product_by_sku(session, sku)
    await preferences.include(session, member_id=member_id, product_id=product.id)


@router.get("/offers", summary="See a member's coupons in the order of their taste", responses=problems(*REFUSALS))
async def see_offers(
    member_id: UUID, session: Session, _: Reader, settings: SettingsOf, now: Now
) -> list[UsableCoupon]:
    """Those that they can still use: first for what they like most, then as they end."""
    await get_member(session, member_id)
    half_life = timedelta(days=settings.taste_half_life_days)
    found = await offers_for(session, member_id=member_id, half_life=half_life, now=now)
    return [UsableCoupon.model_validate(coupon) for coupon in found]


def _shown(row: Preference, product: Product, half_life: timedelta, now: datetime) -> PreferenceAnswer:
    return PreferenceAnswer(
        sku=product.sku,
        name=product.name,
        category=product.category,
        score=round(faded(row.score, since=row.scored_at, at=now, half_life=half_life), 3),
        since=row.since,
        last_at=row.last_at,
        looks=row.looks,
        attention_seconds=row.attention_ms / 1000,
        smile_seconds=row.smile_ms / 1000,
        excluded=row.excluded,
    )
