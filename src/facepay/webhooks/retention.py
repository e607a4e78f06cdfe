"""How long events are kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.database import Database
from facepay.webhooks.deliveries import WebhookDelivery
from facepay.webhooks.endpoints import WebhookEndpoint
from facepay.webhooks.events import WebhookEvent

PORTION = 1000
# No transaction that may still write a delivery for a deleted endpoint lasts this long.
DELETED_FOR = timedelta(hours=1)


async def forget_webhooks(database: Database, *, kept: timedelta, now: datetime) -> int:
    """Drop events from before that time with their deliveries, whatever became of them, and what is left of deleted
    endpoints; some at a time. Answers how many events.
    """
    dropped = 0
    while True:
        async with database.begin() as session:
            count = await _drop_events(session, before=now - kept)
        dropped += count
        if count < PORTION:
            break
    async with database.read() as session:
        gone = WebhookEndpoint.deleted_at < now - DELETED_FOR
        endpoint_ids = (await session.scalars(select(WebhookEndpoint.id).where(gone))).all()
    for endpoint_id in endpoint_ids:
        await _drop_endpoint(database, endpoint_id)
    return dropped


async def _drop_events(session: AsyncSession, *, before: datetime) -> int:
    old = select(WebhookEvent.id).where(WebhookEvent.occurred_at < before).limit(PORTION)
    gone = await session.scalars(delete(WebhookEvent).where(WebhookEvent.id.in_(old)).returning(WebhookEvent.id))
    return len(gone.all())


async def _drop_endpoint(database: Database, endpoint_id: UUID) -> None:
    key = tuple_(WebhookDelivery.endpoint_id, WebhookDelivery.event_id)
    some = select(WebhookDelivery.endpoint_id, WebhookDelivery.event_id)
    some = some.where(WebhookDelivery.endpoint_id == endpoint_id).limit(PORTION)
    while True:
        async with database.begin() as session:
            gone = await session.scalars(
                delete(WebhookDelivery).where(key.in_(some)).returning(WebhookDelivery.event_id)
            )
            if len(gone.all()) < PORTION:
                await session.execute(delete(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id))
                return
