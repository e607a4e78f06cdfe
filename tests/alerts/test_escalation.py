"""Whom an alert is brought to while nobody looks after it, and how fast people are."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import Alert, acknowledge, resolve
from facepay.alerts.escalation import escalate_due
from facepay.alerts.kinds import Severity
from facepay.alerts.telling import tell_of_escalation
from facepay.kernel.clock import utc_now
from tests.alerts.seen import alerts, see, told
from tests.conftest import Clock
from tests.shop import PASSWORD, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
NEVER: dict[str, Any] = {"weekly": {}, "special_days": {}}


async def add_staff(shop: Shop, username: str) -> str:
    body = {"username": username, "password": PASSWORD, "display_name": username, "role": "guard"}
    return str((await shop.do("POST", "/v1/staff", json=body))["id"])


async def add_list(shop: Shop, name: str, *shifts: dict[str, Any]) -> str:
    body = {"name": name, "shifts": shifts}
    return str((await shop.do("POST", f"/v1/stores/{shop.store_id}/on-call-lists", json=body))["id"])


async def plan(shop: Shop, *plans: dict[str, Any]) -> None:
    await shop.do("PUT", f"/v1/stores/{shop.store_id}/escalation", json={"plans": plans})


async def escalate(shop: Shop) -> None:
    """More than once: an alert that the app's own watch holds just then is passed over."""
    for _ in range(3):
        await escalate_due(shop.app.state.database, now=shop.app.state.clock())
        await asyncio.sleep(0.02)


async def steps(shop: Shop, alert_id: str) -> list[tuple[int, list[str]]]:
    taken = await shop.do("GET", f"/v1/alerts/{alert_id}/escalations")
    return [(step["level"], step["staff_ids"]) for step in taken]


async def raised(shop: Shop, subject: str = "vault") -> str:
    async with shop.app.state.database.begin() as session:
        return str(await see(session, shop, subject, now=shop.app.state.clock()))


async def test_an_alert_is_brought_to_whoever_is_on_call_until_somebody_looks_after_it(
    shop: Shop, clock: Clock
) -> None:
    body = {"name": "Nobody's hours", "timetable": NEVER}
    hours = (await shop.do("POST", f"/v1/stores/{shop.store_id}/schedules", json=body))["id"]
    day, night, chief = [await add_staff(shop, name) for name in ("day", "night", "chief")]
    guards = await add_list(shop, "Guards", {"staff_id": day, "schedule_id": hours}, {"staff_id": night})
    chiefs = await add_list(shop, "Chiefs", {"staff_id": chief})
    await plan(
        shop,
        {"steps": [{"minutes": 2, "on_call_list_id": guards}, {"minutes": 10, "on_call_list_id": chiefs}]},
        {"alert_kind": "tamper", "steps": []},
    )
    alert_id = await raised(shop)
    await escalate(shop)
    assert await steps(shop, alert_id) == []
    clock.ahead = timedelta(minutes=3)
    await escalate(shop)
    await escalate(shop)
    assert await steps(shop, alert_id) == [(1, [night])]
    clock.ahead = timedelta(minutes=11)
    await escalate(shop)
    assert await steps(shop, alert_id) == [(1, [night]), (2, [chief])]
    await shop.do("POST", f"/v1/alerts/{alert_id}/acknowledgement")
    await shop.do("POST", f"/v1/alerts/{alert_id}/resolution", json={})
    heard = await told(shop, alert_id)
    assert [type.removeprefix("alert.") for type, _ in heard] == [
        "raised",
        "escalated",
        "escalated",
        "acknowledged",
        "resolved",
    ]
    assert [(data["level"], data["staff_ids"]) for _, data in heard if "staff_ids" in data] == [
        (1, [night]),
        (2, [chief]),
    ]
    (shown,) = await alerts(shop)
    assert (shown["level"], shown["escalated_at"] is None) == (2, False)


async def test_a_step_that_reaches_nobody_is_not_waited_for_and_what_is_looked_after_goes_no_further(
    shop: Shop, clock: Clock
) -> None:
    gone, chief = [await add_staff(shop, name) for name in ("gone", "chief")]
    guards = await add_list(shop, "Guards", {"staff_id": gone})
    chiefs = await add_list(shop, "Chiefs", {"staff_id": chief})
    await shop.do("DELETE", f"/v1/staff/{gone}")
    await plan(
        shop,
        {"steps": [{"minutes": 1, "on_call_list_id": guards}, {"minutes": 30, "on_call_list_id": chiefs}]},
    )
    alert_id, looked_after = await raised(shop), await raised(shop, "front door")
    await shop.do("POST", f"/v1/alerts/{looked_after}/acknowledgement")
    clock.ahead = timedelta(minutes=2)
    await escalate(shop)
    assert await steps(shop, alert_id) == [(1, []), (2, [chief])]
    assert await steps(shop, looked_after) == []


