"""The kiosk: a face, a basket, one transaction. A refusal charges nothing and leaves a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, String, Uuid, any_, bindparam, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.alerts.alerts import Evidence
from facepay.catalog.products import Product, find_products
from facepay.checkout.benefits import Wish
from facepay.checkout.buyers import AGE_CHECK_NEEDED, call_for_age_check
from facepay.checkout.limits import Declined, NeedsStepUp
from facepay.checkout.orders import Order
from facepay.checkout.pricing import PricedBasket, Unpriceable, price_basket
from facepay.checkout.selling import NotSold, Sold, buy
from facepay.checkout.weighing import NOTHING_WEIGHED, Weighing, Weighings, first_fault
from facepay.entrance.visits import Visit
from facepay.identity.decisions import answer, ask, identify
from facepay.identity.passes import ShownPass
from facepay.identity.step_up import AttemptNotFound
from facepay.identity.verdicts import (
    WORTH_REVIEW,
    DeviceDecision,
    Recognised,
    Ruling,
    Shown,
    means_of,
    settle,
    turn_away,
)
from facepay.kernel.auth import Principal
from facepay.kernel.database import Base, Prepared
from facepay.kernel.ids import new_id
from facepay.kernel.passwords import PasswordHasher
from facepay.kernel.records import columns_of, loaded_if_any
from facepay.members.members import Member
from facepay.settings import Settings
from facepay.stores.signatures import spend_nonces, unspend_nonces
from facepay.stores.stores import Store


class Checkout(DeviceDecision, Base):
    """One decision of a kiosk."""

    __tablename__ = "checkout"
    __table_args__ = (
        CheckConstraint("decision in ('paid', 'declined', 'step_up')", name="decision_known"),
        CheckConstraint("identified_by in ('face', 'pass')", name="identified_by_known"),
        CheckConstraint("(decision = 'paid') = (order_id is not null)", name="paid_has_order"),
        Index("ix_checkout_store_id_id", "store_id", "id"),
        Index("ix_checkout_kiosk_id_id", "kiosk_id", "id"),
        Index("ix_checkout_store_id_decided_at", "store_id", "decided_at"),
        Index("ix_checkout_store_id_code_id", "store_id", "code", "id"),
        Index("ix_checkout_declined", "store_id", "decided_at", postgresql_where=text("decision = 'declined'")),
        Index("ix_checkout_worth_review", "id", postgresql_where=text(WORTH_REVIEW)),
    )

    kiosk_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    basket: Mapped[dict[str, Any]] = mapped_column(JSONB)
    weighings: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default="{}")
    coupons: Mapped[list[str]] = mapped_column(JSONB, server_default="[]")
    redeem_points: Mapped[int] = mapped_column(server_default="0")
    total: Mapped[int | None]
    currency: Mapped[str] = mapped_column(String(3))
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("shop_order.id"))
    receipts_mailed: Mapped[int] = mapped_column(default=0, server_default="0")

    def read_weighings(self) -> dict[str, tuple[Weighing, ...]]:
        return {sku: tuple(map(Weighing.model_validate, of_sku)) for sku, of_sku in self.weighings.items()}


@dataclass(frozen=True, slots=True)
class CheckoutDecision(Ruling):
    """What the kiosk shows now; the checkout is its record."""

    record: Checkout
    order: Order | None = None
    balance: int | None = None
    skus: tuple[str, ...] = ()
    over: Declined | NeedsStepUp | None = None
    coupon: str | None = None


async def check_out(
    session: AsyncSession,
    *,
    kiosk: Principal,
    quantities: Mapping[str, int],
    shown: Shown,
    now: datetime,
    settings: Settings,
    weighings: Weighings = NOTHING_WEIGHED,
    wish: Wish = Wish(),
) -> CheckoutDecision:
    """Charge the recognised payer for the basket, ask where it is unsure who pays, refuse everything else.

    What is in `weighings` is in `quantities` by its net weight.
    """
    currency, products = await currency_and_products(session, store_id=kiosk.store, skus=list(quantities))
    checkout = Checkout(
        id=new_id(),
        kiosk_id=kiosk.id,
        store_id=kiosk.store,
        basket=dict(quantities),
        weighings={sku: [each.model_dump() for each in of_sku] for sku, of_sku in weighings.items()},
        coupons=list(wish.coupons),
        redeem_points=wish.redeem_points,
        currency=currency,
        identified_by=means_of(shown),
        created_at=now,
        decided_at=now,
    )
    basket = price_basket(quantities, products, currency=currency, weighings=weighings)
    if isinstance(basket, PricedBasket) and (fault := first_fault(weighings, products, now=now)):
        basket = Unpriceable(fault.code, (fault.sku,))
    if isinstance(basket, Unpriceable):
        return await settle(session, CheckoutDecision(checkout, skus=basket.skus), "declined", basket.code)
    checkout.total = basket.total
    verdict = await identify(
        session, record=checkout, device=kiosk, shown=shown, now=now, settings=settings, alone=True
    )
    if not isinstance(verdict, Recognised):
        return await turn_away(session, CheckoutDecision(checkout), verdict, "declined")
    return await _charge(session, kiosk, checkout, basket, verdict, now, settings)


async def finish_step_up(
    session: AsyncSession,
    *,
    kiosk: Principal,
    checkout_id: UUID,
    given: str | ShownPass,
    now: datetime,
    settings: Settings,
    hasher: PasswordHasher,
) -> CheckoutDecision:
    """Check an answer; the right one charges its member. Raises AttemptNotFound and AttemptClosed."""
    checkout = await session.get(Checkout, checkout_id)
    if checkout is None or checkout.kiosk_id != kiosk.id:
        raise AttemptNotFound("No checkout with this id waits at this kiosk.")
    verdict = await answer(
        session, record=checkout, device=kiosk, given=given, now=now, settings=settings, hasher=hasher, alone=True
    )
    if not isinstance(verdict, Recognised):
        return await turn_away(session, CheckoutDecision(checkout), verdict, "declined")
    products = await find_products(session, skus=list(checkout.basket))
    weighings = checkout.read_weighings()
    basket = price_basket(checkout.basket, products, currency=checkout.currency, weighings=weighings)
    if isinstance(basket, Unpriceable):
        return await settle(session, CheckoutDecision(checkout, skus=basket.skus), "declined", basket.code)
    if basket.total != checkout.total:
        return await settle(session, CheckoutDecision(checkout), "declined", "price_changed")
    return await _charge(session, kiosk, checkout, basket, verdict, now, settings)


_CURRENCY_AND_PRODUCTS = Prepared(
    select(Store.currency, *columns_of(Product))
    .outerjoin(Product, Product.sku == any_(bindparam("skus", type_=ARRAY(String()))))
    .where(Store.id == bindparam("store_id", type_=Uuid()))
)
_NOTE_ON_VISIT = Prepared(
    update(Visit)
    .where(
        Visit.store_id == bindparam("of_store", type_=Uuid()),
        Visit.member_id == bindparam("of_member", type_=Uuid()),
        Visit.left_at.is_(None),
    )
    .values(basket_unpaid=bindparam("unpaid"))
)


async def currency_and_products(
    session: AsyncSession, *, store_id: UUID, skus: list[str]
) -> tuple[str, dict[str, Product]]:
    """Of the store, and by sku: all that has to be known to price a basket, in one round trip."""
    rows = await _CURRENCY_AND_PRODUCTS.rows(session, store_id=store_id, skus=skus)
    products = (loaded_if_any(session, Product, of_product) for _, *of_product in rows)
    return rows[0][0], {product.sku: product for product in products if product is not None}


async def _charge(
    session: AsyncSession,
    kiosk: Principal,
    checkout: Checkout,
    basket: PricedBasket,
    payer: Recognised,
    now: datetime,
    settings: Settings,
) -> CheckoutDecision:
    """Charge whoever was recognised, and ask for a second factor where a limit wants one.

    Weighings are spent by the sale: without one, they are good for the next checkout, or for this one's answer.
    """
    member = payer.member
    checkout.member_id = member.id
    nonces = {each.nonce: line.sku for line in basket.lines for each in line.weighings}
    if reused := await spend_nonces(session, device_id=kiosk.id, nonces=nonces, now=now):
        await _note_on_visit(session, checkout, member, unpaid=True)
        decision = CheckoutDecision(checkout, member, skus=tuple(sorted({nonces[nonce] for nonce in reused})))
        return await settle(session, decision, "declined", "weighing_reused")
    outcome = await buy(
        session,
        member=member,
        basket=basket,
        wish=Wish(tuple(checkout.coupons), checkout.redeem_points),
        store_id=checkout.store_id,
        device_id=kiosk.id,
        now=now,
        settings=settings,
        proven=payer.proven,
    )
    if not isinstance(outcome, Sold):
        await unspend_nonces(session, device_id=kiosk.id, nonces=nonces)
    await _note_on_visit(session, checkout, member, unpaid=not isinstance(outcome, Sold))
    match outcome:
        case NeedsStepUp():
            asked = await ask(session, checkout, kiosk, outcome.code, (member.id,), now=now, settings=settings)
            return await turn_away(session, CheckoutDecision(checkout, member, over=outcome), asked, "declined")
        case NotSold(code, skus, coupon, over):
            decision = CheckoutDecision(checkout, member, skus=skus, coupon=coupon, over=over)
            await settle(session, decision, "declined", code)
            if code == AGE_CHECK_NEEDED.name:
                await call_for_age_check(
                    session,
                    store_id=checkout.store_id,
                    device_id=kiosk.id,
                    skus=skus,
                    evidence=Evidence("checkout", checkout.id),
                    now=now,
                )
            return decision
        case Sold(order, balance):
            checkout.order_id, checkout.total = order.id, order.total
            # What is left in their family's wallet is nothing for whoever stands behind a dependant.
            shown = None if order.buyer_id else balance
            return await settle(session, CheckoutDecision(checkout, member, order=order, balance=shown), "paid", "paid")


async def _note_on_visit(session: AsyncSession, checkout: Checkout, member: Member, *, unpaid: bool) -> None:
    """Its exit gate tells whether a basket is unpaid."""
    await _NOTE_ON_VISIT.rows(session, of_store=checkout.store_id, of_member=member.id, unpaid=unpaid)
