"""The kiosk: a face, a basket, one transaction. A refusal charges nothing and leaves a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.catalog.products import Product, find_products
from facepay.catalog.stock import return_stock, take_stock
from facepay.checkout import tenders
from facepay.checkout.benefits import Offer, Refused, Wish, offer
from facepay.checkout.limits import Declined, NeedsStepUp, judge
from facepay.checkout.orders import Order, place
from facepay.checkout.pricing import PricedBasket, Unpriceable, price_basket
from facepay.identity import step_up as stepping
from facepay.identity.policy import Ambiguous, Match, Uncertain
from facepay.identity.recognition import Sighting, candidates_of, code_of, recognised_member
from facepay.identity.step_up import AttemptNotFound, Proven, StepUp
from facepay.kernel.auth import Principal
from facepay.kernel.database import Base, Identified
from facepay.kernel.ids import new_id
from facepay.kernel.passwords import PasswordHasher
from facepay.members.members import Member
from facepay.settings import Settings
from facepay.stores.stores import Store
from facepay.stores.visits import current_visit
from facepay.wallet.accounts import wallet_balance


class Checkout(Identified, Base):
    """One decision of a kiosk. A stranger's says when, what for and why not, and nothing about the face."""

    __tablename__ = "checkout"
    __table_args__ = (
        CheckConstraint("decision in ('paid', 'declined', 'step_up')", name="decision_known"),
        CheckConstraint("(decision = 'paid') = (order_id is not null)", name="paid_has_order"),
        Index("ix_checkout_store_id_id", "store_id", "id"),
    )

    kiosk_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), index=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    decision: Mapped[str] = mapped_column(String(8))
    code: Mapped[str] = mapped_column(String(40))
    basket: Mapped[dict[str, Any]] = mapped_column(JSONB)
    coupons: Mapped[list[str]] = mapped_column(JSONB, server_default="[]")
    redeem_points: Mapped[int] = mapped_column(server_default="0")
    total: Mapped[int | None]
    currency: Mapped[str] = mapped_column(String(3))
    member_id: Mapped[UUID | None] = mapped_column(ForeignKey("member.id"), index=True)
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("shop_order.id"))
    similarity: Mapped[float | None]
    threshold: Mapped[float | None]
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class CheckoutDecision:
    """What the kiosk shows now; the checkout is its record."""

    checkout: Checkout
    member: Member | None = None
    order: Order | None = None
    balance: int | None = None
    margin: float | None = None
    skus: tuple[str, ...] = ()
    step_up: StepUp | None = None
    answers_left: int | None = None
    over: Declined | NeedsStepUp | None = None
    coupon: str | None = None


async def check_out(
    session: AsyncSession,
    *,
    kiosk: Principal,
    quantities: Mapping[str, int],
    sighting: Sighting,
    now: datetime,
    settings: Settings,
    wish: Wish = Wish(),
) -> CheckoutDecision:
    """Charge the recognised payer for the basket, ask where it is unsure who pays, refuse everything else."""
    currency, products = await _currency_and_products(session, store_id=kiosk.store, skus=list(quantities))
    checkout = Checkout(
        id=new_id(),
        kiosk_id=kiosk.id,
        store_id=kiosk.store,
        basket=dict(quantities),
        coupons=list(wish.coupons),
        redeem_points=wish.redeem_points,
        currency=currency,
        created_at=now,
        decided_at=now,
    )
    basket = price_basket(quantities, products, currency=currency)
    if isinstance(basket, Unpriceable):
        return replace(await _settle(session, checkout, "declined", basket.code), skus=basket.skus)
    checkout.total = basket.total
    outcome = sighting.outcome
    if isinstance(outcome, Match):
        checkout.similarity, checkout.threshold = outcome.similarity, outcome.threshold
        decision = await _charge(session, kiosk, checkout, basket, outcome.member_id, now, settings)
        return replace(decision, margin=outcome.margin)
    if isinstance(outcome, Ambiguous | Uncertain):
        return await _ask(session, checkout, code_of(outcome), candidates_of(outcome), now, settings)
    return await _settle(session, checkout, "declined", code_of(outcome))


async def finish_step_up(
    session: AsyncSession,
    *,
    kiosk: Principal,
    checkout_id: UUID,
    text: str,
    now: datetime,
    settings: Settings,
    hasher: PasswordHasher,
) -> CheckoutDecision:
    """Check an answer; the right one charges its member. Raises AttemptNotFound and AttemptClosed."""
    checkout = await session.get(Checkout, checkout_id)
    if checkout is None or checkout.kiosk_id != kiosk.id:
        raise AttemptNotFound("No checkout with this id waits at this kiosk.")
    result = await stepping.answer(
        session,
        attempt_id=checkout_id,
        device_id=kiosk.id,
        text=text,
        now=now,
        answers_max=settings.step_up_answers_max,
        hasher=hasher,
    )
    checkout.decided_at = now
    if not isinstance(result, Proven):
        again: Literal["step_up", "declined"] = "step_up" if result.answers_left else "declined"
        return replace(await _settle(session, checkout, again, "wrong_answer"), answers_left=result.answers_left)
    products = await find_products(session, skus=list(checkout.basket))
    basket = price_basket(checkout.basket, products, currency=checkout.currency)
    if isinstance(basket, Unpriceable):
        return replace(await _settle(session, checkout, "declined", basket.code), skus=basket.skus)
    if basket.total != checkout.total:
        return await _settle(session, checkout, "declined", "price_changed")
    return await _charge(session, kiosk, checkout, basket, result.member_id, now, settings, proven=True)


