"""What holds in a store, set in the console."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepay.console.fields import counted, major_units, minor_units
from tests.console.desk import OURS, signed_in
from tests.console.test_live import add_staff
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def send(shop: Shop, part: str, **form: Any) -> int:
    path = f"/console/stores/{shop.store_id}/settings{part}"
    return (await shop.client.post(path, data=form, headers=OURS)).status_code


async def test_each_form_sets_what_the_api_then_shows(shop: Shop) -> None:
    await signed_in(shop)
    store = f"/v1/stores/{shop.store_id}"
    assert await send(shop, "", name="Lake", timezone="Asia/Seoul", address="", region="", guests_max="3") == 303
    shown = await shop.do("GET", store)
    assert (shown["name"], shown["timezone"], shown["address"], shown["guests_max"]) == ("Lake", "Asia/Seoul", None, 3)

    hours = {"monday": "08:00-12:00, 13:00-17:00", "friday": "22:00-02:00"}
    assert await send(shop, "/schedules", name="Day", **hours) == 303
    (schedule,) = (await shop.do("GET", f"{store}/schedules"))["items"]
    assert schedule["timetable"]["weekly"] == {
        "monday": [["08:00", "12:00"], ["13:00", "17:00"]],
        "friday": [["22:00", "02:00"]],
    }
    special = schedule["timetable"] | {"special_days": {"2026-12-25": []}}
    await shop.do("PATCH", f"/v1/schedules/{schedule['id']}", json={"timetable": special})
    assert await send(shop, f"/schedules/{schedule['id']}", name="Short day", monday="09:00-10:00") == 303
    schedule = await shop.do("GET", f"/v1/schedules/{schedule['id']}")
    assert schedule["name"] == "Short day"
    assert schedule["timetable"] == {"weekly": {"monday": [["09:00", "10:00"]]}, "special_days": {"2026-12-25": []}}

    rules = {"capacity_max": "9", "face_must_show": "on", "opening_schedule_id": schedule["id"]}
    assert await send(shop, "/rules", **rules, closing_grace_minutes="5", refusals_within_minutes="10") == 303
    shown = await shop.do("GET", f"{store}/house-rules")
    assert (shown["capacity_max"], shown["face_must_show"], shown["tailgating_watched"]) == (9, True, False)
    assert shown["opening_schedule_id"] == schedule["id"]

    assert await send(shop, "/limits", payment_max="1,250.50", step_up_above="") == 303
    shown = await shop.do("GET", f"{store}/limits")
    assert (shown["payment_max"], shown["step_up_above"]) == (125_050, None)

    assert await send(shop, "/offline", mode="allow_signed_pass", payment_max="50", pass_max="80") == 303
    shown = await shop.do("GET", f"{store}/offline-policy")
    assert (shown["mode"], shown["payment_max"], shown["pass_max"]) == ("allow_signed_pass", 5_000, 8_000)
    page = (await shop.client.get(f"/console/stores/{shop.store_id}/settings")).text
    for value in ("1250.50", "09:00-10:00", "1 special day stays as it is."):
        assert value in page, value


async def test_what_makes_no_sense_is_refused_and_changes_nothing(shop: Shop) -> None:
    await signed_in(shop)
    assert await send(shop, "/limits", payment_max="12,50") == 422
    assert await send(shop, "/schedules", name="Day", monday="8 to 5") == 422
    assert await send(shop, "/rules", capacity_max="many") == 422
    assert (await shop.do("GET", f"/v1/stores/{shop.store_id}/limits"))["payment_max"] is None


async def test_who_may_not_change_them_sees_them_without_a_button(shop: Shop) -> None:
    await add_staff(shop, "auditor")
    await signed_in(shop, "auditor")
    page = await shop.client.get(f"/console/stores/{shop.store_id}/settings")
    assert page.status_code == 200
    assert "<button>Save</button>" not in page.text
    assert await send(shop, "/limits", payment_max="1") == 403


@given(st.integers(0, 10**13), st.sampled_from(["CNY", "KRW", "KWD"]))
def test_an_amount_that_a_form_shows_is_read_as_it_was(amount: int, currency: str) -> None:
    assert minor_units(major_units(amount, currency), currency) == amount


@pytest.mark.parametrize("typed", ["12,50", "1.234", "-1", "1e3", "٣", "1,00,000", "NaN"])
def test_what_is_no_amount_is_left_for_the_api_to_refuse(typed: str) -> None:
    assert minor_units(typed, "CNY") == typed
    assert minor_units("", "CNY") is None
    assert counted(" 7 ") == 7
