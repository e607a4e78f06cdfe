"""A frame is kept where the shop says so, shown with a reason, and gone when its time has come."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import cv2
import numpy as np
import pytest

from facepay.kernel.ids import new_id
from facepay.templates.evidence import Exhibit, forget_evidence, frame_of
from facepay.templates.rekeying import rekey
from facepay.templates.templates import MemberKey, TemplateKey
from tests.answers import verdict
from tests.checkout.test_round_trips import recorded
from tests.conftest import Clock, OpenShop
from tests.photos import people, stranger
from tests.privacy.catalogue import rows
from tests.processes import NOW, OpenProcess, Process, Seen
from tests.review.counter import Counter

pytestmark = pytest.mark.anyio


async def test_evidence_is_kept_where_the_shop_says_so_and_every_look_is_on_record(
    open_shop: OpenShop, clock: Clock, database_url: str
) -> None:
    shop = await open_shop(evidence_days=7)
    counter, member = Counter(shop), await shop.add_member(0, balance=10_000)
    await shop.at_gate(stranger())
    paid = (await shop.at_kiosk(0, {"TEA-001": 1})).json()
    entry = (await shop.at_gate(0)).json()
    kept = rows(database_url)["decision_frame"]
    assert len(kept) == 2, "nothing is kept of a stranger"
    assert all("ffd8ff" not in each for each in kept), "it rests sealed"
    dispute = await counter.opened("checkout", paid["checkout_id"])
    assert (await counter.see(dispute))["evidence_until"]

    assert verdict(await counter.look(dispute, reason=None)) == (422, "invalid_request")
    looked = await counter.look(dispute)
    assert (looked.headers["content-type"], looked.headers["cache-control"]) == ("image/jpeg", "no-store")
    pixels = cv2.imdecode(np.frombuffer(looked.content, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    assert max(pixels.shape) <= 480
    assert len(looked.content) < 60_000
    (access,) = (await shop.do("GET", f"/v1/disputes/{dispute}/evidence/accesses"))["items"]
    assert access["reason"] == "The member asked"
    trail = (await shop.do("GET", f"/v1/members/{member}/biometric-uses"))["items"]
    assert (trail[0]["use"], trail[0]["actor"]) == ("evidence_viewed", f"staff:{access['staff_id']}")
    assert trail[0]["reference_id"] == paid["checkout_id"]

    assert "evidence_deleted" in (await counter.resolved(dispute, "wrong"))["consequences"]
    assert verdict(await counter.look(dispute)) == (404, "evidence_not_kept"), "it showed somebody else"
    other = await counter.opened("gate_attempt", entry["attempt_id"])
    clock.ahead += timedelta(days=7)
    shop = await shop.reached_by(shop.client)
    assert verdict(await Counter(shop).look(other)) == (404, "evidence_not_kept"), "whether it was swept up or not"
    assert await forget_evidence(shop.app.state.database, lasts=timedelta(days=7), now=clock()) == 1
    assert rows(database_url)["decision_frame"] == []


async def test_no_evidence_is_kept_by_default_and_no_further_statement_keeps_it(
    open_shop: OpenShop, database_url: str
) -> None:
    shop, keeping = await open_shop(), await open_shop(evidence_days=7)
    await shop.add_member(0, balance=10_000)
    await shop.at_kiosk(0, {"TEA-001": 1})  # opens the store's accounts
    asked = list[int]()
    for number, till in enumerate((shop, keeping)):
        with recorded() as sent:
            assert (await till.at_kiosk(0, {"TEA-001": 1})).json()["code"] == "paid"
        asked.append(len(sent))
        assert len(rows(database_url)["decision_frame"]) == number
    assert asked[1] == asked[0]


async def test_a_shop_that_stops_keeping_evidence_keeps_none_that_it_has(
    open_shop: OpenShop, clock: Clock, database_url: str
) -> None:
    shop = await open_shop(evidence_days=7)
    counter, database = Counter(shop), shop.app.state.database
    await shop.add_member(0)
    entry = (await shop.at_gate(0)).json()
    dispute = await counter.opened("gate_attempt", entry["attempt_id"])
    assert await forget_evidence(database, lasts=timedelta(days=2), now=clock()) == 0
    clock.ahead += timedelta(minutes=5)
    assert (await counter.look(dispute)).status_code == 200, "fewer days begin when they are set"
    assert await forget_evidence(database, lasts=timedelta(), now=clock()) == 1
    assert verdict(await counter.look(dispute)) == (404, "evidence_not_kept")
    assert rows(database_url)["decision_frame"] == []


async def test_an_erased_member_leaves_no_dispute_and_no_picture(open_shop: OpenShop, database_url: str) -> None:
    shop = await open_shop(evidence_days=7)
    counter, member = Counter(shop), await shop.add_member(0)
    entry = (await shop.at_gate(0)).json()
    dispute = await counter.opened("gate_attempt", entry["attempt_id"])
    await counter.look(dispute)
    exported = (await shop.do("GET", f"/v1/members/{member}/export"))["tables"]
    assert [each["reason"] for each in exported["dispute"]] == ["I wasn't there"]
    assert [each["reason"] for each in exported["evidence_access"]] == ["The member asked"]
    await shop.do("DELETE", f"/v1/members/{member}/face")
    assert verdict(await counter.look(dispute)) == (404, "evidence_not_kept"), "it goes with the face"
    await shop.do("DELETE", f"/v1/members/{member}")
    left = rows(database_url)
    assert [left[table] for table in ("decision_frame", "dispute", "evidence_access")] == [[], [], []]
    assert verdict(await counter.resolve(dispute, "wrong")) == (404, "dispute_not_found")


async def test_a_frame_moves_to_a_new_master_key_with_its_member(
    process: Process, open_process: OpenProcess, photo: Seen
) -> None:
    member, decision = await process.add_enrolled(photo(0)), new_id()
    async with process.database.begin() as session:
        row = await session.get_one(TemplateKey, member)
        key = MemberKey(member, row.key_id or "", row.wrapped_key or b"")
        exhibit = Exhibit(people()[0], process.keeper.protection, timedelta(days=1))
        exhibit.keep(session, key=key, decision_id=decision, now=NOW)
    new = open_process(master_key=bytes([7] * 32), others=[bytes(32)])
    await rekey(new.database, protection=new.keeper.protection)
    alone = open_process(master_key=bytes([7] * 32))
    async with alone.database.begin() as session:
        found = await frame_of(session, decision_id=decision, protection=alone.keeper.protection, now=NOW)
    assert found == (member, people()[0])


async def test_whoever_disputes_looks_or_resolves_while_a_member_is_erased_leaves_nothing_of_them(
    open_shop: OpenShop, database_url: str
) -> None:
    shop = await open_shop(evidence_days=7)
    counter, member = Counter(shop), await shop.add_member(0)
    first, second = [(await shop.at_gate(0, way)).json()["attempt_id"] for way in ("entries", "exits")]
    dispute = await counter.opened("gate_attempt", first)
    erased, *answers = await asyncio.gather(
        shop.client.delete(f"/v1/members/{member}", headers=shop.staff),
        counter.dispute("gate_attempt", second),
        *(counter.look(dispute) for _ in range(3)),
        counter.resolve(dispute, "right"),
    )
    assert erased.status_code == 200
    assert all(each.status_code < 500 for each in answers), [each.text for each in answers]
    left = rows(database_url)
    assert [left[table] for table in ("decision_frame", "evidence_access", "biometric_use")] == [[], [], []]
    assert not any(member in each for each in left["dispute"])