async def _currency_and_products(
    session: AsyncSession, *, store_id: UUID, skus: list[str]
) -> tuple[str, dict[str, Product]]:
    """Of the store, and by sku: all that has to be known to price a basket, in one round trip."""
    rows = await session.execute(
        select(Store.currency, Product).outerjoin(Product, Product.sku.in_(skus)).where(Store.id == store_id)
    )
    currencies, products = zip(*rows, strict=True)
    return currencies[0], {product.sku: product for product in products if product is not None}


async def _charge(
    session: AsyncSession,
    kiosk: Principal,
    checkout: Checkout,
    basket: PricedBasket,
    member_id: UUID,
    now: datetime,
    settings: Settings,
    *,
    proven: bool = False,
) -> CheckoutDecision:
    # Alone: their payments go one by one, or two kiosks at once would both find room under one limit.
    member = await recognised_member(session, member_id=member_id, alone=True)
    if member is None:
        # Withdrawn between the match and this transaction: from here on they are a stranger.
        checkout.similarity = None
        return await _settle(session, checkout, "declined", "unknown_face")
    checkout.member_id = member.id
    if not member.is_active:
        return await _settle(session, checkout, "declined", "member_blocked", member)
    wish = Wish(tuple(checkout.coupons), checkout.redeem_points)
    offered = await offer(session, member_id=member.id, basket=basket, wish=wish, now=now, settings=settings)
    if isinstance(offered, Refused):
        return replace(await _settle(session, checkout, "declined", offered.code, member), coupon=offered.coupon)
    verdict = await judge(
        session, member=member, store_id=checkout.store_id, amount=offered.basket.total, now=now, settings=settings
    )
    if isinstance(verdict, Declined):
        return replace(await _settle(session, checkout, "declined", verdict.code, member), over=verdict)
    if isinstance(verdict, NeedsStepUp) and not proven:
        asked = await _ask(session, checkout, verdict.code, (member.id,), now, settings, member)
        return replace(asked, over=verdict)
    return await _sell(session, kiosk, checkout, offered, member, now, settings)


async def _sell(
    session: AsyncSession,
    kiosk: Principal,
    checkout: Checkout,
    offered: Offer,
    member: Member,
    now: datetime,
    settings: Settings,
) -> CheckoutDecision:
    """Stock, order and payment together, or none of them."""
    basket = offered.basket
    goods = {line.product_id: line.quantity for line in basket.lines}
    sold_out = await take_stock(session, store_id=checkout.store_id, quantities=goods)
    if sold_out:
        skus = tuple(line.sku for line in basket.lines if line.product_id in sold_out)
        return replace(await _settle(session, checkout, "declined", "sold_out", member), skus=skus)
    order = place(
        order_id=new_id(),
        basket=basket,
        tender=offered.tender,
        points_earned=offered.points_earned,
        store_id=checkout.store_id,
        kiosk_id=kiosk.id,
        member_id=member.id,
        now=now,
    )
    points_last = timedelta(days=settings.points_expire_days)
    paid = await tenders.pay(
        session, order=order, offer=offered, actor=f"device:{kiosk.id}", points_last=points_last, now=now
    )
    if not paid.ok:
        # Rather than a savepoint, which would cost every payment that goes through two round trips more.
        await return_stock(session, store_id=checkout.store_id, quantities=goods)
        return replace(await _settle(session, checkout, "declined", paid.code, member), coupon=paid.coupon)
    checkout.order_id, checkout.total = order.id, order.total
    available = paid.available
    if available is None:
        available = (await wallet_balance(session, member_id=member.id, unit=order.currency)).available
    decision = await _settle(session, checkout, "paid", "paid", member)
    return replace(decision, order=order, balance=available)


async def _ask(
    session: AsyncSession,
    checkout: Checkout,
    code: str,
    candidate_ids: tuple[UUID, ...],
    now: datetime,
    settings: Settings,
    member: Member | None = None,
) -> CheckoutDecision:
    asked = await stepping.ask(
        session,
        attempt_id=checkout.id,
        device_id=checkout.kiosk_id,
        candidate_ids=candidate_ids,
        now=now,
        lasts=timedelta(seconds=settings.step_up_seconds),
    )
    if asked is None:
        return await _settle(session, checkout, "declined", "step_up_impossible", member)
    return replace(await _settle(session, checkout, "step_up", code, member), step_up=asked)


async def _settle(
    session: AsyncSession,
    checkout: Checkout,
    decision: Literal["paid", "declined", "step_up"],
    code: str,
    member: Member | None = None,
) -> CheckoutDecision:
    """Record the decision, on the visit too: its exit gate tells whether a basket is unpaid."""
    checkout.decision, checkout.code = decision, code
    session.add(checkout)
    if member is not None:
        visit = await current_visit(session, store_id=checkout.store_id, member_id=member.id)
        if visit is not None:
            visit.basket_unpaid = decision != "paid"
    await session.flush()
    return CheckoutDecision(checkout=checkout, member=member)
