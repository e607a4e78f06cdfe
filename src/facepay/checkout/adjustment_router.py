"""Orders after the sale, over HTTP: refunded, cancelled, returned, charged after.

What is given back can be looked at before: a preview does all of it, and takes it back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Security
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.adjustments import (
    ChargeRefused,
    OrderCancelled,
    ReturnExceedsOrder,
    cancel_order,
    charge_more,
    take_back,
)
from facepay.checkout.correction import CORRECTION_PROBLEMS, CorrectionOf, Writer
from facepay.checkout.orders import OrderNotFound, get_order
from facepay.checkout.refunds import Refund, RefundExceedsOrder, RefundRefused, TagsNotOfOrder, refund_order
from facepay.checkout.schemas import (
    Cancellation,
    OrderAnswer,
    RefundAnswer,
    RefundPreview,
    RefundRequest,
    Return,
    SupplementRequest,
)
from facepay.checkout.selling import NotSold
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.dependencies import made
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.members.members import MemberNotFound
from facepay.settings import SettingsOf
from facepay.staff.actions import unaccounted

router = Router(prefix="/v1/orders/{order_id}", tags=["orders"])
Reader = Annotated[Principal, Security(current_staff, scopes=["orders:read"])]
REFUND_PROBLEMS = (OrderNotFound, RefundExceedsOrder, RefundRefused)
CANCELLATION_PROBLEMS = (OrderNotFound, OrderCancelled, RefundRefused)
RETURN_PROBLEMS = (OrderNotFound, ReturnExceedsOrder, TagsNotOfOrder, RefundRefused)
GivesBack = Callable[[AsyncSession], Awaitable[RefundAnswer]]


def refunding(order_id: UUID, body: RefundRequest, actor: str, now: datetime) -> GivesBack:
    async def act(session: AsyncSession) -> RefundAnswer:
        made = await refund_order(
            session, order_id=order_id, amount=body.amount, reason=body.reason, actor=actor, now=now, tip=body.tip
        )
        return RefundAnswer.model_validate(made)

    return act


def cancelling(order_id: UUID, body: Cancellation, actor: str, now: datetime) -> GivesBack:
    async def act(session: AsyncSession) -> RefundAnswer:
        made = await cancel_order(
            session,
            order_id=order_id,
            reason=body.reason,
            actor=actor,
            goods_kept=body.goods_kept,
            tip=body.tip,
            now=now,
        )
        return RefundAnswer.model_validate(made)

    return act


def returning(order_id: UUID, body: Return, actor: str, now: datetime) -> GivesBack:
    async def act(session: AsyncSession) -> RefundAnswer:
        made = await take_back(
            session,
            order_id=order_id,
            quantities=body.quantities(),
            epcs=body.epcs,
            reason=body.reason,
            actor=actor,
            now=now,
        )
        return RefundAnswer.model_validate(made)

    return act


@dataclass(frozen=True, slots=True)
class Trial:
    """Something that staff look at before they do it."""

    session: Session
    writer: Writer
    now: Now

    @property
    def actor(self) -> str:
        return f"staff:{self.writer.id}"

    async def of(self, act: GivesBack) -> RefundPreview:
        try:
            return RefundPreview.model_validate((await act(self.session)).model_dump())
        finally:
            await self.session.rollback()


TrialOf = Annotated[Trial, Depends(made(Trial))]
TRIAL_PROBLEMS = (Unauthenticated, InsufficientScope)


@router.get(
    "/refunds",
    summary="List what was given back of an order",
    responses=problems(Unauthenticated, InsufficientScope, OrderNotFound),
)
async def list_refunds(order_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[RefundAnswer]:
    """The oldest first; returns and the cancellation among them."""
    await get_order(session, order_id)
    query = select(Refund).where(Refund.order_id == order_id)
    return await page(session, query, by=Refund.id, paging=paging, show=RefundAnswer.model_validate, oldest_first=True)


@router.post(
    "/refunds",
    status_code=201,
    summary="Refund an order, whole or in part",
    response_model=RefundAnswer,
    responses=problems(*CORRECTION_PROBLEMS, *REFUND_PROBLEMS),
)
async def refund(order_id: UUID, body: RefundRequest, correction: CorrectionOf) -> Any:
    """It goes back as it was paid, in proportion: money, gift balance and points; points earned with it are taken."""
    return await correction.once(body, refunding(order_id, body, correction.actor, correction.now), status=201)


@router.post(
    "/refunds/preview", summary="See what a refund would do", responses=problems(*TRIAL_PROBLEMS, *REFUND_PROBLEMS)
)
@unaccounted
async def preview_refund(order_id: UUID, body: RefundRequest, trial: TrialOf) -> RefundPreview:
    """As the order stands now; nothing of it stays."""
    return await trial.of(refunding(order_id, body, trial.actor, trial.now))


@router.post(
    "/cancellation",
    status_code=201,
    summary="Cancel an order",
    response_model=RefundAnswer,
    responses=problems(*CORRECTION_PROBLEMS, *CANCELLATION_PROBLEMS),
)
async def cancel(order_id: UUID, body: Cancellation, correction: CorrectionOf) -> Any:
    """Undo what is left of it, also where it cost nothing: money, gift balance, points and coupons, goods and tags.

    Orders that were charged after it are cancelled by themselves.
    """
    return await correction.once(body, cancelling(order_id, body, correction.actor, correction.now), status=201)


@router.post(
    "/cancellation/preview",
    summary="See what a cancellation would do",
    responses=problems(*TRIAL_PROBLEMS, *CANCELLATION_PROBLEMS),
)
@unaccounted
async def preview_cancellation(order_id: UUID, body: Cancellation, trial: TrialOf) -> RefundPreview:
    """As the order stands now; nothing of it stays."""
    return await trial.of(cancelling(order_id, body, trial.actor, trial.now))


@router.post(
    "/returns",
    status_code=201,
    summary="Take goods of an order back",
    response_model=RefundAnswer,
    responses=problems(*CORRECTION_PROBLEMS, *RETURN_PROBLEMS),
)
async def return_goods(order_id: UUID, body: Return, correction: CorrectionOf) -> Any:
    """At what was paid for them, but never more than is left of the order; they go back into stock."""
    return await correction.once(body, returning(order_id, body, correction.actor, correction.now), status=201)


@router.post(
    "/returns/preview", summary="See what a return would do", responses=problems(*TRIAL_PROBLEMS, *RETURN_PROBLEMS)
)
@unaccounted
async def preview_return(order_id: UUID, body: Return, trial: TrialOf) -> RefundPreview:
    """As the order stands now; nothing of it stays."""
    return await trial.of(returning(order_id, body, trial.actor, trial.now))


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
