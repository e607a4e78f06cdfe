"""Giving back what was paid: a refund of the intent's order, as every other."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.refunds import Refund, refund_order
from facepay.kernel.paging import Page, PageQuery, page
from facepay.online.intents import PaymentIntent, require_state
from facepay.online.schemas import IntentRefundAnswer, IntentRefundRequest


async def refund_intent(
    session: AsyncSession, *, intent: PaymentIntent, asked: IntentRefundRequest, actor: str, now: datetime
) -> IntentRefundAnswer:
    """Raises PaymentIntentUnexpectedState, RefundExceedsOrder and RefundRefused."""
    require_state(intent, "refund")
    assert intent.order_id is not None, "one that has succeeded was paid"
    refund = await refund_order(
        session, order_id=intent.order_id, amount=asked.amount, reason=asked.reason, actor=actor, now=now
    )
    return IntentRefundAnswer.of(refund, intent.id)


async def refunds_of(session: AsyncSession, *, intent: PaymentIntent, paging: PageQuery) -> Page[IntentRefundAnswer]:
    query = select(Refund).where(Refund.order_id == intent.order_id)
    show = partial(IntentRefundAnswer.of, intent_id=intent.id)
    return await page(session, query, by=Refund.id, paging=paging, show=show)
