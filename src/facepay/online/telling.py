"""What the shop on the web is told of its payments, in the transaction that made it true."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.webhooks.events import EventType, emit

if TYPE_CHECKING:
    from facepay.online.intents import PaymentIntent


class IntentTold(BaseModel):
    """A payment intent as it was then. `error_code` is why the last attempt was refused."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    status: str
    amount: int
    currency: str
    error_code: str | None
    cancellation_reason: str | None
    order_id: UUID | None


CREATED = EventType("payment_intent.created", "A payment was asked for.", IntentTold)
REQUIRES_ACTION = EventType("payment_intent.requires_action", "A payment waits for its payer.", IntentTold)
PROCESSING = EventType("payment_intent.processing", "A payer's frames are being looked at.", IntentTold)
SUCCEEDED = EventType("payment_intent.succeeded", "A payment was made.", IntentTold)
PAYMENT_FAILED = EventType("payment_intent.payment_failed", "A payer was refused; they may try again.", IntentTold)
CANCELED = EventType("payment_intent.canceled", "A payment can't be made any more.", IntentTold)
EVENT_TYPES = (CREATED, REQUIRES_ACTION, PROCESSING, SUCCEEDED, PAYMENT_FAILED, CANCELED)


async def tell(session: AsyncSession, intent: PaymentIntent, type: EventType[IntentTold], *, now: datetime) -> None:
    """The caller holds the intent's row, so that events come in the order of its states."""
    told = IntentTold.model_validate(intent)
    await emit(session, type=type, subject_id=intent.id, data=told, device_id=intent.device_id, now=now)
