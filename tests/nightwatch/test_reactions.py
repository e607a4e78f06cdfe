from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, text

from facepay.alerts.alerts import Alert, raise_alert, resolve
from facepay.alerts.kinds import Severity
from facepay.alerts.sightings import count
from facepay.kernel.database import Database
from facepay.nightwatch.patrol import CLOSING_SOON, DEVICE_SILENT
from facepay.nightwatch.reacting import TOO_LATE, issued_since, react, react_to_all
from tests.conftest import Clock
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
LOCK = {"kind": "lock"}
SPEAK = {"kind": "speak", "text": "Please leave", "language": "en"}


class Office:
    """Where reactions are set and looked at; the app's own task carries them out."""

    def __init__(self, shop: Shop, app: FastAPI, clock: Clock) -> None:
        self.shop, self.clock = shop, clock
        self.database: Database = app.state.database

    async def rule(self, *steps: dict[str, Any], kind: str = DEVICE_SILENT.name, **more: Any) -> str:
        body = {"name": "Shut", "alert_kind": kind, "steps": steps} | more
        reaction: str = (await self.shop.do("POST", f"/v1/stores/{self.shop.store_id}/reactions", json=body))["id"]
        return reaction

    async def alert(self, subject: str = "gate", *, device_id: str | None = None, **more: Any) -> UUID:
        about = UUID(device_id) if device_id else None
        async with self.database.begin() as session:
            return await raise_alert(
                session,
                more.pop("kind", DEVICE_SILENT),
                store_id=UUID(self.shop.store_id),
                subject=subject,
                now=self.clock(),
                device_id=about,
                **more,
            )

    async def resolve(self, alert_id: UUID) -> None:
        async with self.database.begin() as session:
            await resolve(session, alert_id=alert_id, by="staff:1", note=None, now=self.clock())

    async def done(self) -> None:
        """Once all that was seen is counted and all alerts were reacted to, here or by the app's own tasks."""
        async with self.database.begin() as session:
            await count(session, store_id=UUID(self.shop.store_id), now=self.clock())

        async def waiting() -> int:
            async with self.database.read() as session:
                return await session.scalar(select(func.count(Alert.id)).where(Alert.reacted_at.is_(None))) or 0

        await until(waiting, lambda: react_to_all(self.database, self.clock))

    async def told(self, device_id: str) -> list[str]:
        record = await self.shop.do("GET", f"/v1/devices/{device_id}/commands/record")
        return [each["command"]["kind"] for each in record["items"]][::-1]

    async def outcomes(self, alert_id: UUID) -> dict[str, tuple[str, str | None]]:
        path = f"/v1/stores/{self.shop.store_id}/reaction-outcomes"
        listed = await self.shop.do("GET", path, params={"alert_id": str(alert_id)})
        return {each["device_id"]: (each["outcome"], each["failure"]) for each in listed["items"]}


async def until(waiting: Callable[[], Awaitable[int]], act: Callable[[], Awaitable[Any]]) -> None:
    for _ in range(100):
        await act()
        if not await waiting():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("some alerts still wait for their reactions")


@pytest.fixture
def office(shop: Shop, app: FastAPI, clock: Clock) -> Office:
    return Office(shop, app, clock)


async def test_an_alert_locks_the_door_that_it_is_about_and_speaks_to_all_kiosks(office: Office) -> None:
    other, _ = await office.shop.add_device("gate")
    await office.rule({"command": LOCK, "raised_by": True}, {"command": SPEAK, "roles": ["kiosk"]})
    alert = await office.alert(device_id=office.shop.gate_id)
    await office.done()
    assert await office.told(office.shop.gate_id) == ["lock"]
    assert await office.told(office.shop.kiosk_id) == ["speak"]
    assert await office.told(other) == []
    assert set((await office.outcomes(alert)).values()) == {("issued", None)}


async def test_an_alert_is_reacted_to_once_by_however_many_replicas_and_again_only_when_it_was_over(
    office: Office,
) -> None:
    await office.rule({"command": SPEAK, "roles": ["kiosk", "gate"]}, cooldown_seconds=0)
    alerts = [await office.alert(f"tag {number}") for number in range(4)]
    await asyncio.gather(*(react_to_all(office.database, office.clock) for _ in range(4)))
    await office.done()
    assert await office.told(office.shop.kiosk_id) == ["speak"] * 4
    assert await office.alert("tag 0") == alerts[0]  # the same, seen again
    await office.done()
    assert await office.told(office.shop.gate_id) == ["speak"] * 4
    await office.resolve(alerts[0])
    await office.alert("tag 0")
    await office.done()
    assert await office.told(office.shop.kiosk_id) == ["speak"] * 5


