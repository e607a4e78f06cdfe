"""A gate's answer and a command never contradict each other."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from facepay.channel.commands import issue
from facepay.channel.doors import door_of
from facepay.channel.payloads import Lock
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from tests.channel.line import fetch, gate_of, tell
from tests.locks import somebody_waits
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_a_locked_gate_lets_nobody_in_and_everybody_out(shop: Shop) -> None:
    member_id = await shop.add_member(0)
    assert (await shop.at_gate(0)).json()["command_number"] == 0
    await tell(shop, gate_of(shop), {"kind": "lock"})
    answer = (await shop.at_gate(0)).json()
    assert (answer["decision"], answer["code"], answer["command_number"]) == ("deny", "gate_locked", 1)
    assert answer["member"] is None
    text = (await shop.issue_pass(member_id))["code"]
    assert (await shop.pass_at_gate(text)).json()["code"] == "gate_locked"
    assert (await shop.pass_at_gate(text, "exits")).json()["code"] == "goodbye"  # it was not spent on the locked gate

    await tell(shop, gate_of(shop), {"kind": "unlock"})
    answer = (await shop.at_gate(0)).json()
    assert (answer["code"], answer["command_number"]) == ("welcome", 2)


async def test_exits_are_locked_where_staff_say_so(shop: Shop) -> None:
    await shop.add_member(0)
    await shop.at_gate(0)
    await tell(shop, gate_of(shop), {"kind": "lock", "exits": True})
    assert (await shop.at_gate(0, "exits")).json()["code"] == "gate_locked"
    door = (await fetch(shop, gate_of(shop))).json()["door"]
    assert door == {"locked": True, "exits_locked": True, "released": False, "command_number": 1}
    await tell(shop, gate_of(shop), {"kind": "lock"})
    assert (await shop.at_gate(0, "exits")).json()["code"] == "goodbye"


async def test_a_lock_waits_for_the_decision_that_is_being_made(shop: Shop, app: FastAPI) -> None:
    database: Database = app.state.database
    async with asyncio.TaskGroup() as group:
        async with database.begin() as session:
            door = await door_of(session, device_id=UUID(shop.gate_id))
            locking = group.create_task(tell(shop, gate_of(shop), {"kind": "lock"}))
            await somebody_waits(database)
        assert not door.locked
        assert (await locking)["number"] > door.command_number


async def test_a_decision_waits_for_the_lock_that_is_being_issued(shop: Shop, app: FastAPI) -> None:
    await shop.add_member(0)
    database: Database = app.state.database
    async with asyncio.TaskGroup() as group:
        async with database.begin() as session:
            gate_id = UUID(shop.gate_id)
            await issue(session, device_id=gate_id, payload=Lock(), by="staff:x", reason="Alarm", now=utc_now())
            entering = group.create_task(shop.at_gate(0))
            await somebody_waits(database)
        answer = (await entering).json()
    assert (answer["code"], answer["command_number"]) == ("gate_locked", 1)
    assert (await shop.do("GET", f"/v1/stores/{shop.store_id}/visits"))["items"] == []


async def test_whoever_came_in_did_before_the_lock_and_nobody_after_it(shop: Shop) -> None:
    members = [await shop.add_member_without_face(name=f"Wei {number}") for number in range(8)]
    codes = [(await shop.issue_pass(member))["code"] for member in members]

    async def lock() -> Any:
        await asyncio.sleep(0.01)
        return await tell(shop, gate_of(shop), {"kind": "lock"})

    entering = [shop.pass_at_gate(code) for code in codes]
    locked, *answers = await asyncio.gather(lock(), *entering)
    heard = [answer.json() for answer in answers]
    for each in heard:
        before = each["command_number"] < locked["number"]
        assert each["code"] == ("welcome" if before else "gate_locked")
    visits = (await shop.do("GET", f"/v1/stores/{shop.store_id}/visits"))["items"]
    assert len(visits) == sum(each["code"] == "welcome" for each in heard)
