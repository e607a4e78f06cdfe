from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from facepay.offline import taking
from facepay.simulate.journal import Journal
from tests.offline.field import TEA, UMBRELLA, Field, outcomes, tell_raw

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
ACCEPTED = ("accepted", "accepted")


async def test_a_visit_without_network_is_told_later_and_happened_when_it_did(field: Field) -> None:
    shop = field.shop
    await field.stock("TEA-001", 10)
    member = await shop.add_member_without_face(balance=5_000)
    shown = await field.signed_pass(member)
    gate, kiosk = await field.device("gate"), await field.device("kiosk")
    tea = next(each for each in (await shop.do("GET", "/v1/products"))["items"] if each["sku"] == "TEA-001")
    await shop.do("PATCH", f"/v1/products/{tea['id']}", json={"price": 9_900})
    assert gate.admit(shown).allowed
    assert kiosk.sell(shown, TEA).total == 900, "the price that was shown"
    left_at = field.clock()
    assert gate.admit(shown, "exit").allowed
    field.clock.ahead += timedelta(minutes=40)
    assert await shop.balance(member) == 5_000

    assert outcomes(await kiosk.tell()) == [ACCEPTED]
    assert outcomes(await gate.tell()) == [ACCEPTED, ACCEPTED]

    (visit,) = (await shop.do("GET", f"/v1/stores/{shop.store_id}/visits"))["items"]
    assert abs(datetime.fromisoformat(visit["left_at"]) - left_at) < timedelta(minutes=1)
    assert await shop.balance(member) == 4_100
    assert await field.stock_left("TEA-001") == 8
    assert await field.books_are_in_order()


