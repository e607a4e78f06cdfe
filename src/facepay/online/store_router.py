"""The payments of a store's shops on the web, for staff."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Security
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.refunds import RefundExceedsOrder, RefundRefused
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
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.online import intents
from facepay.online.attempts import attempts_of
from facepay.online.intents import (
    PaymentIntent,
    PaymentIntentNotFound,
    PaymentIntentUnexpectedState,
    Status,
    hold_intent,
    see_intent,
)
from facepay.online.refunds import refund_intent
from facepay.online.schemas import (
    CancelRequest,
    IntentRefundAnswer,
    IntentRefundRequest,
    PaymentIntentAnswer,
    StaffIntentAnswer,
)
from facepay.stores.stores import StoreNotFound, get_store

router = Router(prefix="/v1/stores/{store_id}/payment-intents", tags=["payment intents"])
Reader = Annotated[Principal, Security(current_staff, scopes=["orders:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["wallet:write"])]
REFUSALS = (Unauthenticated, InsufficientScope, PaymentIntentNotFound)


@router.get(
    "", summary="List a store's payment intents", responses=problems(Unauthenticated, InsufficientScope, StoreNotFound)
)
async def list_intents(
    store_id: UUID,
    session: Session,
    _: Reader,
    paging: Paging,
    status: Annotated[Status | None, Query()] = None,
    member_id: Annotated[UUID | None, Query()] = None,
    device_id: Annotated[UUID | None, Query(description="Of one shop on the web.")] = None,
) -> Page[PaymentIntentAnswer]:
    """Newest first."""
    await get_store(session, store_id)
    query = select(PaymentIntent).where(PaymentIntent.store_id == store_id)
    if status:
        query = query.where(PaymentIntent.status == status)
    if member_id:
        query = query.where(PaymentIntent.member_id == member_id)
    if device_id:
        query = query.where(PaymentIntent.device_id == device_id)
    return await page(session, query, by=PaymentIntent.id, paging=paging, show=PaymentIntentAnswer.of)


@router.get("/{intent_id}", summary="See a payment intent and its attempts", responses=problems(*REFUSALS))
async def see(store_id: UUID, intent_id: UUID, session: Session, _: Reader, now: Now) -> StaffIntentAnswer:
    intent = _of_store(await see_intent(session, intent_id=intent_id, now=now), store_id)
    return StaffIntentAnswer.with_attempts(intent, await attempts_of(session, intent_id=intent_id))


@router.post(
    "/{intent_id}/cancel",
    summary="Cancel a shop's payment intent",
    responses=problems(*REFUSALS, PaymentIntentUnexpectedState),
)
async def cancel(
    store_id: UUID, intent_id: UUID, body: CancelRequest, session: Session, _: Writer, now: Now
) -> PaymentIntentAnswer:
    """Nobody can pay it any more. One that has succeeded is refunded instead."""
    intent = _of_store(await hold_intent(session, intent_id=intent_id, now=now), store_id)
    await intents.cancel(session, intent=intent, reason=body.cancellation_reason, now=now)
    return PaymentIntentAnswer.of(intent)


@router.post(
    "/{intent_id}/refunds",
    status_code=201,
    summary="Refund a shop's payment",
    response_model=IntentRefundAnswer,
    responses=problems(
        *REFUSALS,
        IdempotencyKeyMissing,
        IdempotencyKeyInUse,
        IdempotencyKeyReused,
        PaymentIntentUnexpectedState,
        RefundExceedsOrder,
        RefundRefused,
    ),
)
async def refund(
    store_id: UUID,
    intent_id: UUID,
    body: IntentRefundRequest,
    request: Request,
    writer: Writer,
    key: RequiredKey,
    idempotency: IdempotencyOf,
    now: Now,
) -> Any:
    """Whole or in part, as the shop itself does it."""

    async def act(session: AsyncSession) -> IntentRefundAnswer:
        intent = _of_store(await see_intent(session, intent_id=intent_id, now=now), store_id)
        return await refund_intent(session, intent=intent, asked=body, actor=f"staff:{writer.id}", now=now)

    return await idempotency.once(request, owner_id=writer.id, key=key, body=body, act=act, status=201)


def _of_store(intent: PaymentIntent, store_id: UUID) -> PaymentIntent:
    """Raises PaymentIntentNotFound for another store's."""
    if intent.store_id != store_id:
        raise PaymentIntentNotFound("This store has no payment intent with this id.")
    return intent
