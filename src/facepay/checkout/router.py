"""Kiosks and orders over HTTP."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Security
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout import kiosk as kiosks
from facepay.checkout.orders import Order, OrderNotFound, OrderStatus, get_order, in_state
from facepay.checkout.schemas import Basket, CheckoutAnswer, OrderAnswer, PassCheckout
from facepay.checkout.weighing import WeighingInvalid
from facepay.entrance.payers import seen_to_pay
from facepay.identity.capture import FILES_MAX, capture_body, read_capture_form
from facepay.identity.desk import AT_THE_DOOR, CALL_PROBLEMS, CAPTURE_PROBLEMS, STEP_UP_PROBLEMS, DeskOf
from facepay.identity.passes import read_pass
from facepay.identity.recognition import RecogniserOf
from facepay.identity.schemas import StepUpAnswer
from facepay.identity.sighting import Sighting
from facepay.kernel.auth import Principal, acts_as, current_device, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.idempotency import (
    IdempotencyKeyMissing,
    RequiredKey,
)
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import DeviceClock
from facepay.kernel.secrets import get_master_key
from facepay.kernel.uploads import open_form, read_json_field
from facepay.settings import SettingsOf
from facepay.stores.signatures import SignatureInvalid

router = Router(prefix="/v1")
Kiosk = Annotated[Principal, Security(current_device, scopes=["kiosk:checkout"])]
Reader = Annotated[Principal, Security(current_staff, scopes=["orders:read"])]
BASKETS = [
    '{"lines":[{"sku":"TEA-001","quantity":2}]}',
    '{"lines":[{"sku":"TEA-001","quantity":2}],"coupons":["WELCOME10"],"redeem_points":200}',
    '{"lines":[{"sku":"TOMATO","weighing":"eyJhbGciOiJFZERTQSJ9..."}]}',
]
BASKET_PART = {"type": "string", "examples": BASKETS}


@router.post(
    "/kiosks/{kiosk_id}/checkouts",
    tags=["kiosks"],
    summary="Pay for a basket with a face",
    response_model=CheckoutAnswer,
    dependencies=AT_THE_DOOR,
    responses=problems(IdempotencyKeyMissing, *CAPTURE_PROBLEMS, WeighingInvalid),
    openapi_extra=capture_body(raw=False, basket=BASKET_PART),
)
async def check_out(
    kiosk_id: UUID,
    kiosk: Kiosk,
    key: RequiredKey,
    desk: DeskOf,
    recogniser: RecogniserOf,
    settings: SettingsOf,
    now: Now,
) -> Any:
    """Recognise the payer, first among the people inside, and charge their wallet: order and money in one step.

    A kiosk that asks for the last four digits of the phone before the face (`phone_last_four`) has them searched
    among the few who have these: the more members a chain has, the more often that spares a PIN.

    A declined checkout charges nothing. Retry with the same Idempotency-Key and the same parts after any doubt:
    the answer is the first one's, and the charge happens once.
    """
    acts_as(kiosk, kiosk_id)
    async with open_form(desk.request, files_max=FILES_MAX) as form:
        basket = read_json_field(form, "basket", Basket)
        capture = await read_capture_form(form)
    goods = basket.goods(kiosk)

    async def act(session: AsyncSession, sighting: Sighting) -> CheckoutAnswer:
        decision = await kiosks.check_out(
            session,
            kiosk=kiosk,
            quantities=goods.quantities,
            weighings=goods.weighings,
            wish=basket.wish(),
            shown=sighting,
            now=now,
            settings=settings,
        )
        return CheckoutAnswer.of(decision, sighting)

    return await desk.decide(
        device=kiosk,
        use="kiosk",
        key=key,
        capture=capture,
        also=basket.model_dump_json().encode(),
        see=seen_to_pay(recogniser, kiosk),
        act=act,
    )


@router.post(
    "/kiosks/{kiosk_id}/checkouts/pass",
    tags=["kiosks"],
    summary="Pay for a basket with a one-time pass",
    response_model=CheckoutAnswer,
    responses=problems(IdempotencyKeyMissing, *CALL_PROBLEMS, SignatureInvalid, WeighingInvalid),
)
async def check_out_by_pass(
    kiosk_id: UUID,
    body: PassCheckout,
    kiosk: Kiosk,
    key: RequiredKey,
    desk: DeskOf,
    settings: SettingsOf,
    now: Now,
) -> Any:
    """For whoever shows no face: the app's QR code, or its eight digits. Prices, limits and answers are a face's.

    A scanned pass is proof enough for an amount that a face alone is not; typed digits are asked for more.
    """
    acts_as(kiosk, kiosk_id)
    shown = read_pass(body.pass_text, key=get_master_key(desk.request))
    goods = body.basket.goods(kiosk)

    async def act(session: AsyncSession) -> CheckoutAnswer:
        decision = await kiosks.check_out(
            session,
            kiosk=kiosk,
            quantities=goods.quantities,
            weighings=goods.weighings,
            wish=body.basket.wish(),
            shown=shown,
            now=now,
            settings=settings,
        )
        return CheckoutAnswer.of(decision)

    return await desk.decide_on_pass(device=kiosk, use="kiosk", key=key, body=body, act=act)


@router.post(
    "/kiosks/{kiosk_id}/checkouts/{checkout_id}/step-up",
    tags=["kiosks"],
    summary="Answer what a checkout asked for",
    response_model=CheckoutAnswer,
    responses=problems(IdempotencyKeyMissing, *STEP_UP_PROBLEMS),
)
async def finish_checkout(
    kiosk_id: UUID,
    checkout_id: UUID,
    body: StepUpAnswer,
    kiosk: Kiosk,
    key: RequiredKey,
    desk: DeskOf,
) -> Any:
    """The right answer charges the basket as it was priced."""
    acts_as(kiosk, kiosk_id)
    finish = partial(kiosks.finish_step_up, kiosk=kiosk, checkout_id=checkout_id)
    return await desk.decide_on_answer(device=kiosk, key=key, body=body, finish=finish, shown=CheckoutAnswer.of)


@router.get("/orders", tags=["orders"], summary="List orders", responses=problems())
async def list_orders(
    session: Session,
    reader: Reader,
    paging: Paging,
    member_id: Annotated[UUID | None, Query(description="Those that this member paid.")] = None,
    buyer_id: Annotated[UUID | None, Query(description="Those that this member bought, and their family paid.")] = None,
    store_id: Annotated[UUID | None, Query()] = None,
    supplements_id: Annotated[UUID | None, Query(description="Those that were charged after this order.")] = None,
    status: Annotated[OrderStatus | None, Query()] = None,
    since: Annotated[DeviceClock | None, Query(alias="from", description="Paid at the earliest.")] = None,
    until: Annotated[DeviceClock | None, Query(alias="to", description="Paid before that.")] = None,
) -> Page[OrderAnswer]:
    """Newest first; of one payer, buyer, store, state or time where asked."""
    query = select(Order)
    if status:
        query = query.where(in_state(status))
    if since:
        query = query.where(Order.created_at >= since)
    if until:
        query = query.where(Order.created_at < until)
    if supplements_id:
        query = query.where(Order.supplements_id == supplements_id)
    if member_id:
        query = query.where(Order.member_id == member_id)
    if buyer_id:
        query = query.where(Order.buyer_id == buyer_id)
    if store_id:
        query = query.where(Order.store_id == store_id)
    return await page(session, query, by=Order.id, paging=paging, show=OrderAnswer.model_validate)


@router.get("/orders/{order_id}", tags=["orders"], summary="See an order", responses=problems(OrderNotFound))
async def see_order(order_id: UUID, session: Session, reader: Reader) -> OrderAnswer:
    return OrderAnswer.model_validate(await get_order(session, order_id))
