"""Alerts: counted, acknowledged once, resolved once."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from facepay.alerts.alerts import raise_alert
from facepay.alerts.kinds import Severity
from facepay.checkout.sold_tags import TAG_SOLD_BEFORE
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from tests.shop import Shop

pytestmark = pytest.mark.anyio


async def test_the_same_thing_is_one_alert_however_many_see_it_at_once(shop: Shop, database_url: str) -> None:
    database = Database(database_url)

    async def see(number: int) -> None:
        async with database.begin() as session:
            await raise_alert(
                session,
                TAG_SOLD_BEFORE,
                store_id=UUID(shop.store_id),
                severity=Severity.CRITICAL if number == 3 else Severity.INFO,
                subject="epc:3034",
                now=utc_now(),
                number=number,
            )

    await asyncio.gather(*(see(number) for number in range(5)))
    path = f"/v1/stores/{shop.store_id}/alerts"
    (alert,) = (await shop.do("GET", path))["items"]
    assert (alert["times"], alert["severity"], alert["subject"]) == (5, "critical", "epc:3034")

    first = await shop.do("POST", f"/v1/alerts/{alert['id']}/acknowledgement")
    assert await shop.do("POST", f"/v1/alerts/{alert['id']}/acknowledgement") == first
    await shop.do("POST", f"/v1/alerts/{alert['id']}/resolution", json={"note": "Paid at the kiosk"})
    again = await shop.client.post(f"/v1/alerts/{alert['id']}/resolution", json={}, headers=shop.staff)
    assert (again.status_code, again.json()["code"]) == (409, "alert_resolved")
    assert (await shop.do("GET", path, params={"open": True}))["items"] == []

    await see(9)
    assert len((await shop.do("GET", path))["items"]) == 2
    await database.close()
