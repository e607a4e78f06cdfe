"""Reservations: who may, what is promised, and what becomes of it when nobody comes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import Clock
from tests.shop import Shop
from tests.test_drives.forecourt import DEPOSIT, FEES, Forecourt

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def reasons(court: Forecourt, member: str, **more: Any) -> list[str]:
    quote = await court.shop.do("POST", "/v1/test-drives/quote", json=court.asked(member, **more))
    response = await court.reserve(member, **more)
    assert (response.status_code, response.json()["reasons"]) == (409, quote["reasons"])
    return list(quote["reasons"])


async def test_nobody_drives_without_a_checked_birthday_and_a_checked_licence_of_the_class(shop: Shop) -> None:
    court = await Forecourt.open(shop)
    member = await shop.add_member_without_face(balance=DEPOSIT)
    path = f"/v1/members/{member}"
    assert await reasons(court, member) == ["age_check_needed", "licence_missing"]
    await shop.do("PUT", f"{path}/age-check", json={"born_on": "2015-01-01"})
    licence = {"number": "440106199005011234", "classes": ["C1"], "expires_on": "2190-01-01"}
    noted = await shop.do("PUT", f"{path}/driving-licence", json=licence)
    assert noted["number_last_four"] == "1234"
    assert "number" not in noted
    assert await reasons(court, member) == ["too_young", "licence_pending"]
    await shop.do("PUT", f"{path}/age-check", json={"born_on": "1990-05-01"})
    refused = {"accepted": False, "reason": "Not their photograph"}
    await shop.do("POST", f"{path}/driving-licence/check", json=refused)
    assert await reasons(court, member) == ["licence_refused"]
    await shop.do("PUT", f"{path}/driving-licence", json=licence | {"classes": ["D"]})
    await shop.do("POST", f"{path}/driving-licence/check", json={"accepted": True})
    assert await reasons(court, member) == ["licence_of_other_class"]
    ends = (court.now() + timedelta(days=2)).date().isoformat()
    await shop.do("PUT", f"{path}/driving-licence", json=licence | {"expires_on": ends})
    await shop.do("POST", f"{path}/driving-licence/check", json={"accepted": True})
    assert await reasons(court, member) == ["licence_expired"]
    other = await shop.add_member_without_face(name="Li")
    response = await shop.client.put(
        f"/v1/members/{other}/driving-licence", json=licence | {"number": "44010619900501 1234"}, headers=shop.staff
    )
    assert (response.status_code, response.json()["code"]) == (409, "licence_of_another")


async def test_each_model_is_driven_once_and_five_drives_begin_in_two_months(shop: Shop) -> None:
    court = await Forecourt.open(shop)
    member = await court.add_driver(balance=10 * DEPOSIT)
    start = court.now() + timedelta(days=1)
    await court.reserved(member, start)
    assert await reasons(court, member, starts_at=start + timedelta(days=5)) == ["model_driven_before"]
    for number in range(2, 7):
        body = {"name": f"Model {number}", "licence_class": "C1"}
        model = (await shop.do("POST", "/v1/car-models", json=body))["id"]
        await court.add_car(number, model)
        response = await court.reserve(member, start + timedelta(days=5 * number), model_id=model)
        if number < 6:
            assert response.status_code == 201, response.text
    assert response.json()["reasons"] == ["too_many_drives"]


async def test_a_score_out_of_range_is_refused_and_an_old_one_forgotten(shop: Shop, clock: Clock) -> None:
    court = await Forecourt.open(shop)
    member = await court.add_driver(score=950)
    path = f"/v1/members/{member}/drive-credit"
    told = {"score": 951, "provider": "Sesame Credit", "as_of": "2026-01-01"}
    response = await shop.client.put(path, json=told, headers=shop.staff)
    assert (response.status_code, response.json()["code"]) == (422, "score_out_of_range")
    quote = await shop.do("POST", "/v1/test-drives/quote", json=court.asked(member))
    assert quote["terms"]["level"] == "Trusted"
    await court.later(clock, days=181)
    quote = await court.shop.do("POST", "/v1/test-drives/quote", json=court.asked(member))
    assert quote["terms"]["level"] == "Everybody"


async def test_what_was_quoted_holds_whatever_the_rules_say_later(shop: Shop) -> None:
    court = await Forecourt.open(shop)
    member = await court.add_driver()
    drive = await court.reserved(member)
    fees = (await shop.do("GET", "/v1/products", params={"search": "fee-1"}))["items"]
    await shop.do("PATCH", f"/v1/products/{fees[0]['id']}", json={"price": 99_999})
    await court.set_rules(levels=[{"name": "Nobody", "score_min": 900, "deposit": 1}], drive_hours=1)
    await court.take_out(member, drive["number"])
    out = await court.drive(drive["id"])
    assert (out["charges"][0]["amount"], out["due_at"]) == (FEES["FEE-1"], drive["due_at"])


async def test_a_deposit_is_held_from_the_reservation_on_which_costs_a_fee_if_it_is_given_up_late(shop: Shop) -> None:
    court = await Forecourt.open(shop)
    member = await court.add_driver(balance=DEPOSIT - 1)
    refused = await court.reserve(member)
    assert (refused.status_code, refused.json()["code"]) == (409, "deposit_not_covered")
    assert await court.wallet(member) == (DEPOSIT - 1, 0)
    await shop.top_up(member, 1)
    early = await court.reserved(member, court.now() + timedelta(hours=25))
    assert await court.wallet(member) == (0, DEPOSIT)
    assert (await court.act(f"/{early['id']}/cancellation", {})).json()["state"] == "cancelled"
    assert await court.wallet(member) == (DEPOSIT, 0)
    await shop.top_up(member, FEES["CANCEL-1"])
    late = await court.reserved(member, court.now() + timedelta(hours=23))
    key = "give-up-0001"
    first = await court.act(f"/{late['id']}/cancellation", {}, key=key)
    again = await court.act(f"/{late['id']}/cancellation", {}, key=key)
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert await court.wallet(member) == (DEPOSIT, 0)
    waived = await court.reserved(member, court.now() + timedelta(hours=2))
    await court.act(f"/{waived['id']}/cancellation", {"waive": "The car was stolen"})
    assert await court.wallet(member) == (DEPOSIT, 0)


async def test_nobody_comes_and_the_car_is_free_again(shop: Shop, clock: Clock) -> None:
    court = await Forecourt.open(shop, drives_per_model_max=9)
    member = await court.add_driver()
    for missed in range(1, 4):
        drive = await court.reserved(member)
        await court.later(clock, minutes=66)
        ended = await court.drive(drive["id"])
        assert (ended["state"], [each["kind"] for each in ended["charges"]]) == ("no_show", ["no_show"])
        assert await court.wallet(member) == (200_000 - missed * FEES["NOSHOW-1"], 0)
    assert await reasons(court, member) == ["too_many_no_shows"]


async def test_the_calendar_shows_on_which_days_cars_are_free(shop: Shop) -> None:
    court = await Forecourt.open(shop, cars=2)
    member = await court.add_driver()
    start = (court.now() + timedelta(days=3)).replace(hour=4, minute=0)
    await court.reserved(member, start)
    path = f"/v1/stores/{shop.store_id}/car-models/{court.model_id}/calendar"
    first = (start - timedelta(days=1)).date().isoformat()
    days = (await shop.do("GET", path, params={"first": first, "days": 6}))["days"]
    assert [each["cars_free"] for each in days] == [2, 1, 1, 1, 1, 2]


async def test_an_app_reserves_and_waives_nothing(shop: Shop) -> None:
    court = await Forecourt.open(shop)
    member = await court.add_driver()
    body = {"username": "app", "display_name": "App", "password": "another pass phrase", "role": "app"}
    await shop.do("POST", "/v1/staff", json=body)
    form = {"username": "app", "password": "another pass phrase"}
    token = (await shop.client.post("/v1/auth/token", data=form)).json()["access_token"]
    owner, shop.staff = shop.staff, {"Authorization": f"Bearer {token}"}
    drive = await court.reserved(member)
    response = await court.act(f"/{drive['id']}/cancellation", {"waive": "I say so"})
    assert (response.status_code, response.json()["missing_scopes"]) == (403, ["drives:write"])
    release = {"machine_id": court.machine_id, "reason": "I say so"}
    assert (await court.act(f"/{drive['id']}/release", release)).status_code == 403
    shop.staff = owner
