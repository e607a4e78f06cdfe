"""Payment intents over HTTP, for the shop on the web that makes them: it sees its own, and no other's."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request, Response, Security
from fastapi.responses import JSONResponse
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.refunds import RefundExceedsOrder, RefundRefused
from facepay.kernel.auth import InsufficientScope, Principal, current_device
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.dependencies import made
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
from facepay.kernel.secrets import get_master_key
from facepay.members.members import MemberNotFound
from facepay.online import intents
from facepay.online.intents import (
    CurrencyMismatch,
    PaymentIntent,
    PaymentIntentNotFound,
    PaymentIntentUnexpectedState,
    Status,
    hold_intent,
    see_intent,
)
from facepay.online.refunds import refund_intent, refunds_of
from facepay.online.schemas import (
    CancelRequest,
    IntentRefundAnswer,
    IntentRefundRequest,
    NewPaymentIntent,
    PaymentIntentAnswer,
    ShopIntentAnswer,
)
from facepay.online.secrets import client_secret
from facepay.settings import SettingsOf
from facepay.stores.stores import StoreClosed

router = Router(prefix="/v1/payment-intents", tags=["payment intents"])
WebShop = Annotated[Principal, Security(current_device, scopes=["payments:create"])]
REFUSALS = (Unauthenticated, InsufficientScope)
ONCE = (IdempotencyKeyMissing, IdempotencyKeyInUse, IdempotencyKeyReused)


class Shown:
    """An intent with its secret, which is added on the way out and stored nowhere, in no idempotency record either."""

    def __init__(self, request: Request, response: Response, settings: SettingsOf) -> None:
        self._key, self._base, self._response = get_master_key(request), settings.public_base, response

    def __call__(self, answer: ShopIntentAnswer) -> ShopIntentAnswer:
        self._response.headers["Cache-Control"] = "no-store"
        return answer.with_secret(client_secret(answer.id, key=self._key), public_base=self._base)

    def again(self, first: Any) -> Any:
        """The same for what an idempotency key has kept."""
        if not isinstance(first, JSONResponse):
            return self(first)
        shown = self(ShopIntentAnswer.model_validate_json(bytes(first.body)))
        headers = {"Idempotency-Replayed": "true", "Cache-Control": "no-store"}
        return JSONResponse(shown.stored(), first.status_code, headers=headers)


ShownOf = Annotated[Shown, Depends(made(Shown))]


@router.post(
    "",
    status_code=201,
    summary="Ask a member for a payment",
    response_model=ShopIntentAnswer,
    responses=problems(*REFUSALS, *ONCE, MemberNotFound, CurrencyMismatch, StoreClosed),
)
async def create(
    body: NewPaymentIntent,
    request: Request,
    shop: WebShop,
    key: RequiredKey,
    idempotency: IdempotencyOf,
    shown: ShownOf,
    now: Now,
) -> Any:
    """Confirm it, here or by a request of its own, and send the member's browser to `next_action.url`.

    Whoever has the `client_secret` sees amount and description, and nothing of the member; to pay they need the
    member's face or PIN. It's valid until the intent ends, and for ten minutes more to see what came of it.
    """
    asked = body.model_dump(exclude={"expires_in", "metadata", "confirm"}) | {"intent_metadata": body.metadata}

    async def act(session: AsyncSession) -> ShopIntentAnswer:
        intent = await intents.create(
            session,
            store_id=shop.store,
            device_id=shop.id,
            asked=asked,
            lasts=timedelta(seconds=body.expires_in),
            now=now,
        )
        if body.confirm:
            await intents.confirm(session, intent=intent, now=now)
        return ShopIntentAnswer.of(intent)

    made_or_kept = await idempotency.once(request, owner_id=shop.id, key=key, body=body, act=act, status=201)
    return shown.again(made_or_kept)


@router.get("", summary="List payment intents", responses=problems(*REFUSALS))
async def list_intents(
    session: Session,
    shop: WebShop,
    paging: Paging,
    status: Annotated[Status | None, Query()] = None,
    member_id: Annotated[UUID | None, Query()] = None,
) -> Page[PaymentIntentAnswer]:
    """Newest first, without secrets."""
    query = select(PaymentIntent).where(PaymentIntent.device_id == shop.id)
    if status:
        query = query.where(PaymentIntent.status == status)
    if member_id:
        query = query.where(PaymentIntent.member_id == member_id)
    return await page(session, query, by=PaymentIntent.id, paging=paging, show=PaymentIntentAnswer.of)


@router.get("/{intent_id}", summary="See a payment intent", responses=problems(*REFUSALS, PaymentIntentNotFound))
async def see(intent_id: UUID, session: Session, shop: WebShop, shown: ShownOf, now: Now) -> ShopIntentAnswer:
    intent = await see_intent(session, intent_id=intent_id, now=now)
    return shown(ShopIntentAnswer.of(_own(intent, shop)))


@router.post(
    "/{intent_id}/confirm",
    summary="Confirm a payment intent",
    responses=problems(*REFUSALS, PaymentIntentNotFound, PaymentIntentUnexpectedState),
)
async def confirm(intent_id: UUID, session: Session, shop: WebShop, shown: ShownOf, now: Now) -> ShopIntentAnswer:
    """From now on it can be paid: send the member's browser to `next_action.url`. Repeating it changes nothing."""
    intent = _own(await hold_intent(session, intent_id=intent_id, now=now), shop)
    await intents.confirm(session, intent=intent, now=now)
    return shown(ShopIntentAnswer.of(intent))


