"""Orders after the sale, over HTTP: cancelled, returned, charged after."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.adjustments import (
    ChargeRefused,
    OrderCancelled,
    ReturnExceedsOrder,
    cancel_order,
    charge_more,
    take_back,
)
from facepay.checkout.correction import CORRECTION_PROBLEMS, CorrectionOf
from facepay.checkout.orders import OrderNotFound
from facepay.checkout.refunds import RefundRefused, TagsNotOfOrder
from facepay.checkout.schemas import Cancellation, OrderAnswer, RefundAnswer, Return, SupplementRequest
from facepay.checkout.selling import NotSold
from facepay.kernel.problems import problems
from facepay.members.members import MemberNotFound
from facepay.settings import SettingsOf

router = APIRouter(prefix="/v1/orders/{order_id}", tags=["orders"])


@router.post(
    "/cancellation",
    status_code=201,
    summary="Cancel an order",
    response_model=RefundAnswer,
    responses=problems(*CORRECTION_PROBLEMS, OrderNotFound, OrderCancelled, RefundRefused),
)
async def cancel(order_id: UUID, body: Cancellation, correction: CorrectionOf) -> Any:
    """Undo what is left of it, also where it cost nothing: money, gift balance, points and coupons, goods and tags.

    Orders that were charged after it are cancelled by themselves.
    """

    async def act(session: AsyncSession) -> RefundAnswer:
        made = await cancel_order(
            session,
            order_id=order_id,
            reason=body.reason,
            actor=correction.actor,
            goods_kept=body.goods_kept,
            tip=body.tip,
            now=correction.now,
        )
        return RefundAnswer.model_validate(made)

    return await correction.once(body, act, status=201)


@router.post(
    "/returns",
    status_code=201,
    summary="Take goods of an order back",
    response_model=RefundAnswer,
    responses=problems(*CORRECTION_PROBLEMS, OrderNotFound, ReturnExceedsOrder, TagsNotOfOrder, RefundRefused),
)
async def return_goods(order_id: UUID, body: Return, correction: CorrectionOf) -> Any:
    """At what was paid for them, but never more than is left of the order; they go back into stock."""

    async def act(session: AsyncSession) -> RefundAnswer:
        made = await take_back(
            session,
            order_id=order_id,
            quantities=body.quantities(),
            epcs=body.epcs,
            reason=body.reason,
            actor=correction.actor,
            now=correction.now,
        )
        return RefundAnswer.model_validate(made)

    return await correction.once(body, act, status=201)


@router.post(
    "/supplements",
    status_code=201,
    summary="Charge goods that an order left out",
    response_model=OrderAnswer,
    responses=problems(*CORRECTION_PROBLEMS, OrderNotFound, OrderCancelled, MemberNotFound, ChargeRefused),
)
async def supplement(order_id: UUID, body: SupplementRequest, correction: CorrectionOf, settings: SettingsOf) -> Any:
    """An order of its own at today's prices. What the wallet is short of, up to `advance_max`, the member owes."""

    async def act(session: AsyncSession) -> OrderAnswer:
        outcome = await charge_more(
            session,
            order_id=order_id,
            quantities=body.quantities(),
            advance_max=body.advance_max,
            reason=body.reason,
            actor=correction.actor,
            settings=settings,
            now=correction.now,
        )
        if isinstance(outcome, NotSold):
            raise ChargeRefused("Nothing was charged.", reason=outcome.code, skus=list(outcome.skus))
        return OrderAnswer.model_validate(outcome.order)

    return await correction.once(body, act, status=201)
