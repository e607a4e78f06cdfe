"""How doors stand, whatever order their events come in."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from facepay.channel.door_states import SAYS, DoorState, follow, state_of
from facepay.channel.events import Reported
from facepay.channel.sequences import note_sequence
from facepay.kernel.auth import Principal
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from tests.channel.line import Device, event, gate_of, report, tell
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def doors(shop: Shop) -> dict[str, dict[str, Any]]:
    items = (await shop.do("GET", f"/v1/stores/{shop.store_id}/doors"))["items"]
    return {item["device_id"]: item for item in items}


async def state(shop: Shop, device: Device) -> tuple[str, str, bool]:
    door = (await doors(shop))[device[0]]
    return door["state"], door["bolt"], door["tampered"]


async def test_a_door_that_never_said_anything_is_unknown(shop: Shop) -> None:
    door_id, _ = await shop.add_device("door")
    lane_id, _ = await shop.add_device("lane")
    shown = await doors(shop)
    assert set(shown) == {shop.gate_id, door_id, lane_id}  # and no kiosk
    for each in shown.values():
        assert (each["state"], each["bolt"], each["tampered"], each["since"]) == ("unknown", "unknown", False, None)
        assert (each["locked"], each["released"], each["emergency"], each["interlocked"]) == (False, False, None, False)


async def test_the_leaf_the_bolt_and_tampering_are_told_apart(shop: Shop) -> None:
    gate = gate_of(shop)
    await report(shop, gate, event(1, "door_locked"), event(2, "door_closed"), event(3, "tamper"))
    assert await state(shop, gate) == ("closed", "locked", True)
    await report(shop, gate, event(4, "door_forced"), event(5, "tamper_ended"), event(6, "gust_of_wind"))
    assert await state(shop, gate) == ("forced", "locked", False)
    await report(shop, gate, event(7, "door_closed"), event(8, "door_opened"), event(9, "door_held_open"))
    assert (await state(shop, gate))[0] == "held_open"
    await report(shop, gate, event(10, "door_unknown"))
    assert (await state(shop, gate))[0] == "unknown"


async def test_what_comes_late_or_again_does_not_take_a_door_back(shop: Shop) -> None:
    gate = gate_of(shop)
    await report(shop, gate, event(5, "door_closed"))
    since = (await doors(shop))[gate[0]]["since"]
    await report(shop, gate, event(4, "door_opened"), event(3, "door_forced"))
    await report(shop, gate, event(5, "door_closed"))
    await report(shop, gate, event(5, "door_opened"))  # a number used twice changes nothing
    assert (await state(shop, gate))[0] == "closed"
    assert (await doors(shop))[gate[0]]["since"] == since
    # A new run begins with 1, and what is left of the one before comes too late, however high its number.
    await report(shop, gate, event(1, "door_opened"), run="boot-2")
    await report(shop, gate, event(6, "door_closed"))
    assert (await state(shop, gate))[0] == "open"


async def test_a_new_run_that_says_nothing_of_the_door_leaves_it_to_the_one_before(shop: Shop) -> None:
    gate = gate_of(shop)
    await report(shop, gate, event(1, "door_opened"))
    await report(shop, gate, event(1, "started"), run="boot-2")
    await report(shop, gate, event(2, "door_closed"))
    assert (await state(shop, gate))[0] == "closed"


async def test_a_kiosk_has_no_door_to_tell_of(shop: Shop) -> None:
    kiosk = shop.kiosk_id, shop.kiosk
    await report(shop, kiosk, event(1, "door_opened"))
    assert shop.kiosk_id not in await doors(shop)


async def test_events_that_come_all_at_once_leave_the_last_one_standing(shop: Shop) -> None:
    gate = gate_of(shop)
    kinds = ["door_opened", "door_closed"] * 4 + ["door_held_open"]
    told = [event(number, kind) for number, kind in enumerate(kinds, 1)]
    answers = await asyncio.gather(*(report(shop, gate, each) for each in told))
    assert all(answer.status_code == 200 for answer in answers)
    assert (await state(shop, gate))[0] == "held_open"


kinds = st.lists(st.sampled_from([*SAYS, "other"]), min_size=1, max_size=5)


def said(runs: list[list[str]]) -> DoorState:
    """By going through everything in order."""
    shows = {SAYS[kind][0]: SAYS[kind][1] for run in runs for kind in run if kind in SAYS}
    leaf, bolt = shows.get("leaf", "unknown"), shows.get("bolt", "unknown")
    return DoorState(state=leaf, bolt=bolt, tampered=shows.get("tamper") == "tampered")  # type: ignore[arg-type]


async def test_in_whatever_order_and_however_often_they_come_the_state_is_that_of_the_last(
    shop: Shop, app: FastAPI
) -> None:
    database: Database = app.state.database
    gate_id = UUID(shop.gate_id)
    scopes: frozenset[str] = frozenset()
    gate = Principal("device", gate_id, "gate", "gate", scopes, store_id=UUID(shop.store_id))
    cases: list[tuple[list[list[str]], int]] = []

    @settings(max_examples=12, database=None)
    @given(st.lists(kinds, min_size=1, max_size=3), st.integers(0, 2**20))
    def draw(runs: list[list[str]], seed: int) -> None:
        cases.append((runs, seed))

    draw()
    for runs, seed in cases:
        random, names = Random(seed), [uuid4().hex for _ in runs]
        told = [
            (name, Reported(number, kind, utc_now(), {}))
            for name, run in zip(names, runs, strict=True)
            for number, kind in enumerate(run, 1)
        ]
        shuffled = random.sample(told, len(told)) + random.choices(told, k=2)
        async with database.begin() as session:
            for name in names:  # each run is heard of in turn, and its events come later
                await note_sequence(session, device_id=gate_id, run=name, sequences=[], now=utc_now())
            for name, each in shuffled:
                await follow(session, device=gate, run=name, events=[each], now=utc_now())
            found = await state_of(session, gate_id)
            await session.rollback()
        expected = said(runs)
        assert (found.state, found.bolt, found.tampered) == (expected.state, expected.bolt, expected.tampered)


async def test_a_door_that_staff_release_stands_open_until_they_say_otherwise(shop: Shop) -> None:
    member_id = await shop.add_member_without_face()
    await tell(shop, gate_of(shop), {"kind": "release"})
    text = (await shop.issue_pass(member_id))["code"]
    for way in ("entries", "exits"):
        answer = (await shop.pass_at_gate(text, way)).json()
        assert (answer["decision"], answer["code"], answer["member"]) == ("open", "released", None)
        assert answer["command_number"] == 1
    assert (await doors(shop))[shop.gate_id]["released"]
    await tell(shop, gate_of(shop), {"kind": "unlock"})
    assert (await shop.pass_at_gate(text)).json()["code"] == "welcome"  # nobody had spent it
