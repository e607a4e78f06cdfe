"""A drive from its reservation to the car's inspection."""

from __future__ import annotations

import pytest

from tests.shop import Shop
from tests.test_drives.forecourt import DEPOSIT, FEES, Forecourt

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_a_member_drives_for_three_days_and_gets_the_deposit_back(shop: Shop) -> None:
    court = await Forecourt.open(shop)
    member = await court.add_driver(0)
    quote = await shop.do("POST", "/v1/test-drives/quote", json=court.asked(member))
    assert quote["reasons"] == []
    assert quote["terms"]["fee"] == FEES["FEE-1"]
    drive = await court.reserved(member)
    assert await court.wallet(member) == (200_000 - DEPOSIT, DEPOSIT)
    refused = await court.show_face(0, "1234567x")
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    shown, again = [await court.show_face(0, drive["number"], key="handover-0001") for _ in range(2)]
    answer = shown.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["handover_id"] == answer["handover_id"]
    assert len(await court.commands()) == 1
    assert (answer["decision"], answer["code"], answer["locker"]) == ("open", "opening", 1)
    assert (await court.drive(drive["id"]))["state"] == "opening"
    await court.acknowledge()
    out = await court.drive(drive["id"])
    assert (out["state"], out["mileage_out_km"]) == ("out", 100)
    assert [(each["kind"], each["amount"]) for each in out["charges"]] == [("fee", FEES["FEE-1"])]
    back = (await court.bring_back(drive["number"])).json()
    assert (back["state"], back["late_hours"], back["photos"]) == ("returned", 0, 1)
    closed = (await court.act(f"/{drive['id']}/inspection", {})).json()
    assert (closed["state"], closed["deposit"]) == ("closed", 0)
    assert await court.wallet(member) == (200_000 - FEES["FEE-1"], 0)
    notices = [each["kind"] for each in (await shop.do("GET", f"/v1/members/{member}/notices"))["items"]]
    assert notices == ["drive_closed", "drive_returned", "drive_picked_up", "drive_reserved"]


async def test_a_good_standing_drives_for_nothing(shop: Shop) -> None:
    court = await Forecourt.open(shop)
    member = await court.add_driver(score=720)
    drive = await court.reserved(member)
    assert drive["terms"]["level"] == "Trusted"
    await court.take_out(member, drive["number"])
    assert (await court.drive(drive["id"]))["charges"] == []
    assert await court.wallet(member) == (200_000 - DEPOSIT, DEPOSIT)
