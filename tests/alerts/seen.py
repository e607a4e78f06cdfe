"""What the alerts' tests have in common: things to see in a shop, and what becomes of them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import raise_alert
from facepay.alerts.kinds import Severity
from facepay.channel.kinds import DOOR_HELD_OPEN
from facepay.kernel.clock import utc_now
from facepay.webhooks.events import WebhookEvent
from tests.shop import Shop


async def see(
    session: AsyncSession, shop: Shop, subject: str, *, now: datetime | None = None, severity: Severity | None = None
) -> UUID:
    return await raise_alert(
        session,
        DOOR_HELD_OPEN,
        store_id=UUID(shop.store_id),
        subject=subject,
        now=now or utc_now(),
        severity=severity,
    )


async def alerts(shop: Shop, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await shop.do("GET", f"/v1/stores/{shop.store_id}/alerts", params=query))["items"]
    return items


async def counted(shop: Shop) -> dict[str, int]:
    """How often each subject was seen. No two open alerts are about the same."""
    found = await alerts(shop, open=True, limit=200)
    times = {each["subject"]: each["times"] for each in found}
    assert len(times) == len(found)
    return times


async def told(shop: Shop, alert_id: str) -> list[tuple[str, dict[str, Any]]]:
    """The types and data of what integrators hear of an alert, in order."""
    of_alert = select(WebhookEvent.type, WebhookEvent.body).where(WebhookEvent.subject_id == UUID(alert_id))
    async with shop.app.state.database.read() as session:
        events = await session.execute(of_alert.order_by(WebhookEvent.number))
        return [(type, json.loads(body)["data"]) for type, body in events]