async def test_what_was_told_before_keeps_its_verdict_and_is_not_done_twice(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = await field.shop.add_member_without_face(balance=5_000)
    shown, kiosk = await field.signed_pass(member), await field.device("kiosk")
    kiosk.sell(shown, TEA)
    first, again = await tell_raw(kiosk), await tell_raw(kiosk)
    assert first.json()["verdicts"] == again.json()["verdicts"]
    assert await field.shop.balance(member) == 4_100
    untold = kiosk.journal.untold()
    assert untold
    changed = untold.posts[0] | {"total": 100}
    answer = await tell_raw(kiosk, posts=[changed])
    assert (answer.status_code, answer.json()["code"]) == (409, "offline_post_conflict"), (
        "another story under its number"
    )
    in_another_run = (await tell_raw(kiosk, run=str(uuid4()))).json()
    assert outcomes(in_another_run["verdicts"]) == [("disputed", "told_before")]
    for nonsense in ({"at": "0001-01-01T00:00:00Z"}, {"at": "9999-12-31T23:59:59Z"}, {"uptime_ms": 2**60}):
        answer = await tell_raw(kiosk, sent=kiosk.moment().told() | nonsense)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")

    # The queue outlives the device and an answer that got lost.
    kiosk.journal.close()  # the power goes
    kiosk.journal = Journal(field.folder / f"{kiosk.device_id}.sqlite")
    assert kiosk.journal.waiting == 1
    request = kiosk.client.request
    lost: list[httpx.Response] = []

    async def lose_the_first(*args: Any, **kwargs: Any) -> httpx.Response:
        answer = await request(*args, **kwargs)
        if not lost:
            lost.append(answer)
            raise httpx.ReadError("cut")
        return answer

    monkeypatch.setattr(kiosk.client, "request", lose_the_first)
    assert outcomes(await kiosk.tell()) == [ACCEPTED]
    assert lost
    assert (kiosk.journal.waiting, await field.shop.balance(member)) == (0, 4_100)


async def test_a_gap_waits_for_what_came_before_and_a_crash_between_two_posts_loses_none_and_doubles_none(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = await field.shop.add_member_without_face(balance=5_000)
    shown, kiosk = await field.signed_pass(member), await field.device("kiosk")
    for _ in range(4):
        kiosk.sell(shown, TEA)
    untold = kiosk.journal.untold()
    assert untold
    one, two, three, _ = untold.posts
    answer = (await tell_raw(kiosk, posts=[two])).json()
    assert (answer["verdicts"], answer["waiting_for"]) == ([], 1)
    answer = (await tell_raw(kiosk, posts=[one, three])).json()
    assert ([each["sequence"] for each in answer["verdicts"]], answer["waiting_for"]) == ([1], 2)
    do, done = taking._do, []

    async def crash_in_the_second(*args: Any) -> str | None:
        fault = await do(*args)
        done.append(fault)
        if len(done) == 2:  # after its work, before its commit
            raise RuntimeError("the power went")
        return fault

    monkeypatch.setattr(taking, "_do", crash_in_the_second)
    assert (await tell_raw(kiosk)).status_code == 500
    assert await field.shop.balance(member) == 5_000 - 2 * 900
    assert outcomes(await kiosk.tell()) == [ACCEPTED] * 4
    assert await field.shop.balance(member) == 5_000 - 4 * 900
    assert await field.books_are_in_order()


async def test_a_sale_beyond_the_wallet_is_owed_keeps_them_out_and_is_settled_by_a_top_up(field: Field) -> None:
    shop = field.shop
    member = await shop.add_member_without_face(balance=5_000)
    shown, kiosk = await field.signed_pass(member), await field.device("kiosk")
    assert kiosk.sell(shown, UMBRELLA).allowed
    (told,) = await kiosk.tell()
    assert (told["verdict"], told["owed"], await shop.balance(member)) == ("accepted_with_debt", 900, 0)

    entry = await shop.pass_at_gate((await shop.issue_pass(member))["pass"])
    assert (entry.json()["decision"], entry.json()["code"]) == ("deny", "debt_unsettled")
    another = await shop.client.post(
        f"/v1/members/{member}/offline-passes", json={"amount_max": 100}, headers=shop.staff
    )
    assert (another.status_code, another.json()["code"]) == (409, "debt_unpaid")
    await kiosk.sync()
    assert kiosk.sell(shown, TEA).code == "pass_revoked"

    await shop.top_up(member, 1_000)
    assert (await shop.pass_at_gate((await shop.issue_pass(member))["pass"])).json()["code"] == "welcome"
    assert await shop.balance(member) == 100
    assert await field.books_are_in_order()


async def test_two_devices_take_one_pass_and_what_exceeds_it_is_for_staff(field: Field) -> None:
    shop = field.shop
    await field.stock("UMB-003", 1)
    member = await shop.add_member_without_face(balance=20_000)
    shown = await field.signed_pass(member, amount_max=10_000)
    one, two = await field.device("kiosk"), await field.device("kiosk")
    assert one.sell(shown, UMBRELLA).allowed
    assert one.sell(shown, UMBRELLA).code == "pass_overdrawn"
    assert two.sell(shown, UMBRELLA).allowed

    assert outcomes(await two.tell()) == [ACCEPTED]
    assert outcomes(await one.tell()) == [("disputed", "pass_overdrawn")]
    assert await shop.balance(member) == 14_100
    (alert,) = (await shop.do("GET", f"/v1/stores/{shop.store_id}/alerts", params={"kind": "offline_dispute"}))["items"]
    assert member not in str(alert)

    (dispute,) = await field.disputes()
    assert (dispute["member_id"], dispute["goods"]) == (member, [{"sku": "UMB-003", "quantity": 1, "price": 5900}])
    path, body = f"/v1/offline-posts/{dispute['id']}/resolution", {"outcome": "charged", "note": "On camera"}
    settled = await shop.do("POST", path, json=body)
    assert (settled["order_id"] is None, settled["outcome"]) == (False, "charged")
    again = await shop.client.post(path, json=body, headers=shop.staff)
    assert (again.status_code, again.json()["code"]) == (409, "nothing_to_settle")
    assert await shop.balance(member) == 8_200
    assert (await field.disputes(), len(await field.disputes(settled=True))) == ([], 1)
    assert await field.stock_left("UMB-003") == 0  # the count said one, and two were sold
    assert await field.books_are_in_order()


async def test_the_doors_of_one_visit_may_tell_their_halves_in_any_order(field: Field) -> None:
    """In at one gate, out at a lane that tells first; then in and out with network, while the gate is still to tell."""
    shop = field.shop
    member = await shop.add_member_without_face()
    shown, gate, lane = await field.signed_pass(member), await field.device("gate"), await field.device("lane")

    def later() -> None:
        field.clock.ahead += timedelta(minutes=1)

    for device, kind in ((gate, "entry"), (lane, "exit"), (gate, "entry")):
        assert device.admit(shown, kind).allowed  # type: ignore[arg-type]
        later()
    assert outcomes(await lane.tell()) == [("accepted", "not_inside")]
    out = await shop.pass_at_gate((await shop.issue_pass(member))["pass"], "exits")
    assert (out.json()["decision"], out.json()["code"]) == ("open", "not_inside")
    later()
    assert (await shop.pass_at_gate((await shop.issue_pass(member))["pass"])).json()["code"] == "welcome"

    assert outcomes(await gate.tell()) == [ACCEPTED, ACCEPTED]
    visits = (await shop.do("GET", f"/v1/stores/{shop.store_id}/visits"))["items"]
    times = sorted((each["entered_at"], each["left_at"] or "still") for each in visits)
    assert [left == "still" for _, left in times] == [False, False, True]
    assert times[0][1] < times[1][0] < times[1][1] < times[2][0]
    assert str(lane.device_id) in {each["exit_gate_id"] for each in visits}


async def test_nobody_is_inside_twice_and_the_second_entry_is_explained_by_an_exit_that_is_told_after_it(
    field: Field,
) -> None:
    shop = field.shop
    member = await shop.add_member_without_face()
    shown, gate, other = await field.signed_pass(member), await field.device("gate"), await field.device("gate")
    for device, kind in ((gate, "entry"), (other, "exit"), (gate, "entry")):
        assert device.admit(shown, kind).allowed  # type: ignore[arg-type]
        field.clock.ahead += timedelta(minutes=1)
    assert outcomes(await gate.tell()) == [ACCEPTED, ("disputed", "already_inside")]
    assert [each["code"] for each in await field.disputes()] == ["already_inside"]
    assert outcomes(await other.tell()) == [ACCEPTED]
    (dispute,) = await field.disputes(settled=True)
    assert (dispute["outcome"], dispute["resolved_by"]) == ("explained", f"device:{other.device_id}")
    inside = (await shop.do("GET", f"/v1/stores/{shop.store_id}/visits"))["items"]
    assert sorted(each["left_at"] is None for each in inside) == [False, True]

    gate.admit(shown)
    gate.admit(shown, "exit")
    assert outcomes(await gate.tell()) == [("disputed", "already_inside"), ACCEPTED]
    assert [each["code"] for each in await field.disputes()] == ["already_inside"]


async def test_devices_that_tell_at_the_same_time_and_twice_share_one_pass(field: Field) -> None:
    member = await field.shop.add_member_without_face(balance=20_000)
    shown = await field.signed_pass(member, amount_max=10_000)
    one, two = await field.device("kiosk"), await field.device("kiosk")
    assert one.sell(shown, UMBRELLA).allowed
    assert two.sell(shown, UMBRELLA).allowed
    answers = [answer.json()["verdicts"] for answer in await asyncio.gather(*map(tell_raw, (one, two, one, two)))]
    assert answers[:2] == answers[2:]
    assert sorted(each["code"] for (each,) in answers[:2]) == ["accepted", "pass_overdrawn"]
    assert await field.shop.balance(member) == 14_100
    assert await field.books_are_in_order()
