"""What shops are told of orders, in the transaction that made it true."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.orders import Order
from facepay.webhooks.events import EventType, emit

if TYPE_CHECKING:
    from facepay.checkout.refunds import Refund


class RefundTold(BaseModel):
    """What was given back of an order, by whomever. `payment_intent` is what had asked for it, in a shop on the web."""

    id: UUID
    payment_intent: UUID | None
    order_id: UUID
    amount: int
    tax: int
    currency: str


class OrderTold(BaseModel):
    """An order and the device that took it: a till, a lane, a table, a mirror. Shops on the web hear of intents."""

    id: UUID
    store_id: UUID
    device_id: UUID
    total: int
    tax: int
    tip: int
    currency: str


ORDER_PAID = EventType("order.paid", "Somebody bought something, and it is paid.", OrderTold)
REFUND_CREATED = EventType("refund.created", "Money of an order was given back.", RefundTold)
EVENT_TYPES = (ORDER_PAID, REFUND_CREATED)


async def tell_paid(session: AsyncSession, order: Order, *, now: datetime) -> None:
    """The order is written already."""
    told = OrderTold(
        id=order.id,
        store_id=order.store_id,
        device_id=order.device_id,
        total=order.total,
        tax=order.tax,
        tip=order.tip,
        currency=order.currency,
    )
    await emit(session, type=ORDER_PAID, subject_id=order.id, data=told, device_id=order.device_id, now=now)


async def tell_refund(session: AsyncSession, order: Order, refund: Refund, *, now: datetime) -> None:
    """The caller holds the order's row. After its payment intent, where it has one, in the order of that's events."""
    told = RefundTold(
        id=refund.id,
        payment_intent=order.payment_intent_id,
        order_id=order.id,
        amount=refund.amount,
        tax=refund.tax,
        currency=refund.currency,
    )
    subject_id = order.payment_intent_id or order.id
    await emit(session, type=REFUND_CREATED, subject_id=subject_id, data=told, device_id=order.device_id, now=now)