@router.post(
    "/{intent_id}/cancel",
    summary="Cancel a payment intent",
    responses=problems(*REFUSALS, PaymentIntentNotFound, PaymentIntentUnexpectedState),
)
async def cancel(
    intent_id: UUID, body: CancelRequest, session: Session, shop: WebShop, shown: ShownOf, now: Now
) -> ShopIntentAnswer:
    """Nobody can pay it any more. One that has succeeded is refunded instead."""
    intent = _own(await hold_intent(session, intent_id=intent_id, now=now), shop)
    await intents.cancel(session, intent=intent, reason=body.cancellation_reason, now=now)
    return shown(ShopIntentAnswer.of(intent))


@router.post(
    "/{intent_id}/refunds",
    status_code=201,
    summary="Refund a payment, whole or in part",
    response_model=IntentRefundAnswer,
    responses=problems(
        *REFUSALS,
        *ONCE,
        PaymentIntentNotFound,
        PaymentIntentUnexpectedState,
        RefundExceedsOrder,
        RefundRefused,
    ),
)
async def refund(
    intent_id: UUID,
    body: IntentRefundRequest,
    request: Request,
    shop: WebShop,
    key: RequiredKey,
    idempotency: IdempotencyOf,
    now: Now,
) -> Any:
    """Back to the member's wallet, with the tax that was in it; never more in all than was paid."""

    async def act(session: AsyncSession) -> IntentRefundAnswer:
        intent = _own(await see_intent(session, intent_id=intent_id, now=now), shop)
        return await refund_intent(session, intent=intent, asked=body, actor=f"device:{shop.id}", now=now)

    return await idempotency.once(request, owner_id=shop.id, key=key, body=body, act=act, status=201)


@router.get(
    "/{intent_id}/refunds",
    summary="List the refunds of a payment",
    responses=problems(*REFUSALS, PaymentIntentNotFound),
)
async def list_refunds(
    intent_id: UUID, session: Session, shop: WebShop, paging: Paging, now: Now
) -> Page[IntentRefundAnswer]:
    """Newest first, those that staff gave included."""
    intent = _own(await see_intent(session, intent_id=intent_id, now=now), shop)
    return await refunds_of(session, intent=intent, paging=paging)


def _own(intent: PaymentIntent, shop: Principal) -> PaymentIntent:
    """Raises PaymentIntentNotFound for another shop's."""
    if intent.device_id != shop.id:
        raise PaymentIntentNotFound("There is no payment intent with this id.")
    return intent
