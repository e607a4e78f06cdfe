"""A face is kept no longer than its consent lasts and the law of the place allows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import update

from facepay.kernel.jurisdictions import LAWS, Jurisdiction, idle_days
from facepay.members.biometric_uses import BiometricUse
from facepay.members.consents import Consent
from facepay.privacy.receipts import Signer
from facepay.privacy.retention import filings_near, forget_uses, retain
from tests.answers import verdict
from tests.conftest import Clock, OpenShop
from tests.photos import people
from tests.rewards.till import pass_by
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
CONSENT = {"policy_version": "2026-01", "accepted": True}


def app_of(shop: Shop) -> FastAPI:
    return shop.client._transport.app  # type: ignore[attr-defined, no-any-return]


async def keep_house(shop: Shop, clock: Clock) -> int:
    state = app_of(shop).state
    return await retain(
        state.database, settings=state.settings, signer=Signer(state.master_key), now=clock(), erasures_max=10
    )


async def status(shop: Shop) -> dict[str, Any]:
    found = await shop.do("GET", "/v1/privacy")
    return {key: found[key] for key in ("enrolled_people", "consents_ended", "consents_ending")} | {
        each["jurisdiction"]: each["idle"] for each in found["jurisdictions"]
    }


async def enrolled_under(shop: Shop, number: int, law: Jurisdiction) -> str:
    body = {"display_name": f"Person {number}", "consent": CONSENT | {"jurisdiction": law}}
    member_id: str = (await shop.do("POST", "/v1/members", json=body))["id"]
    await shop.do("PUT", f"/v1/members/{member_id}/face", files=[("frames", ("face.jpg", people()[number]))])
    return member_id


async def test_a_face_goes_when_its_member_was_not_seen_for_as_long_as_their_law_says(shop: Shop, clock: Clock) -> None:
    laws = (Jurisdiction.TEXAS, Jurisdiction.TEXAS, Jurisdiction.ILLINOIS)
    members = [await enrolled_under(shop, number, law) for number, law in enumerate(laws)]
    await pass_by(shop, clock, days=360)
    assert (await shop.at_gate(1)).json()["code"] == "welcome"
    assert await keep_house(shop, clock) == 0
    await pass_by(shop, clock, days=10)
    assert await status(shop) == {
        "enrolled_people": 3,
        "consents_ended": 0,
        "consents_ending": 0,
        "CN": 0,
        "US-TX": 1,
        "US-IL": 0,
    }
    assert await keep_house(shop, clock) == 1, "the other Texan came by, and Illinois has three years"
    (receipt,) = [each for each in (await shop.do("GET", "/v1/erasures"))["items"] if each["erased"].get("template")]
    assert (receipt["reason"], receipt["erased_by"]) == ("retention", "system:retention")
    assert (await shop.at_gate(0)).json()["code"] == "unknown_face"
    assert (await shop.do("GET", f"/v1/members/{members[0]}"))["consent"] is None
    await pass_by(shop, clock, days=3 * 365)
    assert await keep_house(shop, clock) == 2
    assert (await status(shop))["enrolled_people"] == 0


async def test_a_consent_runs_out_unless_it_is_given_again_in_time(open_shop: OpenShop, clock: Clock) -> None:
    shop = await open_shop(consent_lasts_days=100, consent_warning_days=30)
    kept, gone = await shop.add_member(0), await shop.add_member(1)
    path = f"/v1/members/{kept}/consent"
    first = (await shop.do("GET", f"/v1/members/{kept}"))["consent"]
    assert await shop.do("PUT", path, json=CONSENT) == first, "too early to be given anew"
    await pass_by(shop, clock, days=80)
    ending = await shop.do("GET", "/v1/consents/ending")
    assert [each["member_id"] for each in ending["items"]] == [gone, kept]
    assert (await status(shop))["consents_ending"] == 2
    again = await shop.do("PUT", path, json=CONSENT)
    assert again["expires_at"] > first["expires_at"]
    await pass_by(shop, clock, days=21)
    assert (await status(shop))["consents_ended"] == 1
    photo = [("frames", ("face.jpg", people()[1], "image/jpeg"))]
    refused = await shop.client.put(f"/v1/members/{gone}/face", files=photo, headers=shop.staff)
    assert verdict(refused) == (403, "consent_required")
    assert await keep_house(shop, clock) == 1
    assert [(await shop.at_gate(number)).json()["code"] for number in (0, 1)] == ["welcome", "unknown_face"]


async def test_the_shops_own_limit_holds_where_it_is_shorter() -> None:
    assert idle_days(Jurisdiction.ILLINOIS, own_max=400) == 400
    assert idle_days(Jurisdiction.ILLINOIS, own_max=2000) == 3 * 365
    assert idle_days(Jurisdiction.EUROPEAN_UNION, own_max=400) == 400
    assert set(LAWS) == set(Jurisdiction)


async def test_a_filing_is_near_from_ninety_percent_on() -> None:
    people = {Jurisdiction.CHINA: 90_000, Jurisdiction.EUROPEAN_UNION: 1_000_000}
    assert filings_near(people) == {Jurisdiction.CHINA: 100_000}
    assert filings_near(people | {Jurisdiction.CHINA: 89_999}) == {}


async def test_the_trail_is_kept_for_its_time(shop: Shop, app: FastAPI, clock: Clock) -> None:
    member = await shop.add_member(0)
    await shop.do("GET", f"/v1/members/{member}/export")
    settings = app.state.settings
    async with app.state.database.begin() as session:
        old = clock() - timedelta(days=settings.biometric_uses_kept_days + 1)
        await session.execute(update(BiometricUse).where(BiometricUse.use == "enrolled").values(used_at=old))
    assert await forget_uses(app.state.database, settings=settings, now=clock()) == 1
    left = await shop.do("GET", f"/v1/members/{member}/biometric-uses")
    assert [each["use"] for each in left["items"]] == ["exported"]
    monitor = (await shop.add_device("monitor"))[1]
    assert "facepay_enrolled_people 1.0" in (await shop.client.get("/metrics", headers=monitor)).text


async def test_a_consent_from_before_jurisdictions_counts_as_the_chains(shop: Shop, app: FastAPI, clock: Clock) -> None:
    await shop.add_member(0)
    async with app.state.database.begin() as session:
        assert await session.scalar(update(Consent).values(jurisdiction=None).returning(Consent.expires_at)) is None
    await pass_by(shop, clock, days=1096)
    assert (await status(shop))["CN"] == 1
