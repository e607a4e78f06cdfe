from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from facepay.kernel.auth import SCOPES
from tests.answers import verdict
from tests.shop import PASSWORD

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
OWNERS = {
    "audit:read",
    "stores:write",
    "staff:write",
    "lookalikes:write",
    "passes:write",
    "reviews:resolve",
    "evidence:read",
    "access:configure",
    "access:export",
    "watchlist:approve",
    "security:write",
}
ME = "/v1/auth/me"


class Desk:
    """The first owner, and whoever else signs in."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.owner: dict[str, str] = {}

    async def sign_in(self, username: str, password: str = PASSWORD) -> dict[str, str]:
        response = await self.client.post("/v1/auth/token", data={"username": username, "password": password})
        assert response.is_success, response.text
        return {"Authorization": f"Bearer {response.json()['access_token']}"}

    async def add(self, username: str, role: str) -> str:
        body = {"username": username, "display_name": username, "role": role, "password": PASSWORD}
        response = await self.client.post("/v1/staff", json=body, headers=self.owner)
        assert response.status_code == 201, response.text
        assert response.headers["location"] == f"/v1/staff/{response.json()['id']}"
        return str(response.json()["id"])

    async def change(self, staff_id: str, **changes: Any) -> httpx.Response:
        return await self.client.patch(f"/v1/staff/{staff_id}", json=changes, headers=self.owner)

    async def id_of(self, headers: dict[str, str]) -> str:
        return str((await self.client.get(ME, headers=headers)).json()["id"])


@pytest.fixture
async def desk(client: httpx.AsyncClient) -> Desk:
    desk = Desk(client)
    desk.owner = await desk.sign_in("owner")
    return desk


async def test_each_role_may_do_what_its_name_says(desk: Desk) -> None:
    scopes = {}
    for role in ("operator", "auditor", "guard", "app"):
        await desk.add(role, role)
        scopes[role] = set((await desk.client.get(ME, headers=await desk.sign_in(role))).json()["scopes"])
    assert scopes["operator"] == set(SCOPES) - OWNERS
    assert scopes["auditor"] == {scope for scope in SCOPES if scope.endswith(":read")} - OWNERS | {
        "account:own",
        "audit:read",
    }
    assert scopes["guard"] & {"watchlist:answer", "alerts:write", "emergency:act"}
    assert not scopes["guard"] & (OWNERS | {"members:read", "wallet:read", "orders:read"})
    assert scopes["app"] == {"passes:write", "drives:read", "drives:reserve", "account:own"}


async def test_an_auditor_reads_and_changes_nothing(desk: Desk) -> None:
    await desk.add("auditor", "auditor")
    auditor = await desk.sign_in("auditor")
    for path in ("/v1/members", "/v1/stores", "/v1/products", "/v1/orders"):
        assert (await desk.client.get(path, headers=auditor)).is_success, path
    for path in ("/v1/members", "/v1/stores", "/v1/products", "/v1/products/import", "/v1/staff"):
        refused = await desk.client.post(path, json={}, headers=auditor)
        assert verdict(refused) == (403, "insufficient_scope"), path


async def test_a_user_name_is_taken_in_capitals_too(desk: Desk) -> None:
    await desk.add("Wang.Fang", "operator")
    body = {"username": "WANG.FANG", "display_name": "Other", "role": "auditor", "password": PASSWORD}
    response = await desk.client.post("/v1/staff", json=body, headers=desk.owner)
    assert verdict(response) == (409, "username_taken")
    assert "password" not in (await desk.client.get("/v1/staff", headers=desk.owner)).text


async def test_whoever_is_disabled_is_out_at_once_and_old_tokens_stay_dead(desk: Desk) -> None:
    staff_id = await desk.add("clerk", "operator")
    clerk = await desk.sign_in("clerk")
    response = await desk.client.delete(f"/v1/staff/{staff_id}", headers=desk.owner)
    assert response.status_code == 204
    assert verdict(await desk.client.get(ME, headers=clerk)) == (401, "unauthenticated")
    form = {"username": "clerk", "password": PASSWORD}
    assert verdict(await desk.client.post("/v1/auth/token", data=form)) == (401, "wrong_credentials")
    assert (await desk.change(staff_id, disabled=False)).json()["disabled_at"] is None
    assert verdict(await desk.client.get(ME, headers=clerk)) == (401, "unauthenticated")
    assert (await desk.client.get(ME, headers=await desk.sign_in("clerk"))).is_success


async def test_a_new_role_or_password_ends_the_tokens_and_a_new_name_does_not(desk: Desk) -> None:
    staff_id = await desk.add("clerk", "operator")
    for changes, ends in [
        ({"display_name": "Clerk"}, False),
        ({"role": "auditor"}, True),
        ({"password": PASSWORD}, True),
    ]:
        clerk = await desk.sign_in("clerk")
        assert (await desk.change(staff_id, **changes)).is_success
        assert (await desk.client.get(ME, headers=clerk)).is_error is ends, changes
    assert (await desk.client.get(f"/v1/staff/{staff_id}", headers=desk.owner)).json()["role"] == "auditor"


async def test_the_last_owner_stays(desk: Desk) -> None:
    owner_id = await desk.id_of(desk.owner)
    for changes in ({"disabled": True}, {"role": "operator"}, {"role": "auditor", "disabled": True}):
        assert verdict(await desk.change(owner_id, **changes)) == (409, "last_owner")
    assert verdict(await desk.client.delete(f"/v1/staff/{owner_id}", headers=desk.owner)) == (409, "last_owner")
    disabled = await desk.add("second", "owner")
    await desk.change(disabled, disabled=True)
    assert verdict(await desk.change(owner_id, role="operator")) == (409, "last_owner")
    assert (await desk.change(owner_id, display_name="Still here")).is_success


async def test_two_owners_cannot_demote_each_other_at_the_same_moment(desk: Desk) -> None:
    other_id = await desk.add("second", "owner")
    other = await desk.sign_in("second")
    owner_id = await desk.id_of(desk.owner)
    answers = await asyncio.gather(
        desk.client.patch(f"/v1/staff/{other_id}", json={"role": "auditor"}, headers=desk.owner),
        desk.client.patch(f"/v1/staff/{owner_id}", json={"role": "auditor"}, headers=other),
    )
    won, lost = sorted(answers, key=lambda answer: answer.status_code)
    assert won.status_code == 200
    # Whoever comes so late that they are no owner any more is told that first.
    assert verdict(lost) in ((409, "last_owner"), (401, "unauthenticated"))


async def test_staff_that_make_no_sense_are_refused(desk: Desk) -> None:
    body = {"username": "clerk", "display_name": "Clerk", "role": "operator", "password": PASSWORD}
    for wrong in (
        {"username": "two words"},
        {"username": "a\0b"},
        {"username": "x" * 65},
        {"username": ""},
        {"display_name": "a\0b"},
        {"role": "god"},
        {"password": "short"},
        {"password": "x" * 201},
        {"password": None},
        {"admin": True},
    ):
        response = await desk.client.post("/v1/staff", json=body | wrong, headers=desk.owner)
        assert verdict(response) == (422, "invalid_request"), wrong
        assert PASSWORD not in response.text
    staff_id = await desk.add("clerk", "operator")
    for changes in ({"role": None}, {"password": None}, {"disabled": "maybe"}, {"disabled": None}, {"username": "x"}):
        assert verdict(await desk.change(staff_id, **changes)) == (422, "invalid_request"), changes
    assert verdict(await desk.change(str(uuid4()), display_name="x")) == (404, "staff_not_found")
    assert verdict(await desk.change("17", display_name="x")) == (422, "invalid_request")
