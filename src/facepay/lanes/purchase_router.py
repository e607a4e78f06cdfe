"""Purchases by the trip they were made on: looked up, cancelled, and set right afterwards.

The words are those of Amazon's physical stores: a purchase is known by its `idempotentShoppingTripId`, and what was
charged is adjusted, cancelled and refunded later (https://developer.amazon.com/docs/physicalstores/).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Security
from pydantic import Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import find_products
from facepay.catalog.stock import hold_stock
from facepay.checkout.adjustments import (
    ChargeRefused,
    OrderCancelled,
    cancel_order,
    charge_more,
    take_back,
)
from facepay.checkout.correction import CORRECTION_PROBLEMS, CorrectionOf
from facepay.checkout.orders import Order, get_order, hold_order
from facepay.checkout.refunds import RefundRefused, TagsNotOfOrder, still_out
from facepay.checkout.schemas import EPCS_MAX, Cancellation, Epc, OrderAnswer, SupplementRequest
from facepay.checkout.selling import NotSold
from facepay.checkout.sold_tags import tags_of
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.database import Session
from facepay.kernel.errors import NotFound, Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Code
from facepay.lanes.passages import Passage
from facepay.lanes.schemas import PassageRecord, PurchaseAnswer
from facepay.settings import SettingsOf

router = Router(prefix="/v1/purchases/{trip_id}", tags=["lanes"])
Reader = Annotated[Principal, Security(current_staff, scopes=["orders:read"])]
Trip = Annotated[Code, Path(description="As the lane named it.")]
REFUSALS = (Unauthenticated, InsufficientScope)


class PurchaseNotFound(NotFound):
    """No lane has had this trip, or nothing was sold on it."""

    code = "purchase_not_found"
    title = "No such purchase"


class Adjustment(SupplementRequest):
    """The goods as they should have been charged, all of them: what is missing is charged, what is too much goes back.

    `advance_max` is what may become a debt, `epcs` tags of what is too much: where only a part of a kind is, and they
    aren't named, its tags stay sold, and a lane lets them out unpaid.
    """

    epcs: list[Epc] = Field(default=[], max_length=EPCS_MAX)


@router.get("", summary="See a purchase", responses=problems(*REFUSALS, PurchaseNotFound))
async def see(trip_id: Trip, session: Session, _: Reader) -> PurchaseAnswer:
    """By the id of its trip: the passage, the order, and orders that were charged after it."""
    return await _purchase(session, trip_id)


@router.post(
    "/cancellation",
    summary="Cancel a purchase",
    response_model=PurchaseAnswer,
    responses=problems(*CORRECTION_PROBLEMS, PurchaseNotFound, OrderCancelled, RefundRefused),
)
async def cancel(
    trip_id: Trip,
    body: Cancellation,
    correction: CorrectionOf,
) -> Any:
    """Money, points, goods and tags go back, of orders that were charged after it, too."""

    async def act(session: AsyncSession) -> PurchaseAnswer:
        first, *supplements = await _hold_orders(session, trip_id)
        for order in (*supplements, first):
            if order is first or order.cancelled_at is None:
                await cancel_order(
                    session,
                    order_id=order.id,
                    reason=body.reason,
                    actor=correction.actor,
                    goods_kept=body.goods_kept,
                    now=correction.now,
                )
        return await _purchase(session, trip_id)

    return await correction.once(body, act, status=200)


@router.post(
    "/adjustments",
    summary="Set a purchase right",
    response_model=PurchaseAnswer,
    responses=problems(
        *CORRECTION_PROBLEMS, PurchaseNotFound, OrderCancelled, RefundRefused, ChargeRefused, TagsNotOfOrder
    ),
)
async def adjust(
    trip_id: Trip,
    body: Adjustment,
    correction: CorrectionOf,
    settings: SettingsOf,
) -> Any:
    """The member is told of whatever moves. Goods that were charged too much don't come back into anybody's hands, but
    into stock.
    """

    async def act(session: AsyncSession) -> PurchaseAnswer:
        because: dict[str, Any] = {"reason": body.reason, "actor": correction.actor, "now": correction.now}
        first, *supplements = await _hold_orders(session, trip_id, skus=body.quantities())
        orders = [order for order in (*supplements, first) if order.cancelled_at is None]
        charged, wanted = Counter[str](), Counter(body.quantities())
        for order in orders:
            charged.update(still_out(order))
        too_many, missing = charged - wanted, wanted - charged
        named = {epc.upper() for epc in body.epcs}
        for order in orders:
            if back := too_many & Counter(still_out(order)):
                tags = await tags_of(session, order_id=order.id, skus=back) & named
                await take_back(session, order_id=order.id, quantities=back, epcs=tags, **because)
                too_many, named = too_many - back, named - tags
        if named:
            raise TagsNotOfOrder("These tags aren't of what is too much.", epcs=sorted(named))
        if missing:
            outcome = await charge_more(
                session,
                order_id=first.id,
                quantities=missing,
                advance_max=body.advance_max,
                settings=settings,
                **because,
            )
            if isinstance(outcome, NotSold):
                raise ChargeRefused("Nothing was charged.", reason=outcome.code, skus=list(outcome.skus))
        return await _purchase(session, trip_id)

    return await correction.once(body, act, status=200)


async def _passage(session: AsyncSession, trip_id: str) -> Passage:
    passage = await session.scalar(select(Passage).where(Passage.trip_id == trip_id))
    if passage is None:
        raise PurchaseNotFound("No lane has had this trip.")
    return passage


async def _hold_orders(session: AsyncSession, trip_id: str, skus: Iterable[str] = ()) -> list[Order]:
    """The trip's order and those that were charged after it, held: nobody else charges or gives back what was seen to
    be missing or too much. So is the stock of all of it, and of `skus`, since it moves order by order.
    """
    passage = await _passage(session, trip_id)
    if passage.order_id is None:
        raise PurchaseNotFound("Nothing was sold on this trip.", decision=passage.decision)
    first = await hold_order(session, passage.order_id)
    orders = [first, *await _supplements(session, first.id)]
    products = {line.product_id for order in orders for line in order.lines}
    products |= {product.id for product in (await find_products(session, skus=list(skus))).values()}
    await hold_stock(session, store_id=first.store_id, product_ids=products)
    return orders


async def _supplements(session: AsyncSession, order_id: UUID) -> list[Order]:
    found = await session.scalars(select(Order).where(Order.supplements_id == order_id).order_by(Order.id))
    return list(found)


async def _purchase(session: AsyncSession, trip_id: str) -> PurchaseAnswer:
    passage = await _passage(session, trip_id)
    order = await get_order(session, passage.order_id) if passage.order_id else None
    supplements = await _supplements(session, order.id) if order else []
    return PurchaseAnswer(
        trip_id=trip_id,
        passage=PassageRecord.model_validate(passage),
        order=OrderAnswer.model_validate(order) if order else None,
        supplements=[OrderAnswer.model_validate(each) for each in supplements],
    )
