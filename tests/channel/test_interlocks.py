"""Doors of which one at most may be open."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from facepay.channel.interlocks import CLAIMED_FOR, STUCK_AFTER
from tests.answers import verdict
from tests.channel.line import Device, event, gate_of, report, tell
from tests.conftest import Clock
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
LATER = CLAIMED_FOR + timedelta(seconds=1)


class Mantrap:
    """Two gates behind each other, both with sensors; whoever shows a pass is somebody else each time."""

    def __init__(self, shop: Shop, *gates: Device) -> None:
        self.shop, self.gates, self._numbers = shop, gates, [0] * len(gates)

    @classmethod
    async def of(cls, shop: Shop, count: int = 2) -> Mantrap:
        trap = cls(shop, gate_of(shop), *[await shop.add_device("gate") for _ in range(count - 1)])
        for which in range(count):
            await trap.says(which, "door_closed")
        return trap

    async def locked_together(self, *which: int, name: str = "Mantrap") -> str:
        body = {"name": name, "device_ids": [self.gates[each][0] for each in which or range(len(self.gates))]}
        path = f"/v1/stores/{self.shop.store_id}/interlocks"
        return str((await self.shop.do("POST", path, json=body))["id"])

    async def says(self, which: int, kind: str) -> None:
        self._numbers[which] += 1
        assert (await report(self.shop, self.gates[which], event(self._numbers[which], kind))).is_success

    async def code(self, which: int, way: str = "entries") -> str:
        member_id = await self.shop.add_member_without_face()
        text = (await self.shop.issue_pass(member_id))["code"]
        return str((await self.shop.pass_at_gate(text, way, gate=self.gates[which])).json()["code"])


async def test_a_door_opens_only_while_the_others_are_closed(shop: Shop, clock: Clock) -> None:
    trap = await Mantrap.of(shop)
    await trap.locked_together()
    assert await trap.code(0) == "welcome"
    assert await trap.code(1) == "door_interlocked"  # the first is about to open
    await trap.says(0, "door_opened")
    clock.ahead += LATER
    assert await trap.code(1) == "door_interlocked"  # and is open
    assert await trap.code(1, "exits") == "door_interlocked"
    await trap.says(0, "door_closed")
    assert await trap.code(1, "exits") == "not_inside"
    assert await trap.code(0) == "door_interlocked"
    clock.ahead += LATER
    for kind in ("door_forced", "door_held_open", "door_unknown"):
        await trap.says(1, kind)
        assert await trap.code(0) == "door_interlocked"
    await trap.says(1, "door_closed")
    assert await trap.code(0) == "welcome"
    assert await trap.code(0) == "welcome"  # its own claim is in nobody's way


async def test_a_door_that_is_stuck_locks_nobody_in(shop: Shop, clock: Clock) -> None:
    trap = await Mantrap.of(shop)
    await trap.locked_together()
    for kind in ("door_opened", "door_unknown"):
        await trap.says(0, kind)
        assert await trap.code(1, "exits") == "door_interlocked"
        clock.ahead += STUCK_AFTER
        assert [await trap.code(1, "exits"), await trap.code(1)] == ["not_inside", "door_interlocked"]
        clock.ahead += LATER
    await trap.says(0, "door_opened")
    await trap.says(0, "door_held_open")
    assert await trap.code(1, "exits") == "not_inside"


async def test_of_two_doors_asked_at_once_one_opens(shop: Shop, clock: Clock) -> None:
    trap = await Mantrap.of(shop)
    await trap.locked_together()
    for _ in range(3):
        codes = await asyncio.gather(*(trap.code(which) for which in (0, 1, 0, 1)))
        opened = {which for which, code in zip((0, 1, 0, 1), codes, strict=True) if code == "welcome"}
        assert len(opened) == 1
        assert set(codes) <= {"welcome", "door_interlocked"}
        clock.ahead += LATER


async def test_whoever_is_refused_claims_nothing(shop: Shop, clock: Clock) -> None:
    trap = await Mantrap.of(shop)
    await trap.locked_together()
    assert (await shop.pass_at_gate("00000000", gate=trap.gates[0])).json()["code"] == "pass_unknown"
    inside = await shop.add_member_without_face()
    for code in ("welcome", "already_inside"):
        text = (await shop.issue_pass(inside))["code"]
        assert (await shop.pass_at_gate(text, gate=trap.gates[0])).json()["code"] == code
        clock.ahead += LATER
    clock.ahead -= LATER
    assert await trap.code(1) == "welcome"


async def test_the_middle_door_of_three_belongs_to_both_interlocks(shop: Shop, clock: Clock) -> None:
    trap = await Mantrap.of(shop, 3)
    await trap.locked_together(0, 1, name="Outer")
    inner = await trap.locked_together(1, 2, name="Inner")
    assert await trap.code(1) == "welcome"
    assert [await trap.code(0), await trap.code(2)] == ["door_interlocked", "door_interlocked"]
    clock.ahead += LATER
    assert [await trap.code(0), await trap.code(2)] == ["welcome", "welcome"]
    assert await trap.code(1) == "door_interlocked"
    listed = await shop.do("GET", f"/v1/stores/{shop.store_id}/interlocks")
    assert [item["name"] for item in listed["items"]] == ["Inner", "Outer"]
    assert listed["items"][0]["device_ids"] == sorted(gate[0] for gate in trap.gates[1:])
    await shop.do("DELETE", f"/v1/interlocks/{inner}")
    await trap.says(2, "door_opened")
    clock.ahead += LATER
    assert await trap.code(1) == "welcome"


async def test_staff_open_no_second_door_unless_all_stand_open(shop: Shop) -> None:
    trap = await Mantrap.of(shop)
    await trap.locked_together()
    await tell(shop, trap.gates[0], {"kind": "open", "seconds": 5})
    body = {"command": {"kind": "open", "seconds": 5}, "reason": "Delivery"}
    path = f"/v1/devices/{trap.gates[1][0]}/commands"
    response = await shop.client.post(path, json=body, headers=shop.staff)
    assert verdict(response) == (409, "door_interlocked")
    assert response.json()["device_id"] == trap.gates[0][0]
    await tell(shop, trap.gates[1], {"kind": "release"})
    await tell(shop, trap.gates[1], {"kind": "open", "seconds": 5})
    assert await trap.code(1) == "released"


async def test_a_door_without_a_sensor_is_taken_into_no_interlock(shop: Shop) -> None:
    trap = await Mantrap.of(shop)
    path = f"/v1/stores/{shop.store_id}/interlocks"
    other_id, _ = await shop.add_device("door")
    gate_id = trap.gates[0][0]

    async def refused(*device_ids: str, name: str = "Trap") -> tuple[int, str]:
        body = {"name": name, "device_ids": list(device_ids)}
        return verdict(await shop.client.post(path, json=body, headers=shop.staff))

    assert await refused(gate_id, other_id) == (409, "door_has_no_sensor")
    assert await refused(gate_id, shop.kiosk_id) == (404, "device_not_found")
    assert await refused(gate_id) == (422, "invalid_request")
    assert await refused(gate_id, gate_id) == (422, "invalid_request")
    interlock_id = await trap.locked_together(name="Trap")
    assert await refused(*(gate[0] for gate in trap.gates)) == (409, "interlock_name_taken")
    await shop.do("DELETE", f"/v1/interlocks/{interlock_id}")
    gone = await shop.client.delete(f"/v1/interlocks/{interlock_id}", headers=shop.staff)
    assert verdict(gone) == (404, "interlock_not_found")


async def test_a_door_that_was_revoked_stands_in_nobodys_way(shop: Shop) -> None:
    trap = await Mantrap.of(shop)
    await trap.locked_together()
    await trap.says(1, "door_opened")
    assert await trap.code(0) == "door_interlocked"
    await shop.do("DELETE", f"/v1/devices/{trap.gates[1][0]}")
    assert await trap.code(0) == "welcome"
