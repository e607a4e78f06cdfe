"""Commands get to their device until it says what became of them, or it is too late."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from facepay.channel import commands, upkeep
from facepay.kernel.clock import utc_now
from tests.answers import verdict
from tests.channel.line import acknowledge, alerts, event, fetch, gate_of, numbers, record, report, tell
from tests.conftest import Clock, OpenShop
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
OPEN = {"kind": "open", "seconds": 5}
SEEN = "effect_observed_at"


async def test_a_command_comes_again_until_it_is_acknowledged(shop: Shop) -> None:
    gate = gate_of(shop)
    for command in (OPEN, {"kind": "show", "text": "Please wait", "amount": 1290, "currency": "CNY"}):
        await tell(shop, gate, command)
    first = (await fetch(shop, gate)).json()["items"]
    assert [(item["number"], item["command"]["kind"]) for item in first] == [(1, "open"), (2, "show")]
    assert (await fetch(shop, gate)).json()["items"] == first
    assert await numbers(shop, gate, after=1) == [2]

    answer = await acknowledge(shop, gate, 1)  # and this answer is lost on its way
    assert answer.json() == {"number": 1, "outcome": "done", "late": False}
    assert (await acknowledge(shop, gate, 1)).json() == answer.json()
    assert await numbers(shop, gate) == [2]
    shown, opened = await record(shop, gate)
    assert (opened["status"], opened["deliveries"], opened["reason"]) == ("done", 2, "Because")
    assert (shown["status"], shown["deliveries"], shown["command"]["amount"]) == ("delivered", 4, 1290)
    assert opened["issued_by"].startswith("staff:")


async def test_a_device_that_changes_its_mind_is_told_so(shop: Shop) -> None:
    gate = gate_of(shop)
    await tell(shop, gate, {"kind": "lock"})
    assert verdict(await acknowledge(shop, gate, 1)) == (404, "command_not_found")  # it was never delivered
    await fetch(shop, gate)
    await acknowledge(shop, gate, 1, "failed", failure="Bolt is jammed")
    assert verdict(await acknowledge(shop, gate, 1)) == (409, "command_acknowledged")
    (locked,) = await record(shop, gate)
    assert (locked["status"], locked["failure"]) == ("failed", "Bolt is jammed")
    assert await alerts(shop) == [("command_failed", "critical", 1)]


async def test_no_device_acts_for_another(shop: Shop) -> None:
    gate, other = gate_of(shop), await shop.add_device("gate")
    await tell(shop, gate, OPEN)
    await fetch(shop, gate)
    mixed = (gate[0], other[1])
    for answer in (await fetch(shop, mixed), await acknowledge(shop, mixed, 1), await report(shop, mixed, event(1))):
        assert verdict(answer) == (403, "device_of_other_store")
    stream = await shop.client.get(f"/v1/devices/{gate[0]}/commands/stream", headers=other[1])
    assert verdict(stream) == (403, "device_of_other_store")
    assert await numbers(shop, gate) == [1]


async def try_to_tell(shop: Shop, device_id: str, command: dict[str, Any]) -> httpx.Response:
    body = {"command": command, "reason": "x"}
    return await shop.client.post(f"/v1/devices/{device_id}/commands", json=body, headers=shop.staff)


NONSENSE: list[dict[str, Any]] = [
    {"kind": "open", "seconds": 61},
    {"kind": "open"},
    {"kind": "show", "text": "x", "amount": 5},
    {"kind": "speak", "text": "Hello", "language": "Chinese, please"},
    {"kind": "configure", "settings": {}},
    {"kind": "configure", "settings": {"volume_percent": 101}},
    {"kind": "configure", "settings": {"password": "x"}},
    {"kind": "explode"},
]


async def test_a_command_that_makes_no_sense_is_refused(shop: Shop) -> None:
    for command in NONSENSE:
        assert verdict(await try_to_tell(shop, shop.gate_id, command)) == (422, "invalid_request"), command
    assert verdict(await try_to_tell(shop, shop.kiosk_id, OPEN)) == (409, "device_has_no_door")
    kiosk = (shop.kiosk_id, shop.kiosk)
    await tell(shop, kiosk, {"kind": "configure", "settings": {"volume_percent": 40}})
    (configured,) = (await fetch(shop, kiosk)).json()["items"]
    assert configured["command"]["settings"]["volume_percent"] == 40


async def test_what_expires_is_not_delivered_and_somebody_hears_of_it(shop: Shop, app: FastAPI, clock: Clock) -> None:
    gate = gate_of(shop)
    await tell(shop, gate, OPEN)
    await fetch(shop, gate)
    await tell(shop, gate, {"kind": "speak", "text": "We close", "language": "zh-CN"}, lasts_seconds=10)
    clock.ahead = timedelta(seconds=31)
    assert await numbers(shop, gate) == []
    assert [item["status"] for item in await record(shop, gate)] == ["expired", "expired"]
    for _ in range(2):
        await upkeep.judge_commands(app.state.database, now=clock())
    expected = [("command_unacknowledged", "critical", 1), ("command_undelivered", "warning", 1)]
    assert await alerts(shop) == expected

    assert (await acknowledge(shop, gate, 1)).json() == {"number": 1, "outcome": "done", "late": True}
    assert (await record(shop, gate))[1]["acknowledged_late"]


async def test_a_command_to_a_device_that_is_gone_is_refused_or_expires(shop: Shop, app: FastAPI, clock: Clock) -> None:
    gate = gate_of(shop)
    await tell(shop, gate, OPEN)
    await shop.do("DELETE", f"/v1/devices/{gate[0]}")
    assert verdict(await try_to_tell(shop, gate[0], OPEN)) == (409, "device_revoked")
    assert verdict(await fetch(shop, gate)) == (401, "unauthenticated")
    await upkeep.judge_commands(app.state.database, now=clock() + timedelta(seconds=31))
    assert await alerts(shop) == [("command_undelivered", "critical", 1)]


async def test_a_device_that_fetches_nothing_is_told_no_more(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "WAITING_MAX", 2)
    for _ in range(2):
        await tell(shop, gate_of(shop), OPEN)
    assert verdict(await try_to_tell(shop, shop.gate_id, {"kind": "lock"})) == (409, "too_many_commands")
    assert not (await fetch(shop, gate_of(shop))).json()["door"]["locked"]


async def test_commands_given_at_once_are_numbered_without_a_gap_and_a_retry_is_none(shop: Shop) -> None:
    path, body = f"/v1/devices/{shop.gate_id}/commands", {"command": OPEN, "reason": "x"}
    once = {"headers": {"Idempotency-Key": "open-0001"}}
    first, again = [await shop.do("POST", path, json=body, **once) for _ in range(2)]
    assert first == again
    await asyncio.gather(*(tell(shop, gate_of(shop), OPEN) for _ in range(5)))
    assert await numbers(shop, gate_of(shop)) == [1, 2, 3, 4, 5, 6]


async def test_an_operator_commands_and_an_auditor_only_reads(shop: Shop) -> None:
    body = {"command": OPEN, "reason": "x"}
    path = f"/v1/devices/{shop.gate_id}/commands"
    expected = {"operator": 201, "auditor": 403}
    for role, status in expected.items():
        account = {"username": role, "display_name": role, "role": role, "password": "a long pass phrase"}
        await shop.do("POST", "/v1/staff", json=account)
        form = {"username": role, "password": "a long pass phrase"}
        token = (await shop.client.post("/v1/auth/token", data=form)).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        assert (await shop.client.post(path, json=body, headers=headers)).status_code == status
        assert (await shop.client.get(f"{path}/record", headers=headers)).is_success


async def waits(request: asyncio.Task[Any]) -> bool:
    done, _ = await asyncio.wait({request}, timeout=0.1)
    return not done


async def test_a_device_that_waits_hears_at_once_and_is_sent_away_once_it_is_revoked(shop: Shop) -> None:
    gate = gate_of(shop)
    async with asyncio.TaskGroup() as group, asyncio.timeout(10):
        waiting = group.create_task(fetch(shop, gate, wait=30))
        assert await waits(waiting)
        await tell(shop, gate, OPEN)
        assert [item["number"] for item in (await waiting).json()["items"]] == [1]
        await acknowledge(shop, gate, 1)
        waiting = group.create_task(fetch(shop, gate, wait=30))
        assert await waits(waiting)
        await shop.do("DELETE", f"/v1/devices/{gate[0]}")
        assert verdict(await waiting) == (401, "unauthenticated")


async def test_who_waits_holds_no_connection(open_shop: OpenShop) -> None:
    shop = await open_shop(database_pool_size=2)
    gate = gate_of(shop)
    async with asyncio.TaskGroup() as group, asyncio.timeout(20):
        waiting = [group.create_task(numbers(shop, gate, wait=30)) for _ in range(5)]
        assert await waits(waiting[0])
        await tell(shop, gate, OPEN)
        assert [await each for each in waiting] == [[1]] * 5


async def test_a_door_that_no_sensor_saw_move_raises_an_alert(shop: Shop, app: FastAPI, clock: Clock) -> None:
    """A relay that is told to open says that it did, whether the door moves or not."""
    gate = gate_of(shop)
    for command in (OPEN, OPEN | {"seconds": 60}, {"kind": "lock"}):
        number = (await tell(shop, gate, command))["number"]
        await fetch(shop, gate)
        await acknowledge(shop, gate, number)
    await tell(shop, gate, {"kind": "unlock"}, has_sensor=False)
    await fetch(shop, gate)
    await acknowledge(shop, gate, 4)
    now = utc_now()
    await report(shop, gate, event(1, "door_locked", at=(now + timedelta(seconds=3)).isoformat()))
    await upkeep.judge_commands(app.state.database, now=now + timedelta(seconds=9))
    assert await alerts(shop) == []
    for _ in range(2):
        await upkeep.judge_commands(app.state.database, now=now + timedelta(seconds=16))
    assert await alerts(shop) == [("effect_not_observed", "critical", 1)]
    unlocked, locked, long, missed = await record(shop, gate)
    assert (unlocked["effect_expected"], locked["effect_expected"]) == (None, "door_locked")
    assert locked[SEEN]
    assert missed["effect_missed_at"]
    assert long[SEEN] is long["effect_missed_at"] is None  # somebody may still open it


async def test_a_door_that_was_locked_before_has_nothing_to_show(shop: Shop, app: FastAPI) -> None:
    gate, now = gate_of(shop), utc_now()
    before = (now - timedelta(hours=1)).isoformat()
    await report(shop, gate, event(1, "door_locked", at=before), event(2, "door_opened", at=before))
    await tell(shop, gate, {"kind": "lock"})
    await fetch(shop, gate)
    await acknowledge(shop, gate, 1)
    await upkeep.judge_commands(app.state.database, now=now + timedelta(minutes=1))
    assert (await record(shop, gate))[0][SEEN]
    assert await alerts(shop) == []


async def test_a_sensor_is_believed_by_its_device_s_own_clock(shop: Shop, app: FastAPI) -> None:
    gate, now = gate_of(shop), utc_now()
    ahead = timedelta(hours=8)
    beat = {"sent_at": (now + ahead).isoformat()}
    await shop.client.post(f"/v1/devices/{gate[0]}/heartbeats", json=beat, headers=gate[1])
    await tell(shop, gate, OPEN)
    await fetch(shop, gate)
    await acknowledge(shop, gate, 1)
    await report(shop, gate, event(1, at=(now + ahead + timedelta(seconds=2)).isoformat()))
    await upkeep.judge_commands(app.state.database, now=now + timedelta(minutes=1))
    seen = (await record(shop, gate))[0][SEEN]
    assert seen is not None
    assert seen < (now + timedelta(minutes=1)).isoformat()

    beat = {"sent_at": "0001-01-01T00:00:00Z"}  # some clocks are beyond help
    await shop.client.post(f"/v1/devices/{gate[0]}/heartbeats", json=beat, headers=gate[1])
    await tell(shop, gate, {"kind": "lock"})
    await fetch(shop, gate)
    await acknowledge(shop, gate, 2)
    await upkeep.judge_commands(app.state.database, now=now + timedelta(minutes=1))
    assert await alerts(shop) == [("effect_not_observed", "critical", 1)]
