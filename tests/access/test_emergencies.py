"""Fire and lockdown: what every door does, whoever stands before it."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import select, text

from facepay.access.emergencies import keep_up
from facepay.access_log.log import AccessEvent
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from tests.access.site import Site
from tests.answers import verdict
from tests.channel.line import Device, event, fetch, gate_of, record, report, tell
from tests.conftest import OpenApp, client_of
from tests.entrance.doors import show, start
from tests.photos import camera_frame
from tests.shop import PASSWORD, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
FIRE = {"kind": "release", "reason": "Fire alarm, panel 2"}
INTRUDER = {"kind": "lockdown", "reason": "Somebody with a knife"}


async def declare(shop: Shop, body: dict[str, Any], zone_id: UUID | None = None) -> str:
    about = body | ({"zone_id": str(zone_id)} if zone_id else {})
    return str((await shop.do("POST", f"/v1/stores/{shop.store_id}/emergencies", json=about))["id"])


async def end(shop: Shop, emergency_id: str, why: str = "False alarm") -> dict[str, Any]:
    ended: dict[str, Any] = await shop.do("POST", f"/v1/emergencies/{emergency_id}/end", json={"why": why})
    return ended


async def held(shop: Shop) -> dict[str, str | None]:
    """What holds each door."""
    items = (await shop.do("GET", f"/v1/stores/{shop.store_id}/doors"))["items"]
    return {item["device_id"]: item["emergency"] for item in items}


async def last_told(shop: Shop, device_id: str) -> tuple[str, bool | None]:
    command = (await record(shop, (device_id, {})))[0]
    return command["command"]["kind"], command["command"].get("exits")


async def code(shop: Shop, way: str = "entries", gate: Device | None = None, shown: str | None = None) -> str:
    """A gate's, for somebody new unless a pass is shown: who isn't let in by it keeps it."""
    text = shown or (await shop.issue_pass(await shop.add_member_without_face()))["pass"]
    return str((await shop.pass_at_gate(text, way, gate=gate)).json()["code"])


async def keep(app: FastAPI) -> None:
    database: Database = app.state.database
    await keep_up(database, now=utc_now())


async def test_a_release_reaches_every_door_in_a_lockdown_and_what_was_before_comes_back(shop: Shop) -> None:
    """Each door in turn: as staff left it, in a lockdown, released, in the lockdown again, as staff left it."""
    locked, plain = gate_of(shop), await shop.add_device("gate")
    (lane_id, _), (door_id, _) = await shop.add_device("lane"), await shop.add_device("door")
    freed = await shop.add_device("gate")
    await tell(shop, locked, {"kind": "lock", "exits": True})
    await tell(shop, freed, {"kind": "release"})
    doors = {locked[0], plain[0], lane_id, door_id, freed[0]}
    before: dict[str, tuple[str, bool | None]] = dict.fromkeys(doors, ("unlock", None))
    before |= {locked[0]: ("lock", True), freed[0]: ("release", None)}

    shown = (await shop.issue_pass(await shop.add_member_without_face()))["pass"]
    lockdown = await declare(shop, INTRUDER)
    assert await held(shop) == dict.fromkeys(doors, "lockdown")
    assert {await last_told(shop, each) for each in doors - {locked[0]}} == {("lock", False)}
    assert await last_told(shop, locked[0]) == ("lock", True)  # that exit was locked before
    assert [await code(shop, gate=gate, shown=shown) for gate in (locked, plain, freed)] == ["gate_locked"] * 3
    assert [await code(shop, "exits", gate) for gate in (locked, plain)] == ["gate_locked", "not_inside"]

    fire = await declare(shop, FIRE)
    assert await held(shop) == dict.fromkeys(doors, "release")
    assert {await last_told(shop, each) for each in doors} == {("release", None)}
    assert [await code(shop, way, locked, shown) for way in ("entries", "exits")] == ["emergency", "emergency"]
    told = (await record(shop, locked))[0]
    assert (told["reason"], told["issued_by"].split(":")[0]) == (FIRE["reason"], "staff")

    assert (await end(shop, fire))["ended_why"] == "False alarm"
    assert await held(shop) == dict.fromkeys(doors, "lockdown")
    assert await code(shop, gate=plain, shown=shown) == "gate_locked"
    await end(shop, lockdown)
    assert await held(shop) == dict.fromkeys(doors)
    assert {each: await last_told(shop, each) for each in doors} == before
    codes = [await code(shop, gate=gate, shown=shown) for gate in (locked, plain, freed)]
    assert codes == ["gate_locked", "welcome", "released"]


async def test_doors_that_are_registered_in_an_emergency_are_under_it_from_their_first_request_on(shop: Shop) -> None:
    fire = await declare(shop, FIRE)
    gate = await shop.add_device("gate")
    assert (await fetch(shop, gate)).json()["door"] == {
        "locked": False,
        "exits_locked": False,
        "released": True,
        "command_number": 0,
    }
    assert await code(shop, gate=gate) == "emergency"
    await end(shop, fire)
    assert await last_told(shop, gate[0]) == ("unlock", None)
    await declare(shop, INTRUDER)
    assert await code(shop, gate=await shop.add_device("gate")) == "gate_locked"
    kiosk_id, kiosk = await shop.add_device("kiosk")
    assert (await fetch(shop, (kiosk_id, kiosk))).json()["door"]["locked"] is False


async def test_a_zone_holds_the_doors_that_lead_there_also_those_that_come_or_move_later(
    site: Site, app: FastAPI
) -> None:
    shop = site.shop
    vault, office = await site.zone(), await site.zone()
    policy = await site.policy({"factors": [["badge"]]})
    inner, outer = await site.way(policy, vault, out_of=office), await site.way(policy, office)
    fire = await declare(shop, FIRE, vault)
    assert {each for each, by in (await held(shop)).items() if by} == {str(inner.device_id)}
    lockdown = await declare(shop, INTRUDER)
    by = await held(shop)
    assert (by[str(inner.device_id)], by[str(outer.device_id)], by[shop.gate_id]) == ("release", "lockdown", "lockdown")
    back = await site.way(policy, None, out_of=vault)
    assert (await held(shop))[str(back.device_id)] == "lockdown"  # of the store: nobody knew whose door it is
    await keep(app)
    assert (await held(shop))[str(back.device_id)] == "release"
    assert await last_told(shop, str(back.device_id)) == ("release", None)
    await end(shop, fire)
    await end(shop, lockdown)
    assert set((await held(shop)).values()) == {None}
    other = await shop.do("POST", "/v1/stores", json={"name": "West Lake", "code": "WEST"})
    wrong = {"zone_id": str(vault)} | FIRE
    refused = await shop.client.post(f"/v1/stores/{other['id']}/emergencies", json=wrong, headers=shop.staff)
    assert verdict(refused) == (404, "zone_not_found")


async def test_a_door_that_is_held_although_nothing_is_declared_is_let_go(shop: Shop, app: FastAPI) -> None:
    database: Database = app.state.database
    async with database.begin() as session:
        gate = {"gate": UUID(shop.gate_id)}
        await session.execute(text("update device_channel set emergency = 'lockdown' where device_id = :gate"), gate)
    await keep(app)
    assert (await held(shop))[shop.gate_id] is None
    assert await last_told(shop, shop.gate_id) == ("unlock", None)


async def test_whoever_declares_the_same_at_once_declares_it_once_and_ends_it_once(shop: Shop) -> None:
    ids = await asyncio.gather(*(declare(shop, FIRE) for _ in range(4)))
    assert len(set(ids)) == 1
    await asyncio.gather(*(end(shop, ids[0]) for _ in range(4)))
    assert [item["command"]["kind"] for item in await record(shop, gate_of(shop))] == ["unlock", "release"]
    again = await declare(shop, FIRE)
    assert again != ids[0]
    listed = await shop.do("GET", f"/v1/stores/{shop.store_id}/emergencies")
    assert [item["id"] for item in listed["items"]] == [again, ids[0]]
    live = await shop.do("GET", f"/v1/stores/{shop.store_id}/emergencies?live=true")
    assert [item["id"] for item in live["items"]] == [again]
    assert (await shop.do("GET", f"/v1/emergencies/{again}"))["ended_at"] is None


async def test_no_answer_of_a_gate_is_of_before_and_after(shop: Shop) -> None:
    """People come in, doors are registered, and a fire breaks out, all at once."""
    codes = [(await shop.issue_pass(await shop.add_member_without_face()))["code"] for _ in range(6)]

    async def burn() -> None:
        await asyncio.sleep(0.01)
        await declare(shop, FIRE)

    _, *results = await asyncio.gather(
        burn(), *(shop.pass_at_gate(each) for each in codes), *(shop.add_device("door") for _ in range(3))
    )
    for result in results[:6]:
        answer = result.json()  # type: ignore[union-attr]
        assert answer["code"] == ("emergency" if answer["command_number"] else "welcome")
    assert set((await held(shop)).values()) == {"release"}


async def test_staff_change_nothing_about_a_door_that_is_held_but_may_let_somebody_through(shop: Shop) -> None:
    lockdown = await declare(shop, INTRUDER)
    path = f"/v1/devices/{shop.gate_id}/commands"
    for kind in ("lock", "unlock", "release"):
        body = {"command": {"kind": kind}, "reason": "By mistake"}
        refused = await shop.client.post(path, json=body, headers=shop.staff)
        assert verdict(refused) == (409, "door_in_emergency")
    await tell(shop, gate_of(shop), {"kind": "open", "seconds": 5})
    await end(shop, lockdown)
    await tell(shop, gate_of(shop), {"kind": "lock"})


async def test_a_device_with_a_full_queue_is_told_all_the_same(shop: Shop, app: FastAPI) -> None:
    database: Database = app.state.database
    async with database.begin() as session:
        await session.execute(
            text(
                "insert into device_command (id, device_id, number, kind, payload, issued_by, reason, issued_at,"
                " expires_at, deliveries) select gen_random_uuid(), :gate, number, 'show', '{\"text\": \"Hi\"}',"
                " 'staff:x', 'Because', now(), now() + interval '1 hour', 0 from generate_series(1, 200) as number"
            ),
            {"gate": UUID(shop.gate_id)},
        )
        await session.execute(text("update device_channel set command_number = 200"))
    body = {"command": {"kind": "lock"}, "reason": "Closing"}
    full = await shop.client.post(f"/v1/devices/{shop.gate_id}/commands", json=body, headers=shop.staff)
    assert verdict(full) == (409, "too_many_commands")
    await declare(shop, FIRE)
    door = (await fetch(shop, gate_of(shop))).json()["door"]  # beside the first of what waits
    assert (door["released"], door["command_number"]) == (True, 201)


async def test_whoever_looks_nobody_in_the_eye_gets_out_too_also_after_a_restart(shop: Shop, open_app: OpenApp) -> None:
    """Of a turn that had begun: a frame without a face opens, and so does a decision although it is somebody's turn."""
    turn = (await start(shop)).json()
    fire = await declare(shop, FIRE)
    assert await code(shop) == "emergency"
    out = await show(shop, turn, camera_frame([]))
    assert (out["authentication"], out["decision"], out["code"]) == ("accepted", "open", "emergency")

    restarted = await open_app()
    async with client_of(restarted) as client:
        there = await shop.reached_by(client)
        await keep(restarted)
        assert await code(there) == "emergency"
        assert len(await record(there, gate_of(there))) == 1  # and nobody is told twice
        await end(there, fire)
        assert await code(there) == "welcome"