async def test_a_device_is_told_no_more_while_a_rule_cools_down_for_it(office: Office) -> None:
    await office.rule({"command": SPEAK, "raised_by": True}, cooldown_seconds=30)
    first = await office.alert("first", device_id=office.shop.kiosk_id)
    second = await office.alert("second", device_id=office.shop.kiosk_id)
    elsewhere = await office.alert("third", device_id=office.shop.gate_id)
    await office.done()
    assert sorted(await office.told(office.shop.kiosk_id)) == ["speak"]
    both = [next(iter((await office.outcomes(each)).values()))[0] for each in (first, second)]
    assert sorted(both) == ["cooling_down", "issued"]
    assert await office.outcomes(elsewhere) == {office.shop.gate_id: ("issued", None)}
    office.clock.ahead += timedelta(seconds=31)
    await office.alert("fourth", device_id=office.shop.kiosk_id)
    await office.done()
    assert await office.told(office.shop.kiosk_id) == ["speak", "speak"]


async def test_a_device_that_cannot_is_written_down_and_keeps_nobody_else_from_it(office: Office) -> None:
    kiosk, gate = office.shop.kiosk_id, office.shop.gate_id
    await office.rule({"command": LOCK, "device_ids": [kiosk, gate]}, {"command": SPEAK, "device_ids": [kiosk]})
    alert = await office.alert()
    await office.done()
    assert await office.outcomes(alert) == {kiosk: ("failed", "device_has_no_door"), gate: ("issued", None)}
    assert await office.told(kiosk) == []
    assert await office.told(gate) == ["lock"]


async def test_a_rule_waits_until_an_alert_is_as_grave_as_it_wants_and_then_acts_once(office: Office) -> None:
    await office.rule({"command": SPEAK, "roles": ["kiosk"]}, kind=CLOSING_SOON.name)
    await office.rule({"command": LOCK, "roles": ["gate"]}, kind=CLOSING_SOON.name, severity_min="critical")
    await office.alert(kind=CLOSING_SOON)
    await office.done()
    assert await office.told(office.shop.gate_id) == []
    await office.alert(kind=CLOSING_SOON, severity=Severity.CRITICAL)
    await office.done()
    assert await office.told(office.shop.gate_id) == ["lock"]
    assert await office.told(office.shop.kiosk_id) == ["speak"]


async def test_what_was_raised_long_ago_is_left_to_people(office: Office) -> None:
    await office.rule({"command": LOCK, "roles": ["gate"]}, cooldown_seconds=0)
    async with office.database.begin() as session:
        alert = await raise_alert(
            session,
            DEVICE_SILENT,
            store_id=UUID(office.shop.store_id),
            subject="gate",
            now=office.clock() - TOO_LATE - timedelta(minutes=1),
        )
        assert await react(session, alert_id=alert, now=office.clock())
    assert await office.outcomes(alert) == {office.shop.gate_id: ("too_late", None)}
    assert await office.told(office.shop.gate_id) == []


async def test_rules_are_changed_switched_off_and_checked(office: Office) -> None:
    shop = office.shop
    reaction = await office.rule({"command": SPEAK, "roles": ["kiosk"]})
    changed = await shop.do("PATCH", f"/v1/reactions/{reaction}", json={"enabled": False, "severity_min": "critical"})
    assert (changed["enabled"], changed["severity_min"]) == (False, "critical")
    assert (await shop.do("GET", f"/v1/reactions/{reaction}"))["steps"] == changed["steps"]
    await office.alert(severity=Severity.CRITICAL)
    await office.done()
    assert await office.told(shop.kiosk_id) == []

    async def refused(**wish: Any) -> str:
        body = {"name": "Shut", "alert_kind": DEVICE_SILENT.name, "steps": [{"command": SPEAK, "roles": ["kiosk"]}]}
        path = f"/v1/stores/{shop.store_id}/reactions"
        answer = await shop.client.post(path, json=body | wish, headers=shop.staff)
        return str(answer.json()["code"])

    assert await refused(alert_kind="no_such_kind") == "unknown_alert_kind"
    assert await refused(steps=[{"command": SPEAK}]) == "invalid_request"
    assert await refused(steps=[{"command": LOCK, "roles": ["kiosk"]}]) == "invalid_request"
    stranger = str(UUID(int=7))
    assert await refused(steps=[{"command": SPEAK, "device_ids": [stranger]}]) == "devices_of_other_store"


async def test_whether_a_rule_cools_down_is_read_from_its_index_however_many_outcomes_there_are(
    office: Office,
) -> None:
    asked = issued_since(UUID(int=1), UUID(int=2), office.clock())
    words = asked.compile(dialect=office.database.engine.dialect, compile_kwargs={"literal_binds": True})
    async with office.database.begin() as session:
        await session.execute(text("set local enable_seqscan = off"))
        plan = "\n".join(await session.scalars(text(f"explain {words}".replace(":", "\\:"))))
    assert "ix_reaction_outcome_issued" in plan
