"""Alerts about webhook endpoints that nothing is sent to any more."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import Evidence, raise_alert
from facepay.alerts.kinds import AlertKind, Severity
from facepay.stores.devices import Device
from facepay.stores.stores import Store
from facepay.webhooks.outcomes import Stopped

WEBHOOK_ENDPOINT_STOPPED = AlertKind(
    "webhook_endpoint_stopped", Severity.CRITICAL, "An endpoint takes no webhooks: nothing is sent there any more."
)


async def alert_of_stopped(session: AsyncSession, stopped: Stopped, now: datetime) -> None:
    """In its shop's store, or, where it hears of the whole chain, in the store that the chain has had for longest."""
    if stopped.device_id is not None:
        store_of = select(Device.store_id).where(Device.id == stopped.device_id)
    else:
        store_of = select(Store.id).where(Store.closed_at.is_(None)).order_by(Store.created_at, Store.id).limit(1)
    store_id = await session.scalar(store_of)
    if store_id is not None:  # else it's a chain without a store, and the log has to do
        await raise_alert(
            session,
            WEBHOOK_ENDPOINT_STOPPED,
            store_id=store_id,
            subject=f"webhook_endpoint:{stopped.endpoint_id}",
            now=now,
            device_id=stopped.device_id,
            evidence=Evidence("webhook_endpoint", stopped.endpoint_id),
            endpoint_id=str(stopped.endpoint_id),
            why=stopped.why,
        )
