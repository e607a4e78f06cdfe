"""How long events are kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select

from facepay.kernel.database import Database, drop_rows
from facepay.webhooks.deliveries import WebhookDelivery
from facepay.webhooks.endpoints import WebhookEndpoint
from facepay.webhooks.events import WebhookEvent

PORTION = 1000
# No transaction that may still write a delivery for a deleted endpoint lasts this long.
DELETED_FOR = timedelta(hours=1)


async def forget_webhooks(database: Database, *, kept: timedelta, now: datetime) -> int:
    """Drop events from before that time with their deliveries, whatever became of them, and what is left of deleted
    endpoints. Answers how many events.
    """
    dropped = await drop_rows(database, WebhookEvent, WebhookEvent.occurred_at < now - kept, portion=PORTION)
    async with database.read() as session:
        gone = WebhookEndpoint.deleted_at < now - DELETED_FOR
        endpoint_ids = (await session.scalars(select(WebhookEndpoint.id).where(gone))).all()
    for endpoint_id in endpoint_ids:
        await _drop_endpoint(database, endpoint_id)
    return dropped


async def _drop_endpoint(database: Database, endpoint_id: UUID) -> None:
    await drop_rows(database, WebhookDelivery, WebhookDelivery.endpoint_id == endpoint_id, portion=PORTION)
    async with database.begin() as session:
        await session.execute(delete(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id))
