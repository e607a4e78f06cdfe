"""What staff did is on record, whatever came of it, and nobody takes it back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DatabaseError

from facepay.kernel import auth
from facepay.kernel.database import Database
from facepay.staff.actions import StaffAction, forget_actions, is_accounted
from tests.conftest import Clock
from tests.photos import people
from tests.shop import PASSWORD, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


def staff_routes(app: FastAPI) -> list[tuple[str, str]]:
    """Those that leave a row: method and path."""
    return [
        (method, route.path)
        for route in auth.api_routes(app.routes)
        for method in sorted(route.methods or ())
        if auth.current_staff in _calls(route.dependant)
        and is_accounted(method, route.endpoint, frozenset(auth.scopes_of(route.dependant)))
    ]


def _calls(dependant: Any) -> set[Any]:
    return {dependant.call}.union(*(_calls(child) for child in dependant.dependencies))


async def test_every_request_of_staff_that_changes_something_leaves_one_row(shop: Shop, app: FastAPI) -> None:
    routes = staff_routes(app)
    assert len(routes) > 150
    expected = []
    for method, path in routes:
        sent = shop.staff | {"X-Request-Id": f"audit-{uuid4().hex}", "Idempotency-Key": uuid4().hex}
        answer = await shop.client.request(method, path.replace("{", "").replace("}", ""), headers=sent)
        expected.append((sent["X-Request-Id"], method, path, answer.status_code))
    async with app.state.database.read() as session:
        found = await session.scalars(select(StaffAction).where(StaffAction.request_id.startswith("audit-")))
    rows = [(row.request_id, row.method, row.route, row.status) for row in found]
    assert sorted(rows, key=str) == sorted(expected, key=str)


async def test_what_was_refused_is_on_record_with_the_reason(shop: Shop) -> None:
    body = {"username": "auditor", "display_name": "Auditor", "role": "auditor", "password": PASSWORD}
    await shop.do("POST", "/v1/staff", json=body)
    form = {"username": "auditor", "password": PASSWORD}
    token = (await shop.client.post("/v1/auth/token", data=form)).json()["access_token"]
    auditor = {"Authorization": f"Bearer {token}", "User-Agent": "curl"}
    member = await shop.add_member_without_face()
    await shop.client.delete(f"/v1/members/{member}", headers=auditor)
    await shop.do("PATCH", f"/v1/stores/{shop.store_id}", json={"name": "Renamed"})

    async def actions(**wish: str) -> list[dict[str, Any]]:
        answer = await shop.client.get("/v1/staff-actions", params=wish, headers=auditor)
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    (refused,) = await actions(member_id=member)
    assert (refused["username"], refused["method"], refused["route"]) == (
        "auditor",
        "DELETE",
        "/v1/members/{member_id}",
    )
    assert (refused["status"], refused["code"], refused["agent"]) == (403, "insufficient_scope", "curl")
    renamed, *_ = await actions(store_id=shop.store_id)
    assert (renamed["username"], renamed["status"], renamed["code"]) == ("owner", 200, None)
    assert refused["id"] in [each["id"] for each in await actions(refused="true")]
    assert renamed["id"] not in [each["id"] for each in await actions(refused="true")]
    assert refused["id"] not in [each["id"] for each in await actions(refused="false")]
    assert next(each["route"] for each in await actions()) == "/v1/staff-actions", "to look is an action too"


async def test_devices_and_people_leave_no_rows(shop: Shop, app: FastAPI) -> None:
    await shop.client.get("/v1/members", headers=shop.staff)
    await shop.client.post(f"/v1/devices/{shop.gate_id}/heartbeats", headers=shop.gate, json={})
    async with app.state.database.read() as session:
        routes = (await session.scalars(select(StaffAction.route))).all()
    assert not {"/v1/members", "/v1/devices/{device_id}/heartbeats"}.intersection(routes)


async def test_what_is_only_asked_leaves_no_row_though_it_is_posted(shop: Shop, app: FastAPI) -> None:
    member = await shop.add_member(0, pin="739150")
    frame = {"content": people()[1], "headers": {"Content-Type": "image/jpeg"}}
    for _ in range(2):
        assert (await shop.do("POST", f"/v1/members/{member}/face/check", **frame))["good"]
    async with app.state.database.read() as session:
        routes = (await session.scalars(select(StaffAction.route).where(StaffAction.member_id == UUID(member)))).all()
    assert routes == ["/v1/members/{member_id}/pin"], "that a PIN was set"


async def test_what_staff_did_stands_until_it_is_old(shop: Shop, app: FastAPI, clock: Clock) -> None:
    database: Database = app.state.database
    await shop.add_member_without_face()
    for undoing in (
        update(StaffAction).values(username="nobody"),
        update(StaffAction).values(status=200),
        delete(StaffAction),
    ):
        with pytest.raises(DatabaseError, match="what staff did stands"):
            async with database.begin() as session:
                await session.execute(undoing)
    assert await forget_actions(database, kept=timedelta(days=730), now=clock()) == 0
    clock.ahead = timedelta(days=731)
    with pytest.raises(DatabaseError, match="what staff did stands"):  # by the database's own clock it is of today
        await forget_actions(database, kept=timedelta(days=730), now=clock())
