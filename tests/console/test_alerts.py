"""Alerts of a store in the console."""

from __future__ import annotations

import pytest

from tests.channel.line import event, gate_of, report
from tests.console.desk import OURS, signed_in
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_an_alert_is_found_looked_after_and_resolved(shop: Shop) -> None:
    await report(shop, gate_of(shop), event(1, "door_forced"), event(2, "tamper"))
    await signed_in(shop)
    path = f"/console/stores/{shop.store_id}/alerts"
    forced = "A door was opened that nobody had opened it for.</a>"
    listed = (await shop.client.get(path)).text
    assert listed.count("still open") == 2
    filtered = (await shop.client.get(path, params={"kind": "door_forced"})).text
    assert filtered.count("still open") == 1
    assert forced in filtered
    (alert,) = (await shop.do("GET", f"/v1/stores/{shop.store_id}/alerts", params={"kind": "door_forced"}))["items"]
    one = f"{path}/{alert['id']}"
    assert "Nobody by escalation" in (await shop.client.get(one)).text
    for step, form in (("acknowledgement", {}), ("resolution", {"note": "A courier"})):
        answer = await shop.client.post(f"{one}/{step}", data=form, headers=OURS)
        assert answer.headers["location"] == one
    page = (await shop.client.get(one)).text
    assert "A courier" in page
    assert "I look after it" not in page
    assert forced not in (await shop.client.get(path)).text
    assert forced in (await shop.client.get(path, params={"show": "all"})).text
    again = await shop.client.post(f"{one}/resolution", headers=OURS)
    assert (again.status_code, "alert_resolved" in again.text) == (409, True)