async def test_plans_that_make_no_sense_are_refused(shop: Shop) -> None:
    guards = await add_list(shop, "Guards")
    path = f"/v1/stores/{shop.store_id}"

    async def refused(where: str, body: dict[str, Any]) -> str:
        response = await shop.client.request("PUT", path + where, json=body, headers=shop.staff)
        assert response.status_code in (404, 409, 422)
        return str(response.json()["code"])

    step = {"minutes": 1, "on_call_list_id": guards}
    assert await refused("/escalation", {"plans": [{"steps": [step, step]}]}) == "invalid_request"
    assert await refused("/escalation", {"plans": [{"steps": [step]}] * 2}) == "escalation_plan_twice"
    unknown = {"alert_kind": "no_such_kind", "steps": [step]}
    assert await refused("/escalation", {"plans": [unknown]}) == "unknown_alert_kind"
    elsewhere = step | {"on_call_list_id": shop.store_id}
    assert await refused("/escalation", {"plans": [{"steps": [elsewhere]}]}) == "on_call_list_not_found"
    added = {"name": "Guards", "shifts": []}
    again = await shop.client.post(f"{path}/on-call-lists", json=added, headers=shop.staff)
    assert (again.status_code, again.json()["code"]) == (409, "on_call_list_name_taken")
    nobody = {"name": "Chiefs", "shifts": [{"staff_id": shop.store_id}]}
    strange = await shop.client.post(f"{path}/on-call-lists", json=nobody, headers=shop.staff)
    assert (strange.status_code, strange.json()["code"]) == (422, "unknown_shift")


async def test_how_fast_staff_are_is_told_by_kind_and_severity(shop: Shop) -> None:
    began = utc_now() - timedelta(hours=1)
    waited = [4, 9, 11, 40, 200]
    async with shop.app.state.database.begin() as session:
        for seconds in waited:
            alert_id = await see(session, shop, f"door {seconds}", now=began)
            at = began + timedelta(seconds=seconds)
            await acknowledge(session, alert_id=alert_id, by="staff:1", now=at)
            await resolve(session, alert_id=alert_id, by="staff:1", note=None, now=at + timedelta(seconds=60))
        by_itself = await see(session, shop, "camera", now=began)
        await resolve(session, alert_id=by_itself, by="camera", note=None, now=began + timedelta(days=1))
        await see(session, shop, "open", now=began)
    path = f"/v1/stores/{shop.store_id}/alert-response-times"
    (times,) = await shop.do("GET", path)
    assert (times["kind"], times["severity"], times["raised"]) == ("door_held_open", "warning", 7)
    assert (times["acknowledged"], times["resolved"], times["ended_by_itself"]) == (5, 5, 1)
    for lasting, answered in ((0, "to_acknowledge"), (60, "to_resolve")):
        half, most = np.percentile(np.array(waited) + lasting, [50, 95])
        assert times[answered] == {"half": pytest.approx(half), "most": pytest.approx(most)}
    before = {"since": (began - timedelta(days=1)).isoformat(), "until": began.isoformat()}
    assert await shop.do("GET", path, params=before) == []
    empty = await shop.client.get(
        path, params={"since": began.isoformat(), "until": began.isoformat()}, headers=shop.staff
    )
    assert (empty.status_code, empty.json()["code"]) == (422, "period_empty")


async def test_an_on_call_list_says_who_is_on_call_now(shop: Shop) -> None:
    body = {"name": "Nobody's hours", "timetable": NEVER}
    hours = (await shop.do("POST", f"/v1/stores/{shop.store_id}/schedules", json=body))["id"]
    first, second = [await add_staff(shop, name) for name in ("first", "second")]
    list_id = await add_list(shop, "Guards", {"staff_id": first, "schedule_id": hours}, {"staff_id": second})
    path = f"/v1/on-call-lists/{list_id}"
    assert (await shop.do("GET", path))["now_on_call"] == [second]
    changed = await shop.do("PUT", path, json={"name": "Guards", "shifts": [{"staff_id": first}, {"staff_id": second}]})
    assert changed["now_on_call"] == [first, second]
    listed = await shop.do("GET", f"/v1/stores/{shop.store_id}/on-call-lists")
    assert [UUID(each["id"]) for each in listed["items"]] == [UUID(list_id)]


async def test_an_alert_that_becomes_graver_is_told_of_again_whoever_looked_after_the_lesser_one(
    shop: Shop, clock: Clock
) -> None:
    chief = await add_staff(shop, "chief")
    chiefs = await add_list(shop, "Chiefs", {"staff_id": chief})
    await plan(shop, {"severity_min": "critical", "steps": [{"minutes": 1, "on_call_list_id": chiefs}]})
    alert_id = await raised(shop)
    await shop.do("POST", f"/v1/alerts/{alert_id}/acknowledgement")
    async with shop.app.state.database.begin() as session:
        await see(session, shop, "vault", now=shop.app.state.clock(), severity=Severity.CRITICAL)
    (graver,) = await alerts(shop, open=True)
    assert (graver["severity"], graver["acknowledged_at"]) == ("critical", None)
    heard = [(type, data["severity"]) for type, data in await told(shop, alert_id)]
    assert heard[-1] == ("alert.raised", "critical")
    clock.ahead = timedelta(minutes=2)
    await escalate(shop)
    assert await steps(shop, alert_id) == [(1, [chief])]


async def test_one_alert_that_cannot_be_escalated_keeps_no_other_from_it(
    shop: Shop, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    chief = await add_staff(shop, "chief")
    chiefs = await add_list(shop, "Chiefs", {"staff_id": chief})
    await plan(shop, {"steps": [{"minutes": 0, "on_call_list_id": chiefs}]})
    broken, sound = await raised(shop, "broken"), await raised(shop, "sound")

    async def fail(session: AsyncSession, alert: Alert, **about: Any) -> None:
        if str(alert.id) == broken:
            raise ValueError("a bug")
        await tell_of_escalation(session, alert, **about)

    monkeypatch.setattr("facepay.alerts.escalation.tell_of_escalation", fail)
    await escalate(shop)
    assert (await steps(shop, broken), await steps(shop, sound)) == ([], [(1, [chief])])
