"""Badges, fingers and door PINs: who has which, and what is too easy to guess."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from facepay.access.credentials import Credential, Shown, badge_shown, fingerprint_shown
from facepay.access.door_pins import DuressTooAlike, compare_pin, judge_pin, refuse_alike
from facepay.access.issuing import CardOutOfRange, check_card
from facepay.members.pins import FAILURES_MAX, LOCKED_FOR
from tests.access.site import Site
from tests.answers import verdict
from tests.conftest import Clock
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
CARD = {"facility_code": 7, "number": 4711}
PINS = st.text("0123456789", min_size=4, max_size=8)


async def refused(shop: Shop, method: str, path: str, body: dict[str, Any]) -> str:
    return verdict(await shop.client.request(method, path, json=body, headers=shop.staff))[1]


@pytest.mark.parametrize(
    ("card_format", "facility_code", "number", "fits"),
    [
        ("wiegand26", 255, 65_535, True),
        ("wiegand26", 256, 1, False),
        ("wiegand26", 1, 65_536, False),
        ("wiegand37", 65_535, 524_287, True),
        ("wiegand37", 65_536, 1, False),
        ("wiegand37", 1, 524_288, False),
        ("desfire", 1, 2**63 - 1, True),
        ("desfire", 3, 2**63 - 1, False),
    ],
)
def test_a_card_has_as_many_bits_as_its_format(card_format: str, facility_code: int, number: int, fits: bool) -> None:
    try:
        check_card(card_format, facility_code, number)
    except CardOutOfRange:
        assert not fits
    else:
        assert fits


@given(PINS, st.data())
def test_a_duress_pin_is_not_typed_by_a_slip(pin: str, data: st.DataObject) -> None:
    place, digit = data.draw(st.integers(0, len(pin) - 1)), data.draw(st.sampled_from("0123456789"))
    slip = pin[:place] + digit + pin[place + 1 :]
    number = int(pin)
    neighbours = [f"{(number + step) % 10 ** len(pin):0{len(pin)}}" for step in (-1, 1)]
    for other in (pin, slip, *neighbours, pin[:-1], pin + digit):
        with pytest.raises(DuressTooAlike):
            refuse_alike(pin, other)


async def shown(app: FastAPI, clock: Clock, card_format: str = "wiegand26") -> Shown:
    async with app.state.database.read() as session:
        return await badge_shown(session, card_format=card_format, now=clock(), **CARD)


async def test_a_number_is_one_live_badge_whoever_asks_at_once_and_free_once_it_is_revoked(site: Site) -> None:
    shop, app, clock = site.shop, site.app, site.clock
    everywhere = await site.profile()
    holders = [await site.holder(everywhere) for _ in range(2)]
    paths = [f"/v1/holders/{each}/badges" for each in holders]
    answers = await asyncio.gather(*(shop.client.post(each, json=CARD, headers=shop.staff) for each in paths))
    assert sorted(each.status_code for each in answers) == [201, 409]
    first = next(each.json() for each in answers if each.is_success)
    loser = next(str(each) for each in holders if str(each) != first["holder_id"])
    assert (await shown(app, clock)).holder_id == UUID(first["holder_id"])
    assert (await shown(app, clock, "wiegand37")).fault == "badge_unknown"
    own = f"/v1/credentials/{first['id']}"
    await shop.do("PUT", f"{own}/suspension", json={"why": "Left at home"})
    assert (await shown(app, clock)).fault == "credential_suspended"
    await shop.do("DELETE", f"{own}/suspension")
    assert (await shown(app, clock)).fault is None
    await shop.do("PUT", f"{own}/revocation", json={"why": "Lost"})
    lost = await shown(app, clock)
    assert (lost.fault, lost.holder_id) == ("credential_revoked", UUID(first["holder_id"]))
    for change in ("suspension", "revocation"):
        assert await refused(shop, "PUT", f"{own}/{change}", {"why": "Found again"}) == "credential_revoked"
    until = (clock() + timedelta(hours=1)).isoformat()
    await shop.do("POST", f"/v1/holders/{loser}/badges", json=CARD | {"valid_until": until})
    assert (await shown(app, clock)).holder_id == UUID(loser)
    clock.ahead = timedelta(hours=1)
    assert (await shown(app, clock)).fault == "credential_ended"
    clock.ahead = timedelta()
    events = (await shop.do("GET", f"/v1/stores/{shop.store_id}/access-events?kind=credential"))["items"]
    said = [(each["code"], each["persons"][0]["details"]) for each in events if "credential" in each["code"]]
    assert said[::-1] == [
        ("credential_issued", {}),
        ("credential_suspended", {"why": "Left at home"}),
        ("credential_resumed", {}),
        ("credential_revoked", {"why": "Lost"}),
        ("credential_issued", {}),
    ]


async def test_readers_know_a_finger_as_one_persons(site: Site) -> None:
    shop, everywhere = site.shop, await site.profile()
    one, two = await site.holder(everywhere), await site.holder(everywhere)
    await shop.do("POST", f"/v1/holders/{one}/fingerprints", json={"reader_user": "1017"})
    assert await refused(shop, "POST", f"/v1/holders/{two}/fingerprints", {"reader_user": "1017"}) == "credential_taken"
    async with site.app.state.database.read() as session:
        assert (await fingerprint_shown(session, reader_user="1017", now=site.clock())).holder_id == one
        assert (await fingerprint_shown(session, reader_user="1018", now=site.clock())).fault == "finger_unknown"


async def test_door_pins_that_anybody_would_try_are_refused_and_none_is_ever_shown(site: Site) -> None:
    shop = site.shop
    member = await shop.add_member(0, enrol=False, phone="+8613800137394", pin="739150")
    holder = await site.holder(await site.profile(), member_id=member)
    path = f"/v1/holders/{holder}/door-pin"
    for pin in ("1234", "0000", "1212", "7394"):
        assert await refused(shop, "PUT", path, {"pin": pin}) == "weak_pin", pin
        assert await refused(shop, "PUT", path, {"pin": "2718", "duress_pin": pin}) == "weak_pin", pin
    for pin in ("271", "271828182", "27a8"):
        assert await refused(shop, "PUT", path, {"pin": pin}) == "invalid_request", pin
    for duress in ("2718", "2719", "2728", "27185"):
        body = {"pin": "2718", "duress_pin": duress}
        assert await refused(shop, "PUT", path, body) == "duress_pin_too_alike", duress
    body = {"pin": "2718", "duress_pin": "9046"}
    first, second = [await shop.do("PUT", path, json=body) for _ in range(2)]
    listed = (await shop.do("GET", f"/v1/holders/{holder}/credentials"))["items"]
    assert [(each["id"], each["revoked_why"]) for each in listed] == [(second["id"], None), (first["id"], "replaced")]
    async with site.app.state.database.read() as session:
        kept = list(await session.scalars(select(Credential)))
    old, new = sorted(kept, key=lambda each: each.id)
    assert (str(old.id), old.pin_hash, old.duress_hash) == (first["id"], None, None), (
        "a PIN that is used elsewhere, too"
    )
    assert new.pin_hash.startswith("$argon2id$")
    assert new.duress_hash not in (None, new.pin_hash)
    assert not any("argon2" in str(value) or value in body.values() for each in listed for value in each.values())


async def test_guesses_side_by_side_are_counted_one_by_one(site: Site) -> None:
    database, hasher = site.app.state.database, site.app.state.password_hasher
    holder = await site.holder(await site.profile())
    await site.pin(holder, "2718", "9046")

    async def type_in(pin: str) -> Shown:
        async with database.read() as session:
            typed = await compare_pin(session, holder_id=holder, pin=pin, hasher=hasher)
        async with database.begin() as session:
            return await judge_pin(session, holder_id=holder, typed=typed, now=site.clock())

    assert await type_in("2718") == Shown(holder, (await type_in("9046")).credential_id)
    assert (await type_in("9046")).duress
    faults = [each.fault for each in await asyncio.gather(*(type_in(f"86{each}1") for each in range(FAILURES_MAX + 3)))]
    assert (faults.count("pin_wrong"), faults.count("pin_locked")) == (FAILURES_MAX - 1, 4)
    assert (await type_in("2718")).fault == "pin_locked"
    under_threat = await type_in("9046")
    assert (under_threat.fault, under_threat.duress) == ("pin_locked", True), "help is called though it opens nothing"
    site.clock.ahead = LOCKED_FOR
    assert (await type_in("2718")).fault is None
    async with database.read() as session:
        typed = await compare_pin(session, holder_id=holder, pin="2718", hasher=hasher)
    await site.shop.do("PUT", f"/v1/holders/{holder}/door-pin", json={"pin": "5772"})
    async with database.begin() as session:
        judged = await judge_pin(session, holder_id=holder, typed=typed, now=site.clock())
    assert judged.fault == "credential_revoked", "it was the PIN until a moment ago"