async def test_who_and_why_stand_in_the_access_log_and_somebody_is_alerted(shop: Shop, app: FastAPI) -> None:
    await report(shop, gate_of(shop), event(1, "door_locked"))  # a bolt that tells
    await end(shop, await declare(shop, FIRE), why="Burnt toast")
    database: Database = app.state.database
    async with database.read() as session:
        events = list(await session.scalars(select(AccessEvent).where(AccessEvent.kind == "emergency")))
    noted = sorted((each.code, each.details["reason"], each.details["doors"]) for each in events)
    assert noted == [("ended", "Burnt toast", 1), ("released", FIRE["reason"], 1)]
    assert all(each.actor.startswith("staff:") for each in events)
    alerts = (await shop.do("GET", f"/v1/stores/{shop.store_id}/alerts"))["items"]
    alerted = [(each["kind"], each["severity"], each["note"]) for each in alerts]
    assert alerted == [("emergency_declared", "critical", "Burnt toast")], "and it is over when the emergency is"
    expected = [each["effect_expected"] for each in await record(shop, gate_of(shop))]
    assert expected == ["door_unlocked", "door_unlocked"]


async def test_guards_may_act_and_auditors_may_look(shop: Shop) -> None:
    signed_in = {}
    for role in ("guard", "auditor"):
        body = {"username": role, "display_name": role, "role": role, "password": PASSWORD}
        await shop.do("POST", "/v1/staff", json=body)
        form = {"username": role, "password": PASSWORD}
        token = (await shop.client.post("/v1/auth/token", data=form)).json()["access_token"]
        signed_in[role] = {"Authorization": f"Bearer {token}"}
    path = f"/v1/stores/{shop.store_id}/emergencies"
    refused = await shop.client.post(path, json=FIRE, headers=signed_in["auditor"])
    assert verdict(refused) == (403, "insufficient_scope")
    assert (await shop.client.post(path, json=FIRE, headers=signed_in["guard"])).status_code == 201
    assert len((await shop.client.get(path, headers=signed_in["auditor"])).json()["items"]) == 1
