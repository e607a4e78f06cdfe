"""House rules where there is no network: what a gate can tell by itself it does, and for the rest it lets nobody in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from facepay.simulate.device import OfflineDevice
from tests.channel.line import event, report
from tests.offline.field import Field, outcomes

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def set_rules(field: Field, **rules: Any) -> None:
    await field.shop.do("PUT", f"/v1/stores/{field.shop.store_id}/house-rules", json=rules)


async def open_only_later(field: Field) -> None:
    """From two hours on, for two hours, each day."""
    opens = field.clock() + timedelta(hours=2)
    hours = [[f"{opens:%H:%M}", f"{opens + timedelta(hours=2):%H:%M}"]]
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    body = {"name": "Hours", "timetable": {"weekly": dict.fromkeys(days, hours)}}
    schedule = await field.shop.do("POST", f"/v1/stores/{field.shop.store_id}/schedules", json=body)
    await set_rules(field, opening_schedule_id=schedule["id"])


def admit_anyway(gate: OfflineDevice, shown: str) -> None:
    """As a gate that has been tampered with."""
    now, policy = gate.moment(), gate.journal.note("policy")
    assert policy
    gate.journal.add(policy, {"kind": "entry", "time": now.told(), "pass": shown}, pass_id=uuid4(), amount=0)


async def test_a_gate_that_can_t_count_or_see_lets_nobody_in_unless_staff_say_so(field: Field) -> None:
    shown = await field.signed_pass(await field.shop.add_member_without_face())
    gate, accepted = await field.device("gate"), ("accepted", "accepted")
    rules: tuple[dict[str, Any], ...] = ({"capacity_max": 3}, {"one_party_at_a_time": True}, {"face_must_show": True})
    for rule in rules:
        assert gate.admit(shown).allowed
        await set_rules(field, **rule)
        await gate.sync()
        assert gate.admit(shown).code == "entries_denied", rule
        assert gate.admit(shown, "exit").allowed, rule
        admit_anyway(gate, shown)
        assert outcomes(await gate.tell()) == [accepted, accepted, ("disputed", "entries_denied")], rule
        await set_rules(field, entries_offline=True, **rule)
        await gate.sync()
        assert gate.admit(shown).allowed, rule
        assert gate.admit(shown, "exit").allowed, rule
        assert outcomes(await gate.tell()) == [accepted, accepted], rule
        await set_rules(field)
        await gate.sync()


async def test_a_gate_of_a_mantrap_lets_nobody_in_while_it_can_t_ask_for_the_other_door(field: Field) -> None:
    shown = await field.signed_pass(await field.shop.add_member_without_face())
    doors = [await field.shop.add_device("gate") for _ in range(2)]
    for door in doors:
        await report(field.shop, door, event(1, "door_closed"))
    body = {"name": "Mantrap", "device_ids": [device_id for device_id, _ in doors]}
    await field.shop.do("POST", f"/v1/stores/{field.shop.store_id}/interlocks", json=body)
    gate = await field.at(*doors[0])
    assert [gate.admit(shown, way).code for way in ("entry", "exit")] == ["entries_denied", "ok"]


async def test_a_gate_keeps_the_hours_without_network(field: Field) -> None:
    shown = await field.signed_pass(await field.shop.add_member_without_face())
    await open_only_later(field)
    gate = await field.device("gate")
    assert gate.admit(shown).code == "outside_hours"
    assert gate.admit(shown, "exit").allowed
    admit_anyway(gate, shown)
    assert outcomes(await gate.tell())[1] == ("disputed", "outside_hours")
    field.clock.ahead += timedelta(hours=2, minutes=5)
    assert gate.admit(shown).allowed
    assert outcomes(await gate.tell()) == [("accepted", "accepted")]
