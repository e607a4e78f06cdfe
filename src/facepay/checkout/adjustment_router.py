"""Orders after the sale, over HTTP: cancelled, returned, charged after."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Security
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.adjustments import (
    ChargeRefused,
    OrderCancelled,
    ReturnExceedsOrder,
    cancel_order,
    charge_more,
    take_back,
)
from facepay.checkout.orders import OrderNotFound
from facepay.checkout.refunds import RefundRefused, TagsNotOfOrder
from facepay.checkout.schemas import Cancellation, OrderAnswer, RefundAnswer, Return, SupplementRequest
from facepay.checkout.selling import NotSold
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.idempotency import (
    IdempotencyKeyInUse,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    IdempotencyOf,
    RequiredKey,
)
from facepay.kernel.problems import problems
from facepay.members.members import MemberNotFound
from facepay.settings import SettingsOf

router = APIRouter(prefix="/v1/orders/{order_id}", tags=["orders"])
Writer = Annotated[Principal, Security(current_staff, scopes=["wallet:write"])]
ONCE = (Unauthenticated, InsufficientScope, IdempotencyKeyMissing, IdempotencyKeyInUse, IdempotencyKeyReused)


@router.post(
    "/cancellation",
    status_code=201,
    summary="Cancel an order",
    response_model=RefundAnswer,
    responses=problems(*ONCE, OrderNotFound, OrderCancelled, RefundRefused),
)
async def cancel(
    order_id: UUID,
    body: Cancellation,
    request: Request,
    key: RequiredKey,
    writer: Writer,
    idempotency: IdempotencyOf,
    now: Now,
) -> Any:
    """Undo what is left of it, also where it cost nothing: money, gift balance, points and coupons, goods and tags.

    Orders that were charged after it are cancelled by themselves.
    """

    async def act(session: AsyncSession) -> RefundAnswer:
        made = await cancel_order(
            session,
            order_id=order_id,
            reason=body.reason,
            actor=f"staff:{writer.id}",
            goods_kept=body.goods_kept,
            now=now,
        )
        return RefundAnswer.model_validate(made)

    return await idempotency.once(request, owner_id=writer.id, key=key, body=body, act=act, status=201)


@router.post(
    "/returns",
    status_code=201,
    summary="Take goods of an order back",
    response_model=RefundAnswer,
    responses=problems(*ONCE, OrderNotFound, ReturnExceedsOrder, TagsNotOfOrder, RefundRefused),
)
async def return_goods(
    order_id: UUID,
    body: Return,
    request: Request,
    key: RequiredKey,
    writer: Writer,
    idempotency: IdempotencyOf,
    now: Now,
) -> Any:
    """At what was paid for them, but never more than is left of the order; they go back into stock."""

    async def act(session: AsyncSession) -> RefundAnswer:
        made = await take_back(
            session,
            order_id=order_id,
            quantities=body.quantities(),
            epcs=body.epcs,
            reason=body.reason,
            actor=f"staff:{writer.id}",
            now=now,
        )
        return RefundAnswer.model_validate(made)

    return await idempotency.once(request, owner_id=writer.id, key=key, body=body, act=act, status=201)


@router.post(
    "/supplements",
    status_code=201,
    summary="Charge goods that an order left out",
    response_model=OrderAnswer,
    responses=problems(*ONCE, OrderNotFound, OrderCancelled, MemberNotFound, ChargeRefused),
)
async def supplement(
    order_id: UUID,
    body: SupplementRequest,
    request: Request,
    key: RequiredKey,
    writer: Writer,
    idempotency: IdempotencyOf,
    settings: SettingsOf,
    now: Now,
) -> Any:
    """An order of its own at today's prices. What the wallet is short of, up to `advance_max`, the member owes."""

    async def act(session: AsyncSession) -> OrderAnswer:
        outcome = await charge_more(
            session,
            order_id=order_id,
            quantities=body.quantities(),
            advance_max=body.advance_max,
            reason=body.reason,
            actor=f"staff:{writer.id}",
            settings=settings,
            now=now,
        )
        if isinstance(outcome, NotSold):
            raise ChargeRefused("Nothing was charged.", reason=outcome.code, skus=list(outcome.skus))
        return OrderAnswer.model_validate(outcome.order)

    return await idempotency.once(request, owner_id=writer.id, key=key, body=body, act=act, status=201)
