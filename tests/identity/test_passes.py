"""What the shop's own app gets for its members: a QR code and eight digits, for a minute, and no copy anywhere."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from facepay.identity.passes import draw_code, forget_passes, issue, read_pass
from facepay.kernel.clock import utc_now
from facepay.kernel.secrets import MasterKey
from tests.answers import verdict
from tests.conftest import Clock
from tests.privacy.catalogue import naming, rows
from tests.qr import read_qr
from tests.shop import PASSWORD, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def sign_in(shop: Shop, role: str) -> dict[str, str]:
    await shop.do(
        "POST", "/v1/staff", json={"username": role, "display_name": role, "role": role, "password": PASSWORD}
    )
    form = {"username": role, "password": PASSWORD}
    token = (await shop.client.post("/v1/auth/token", data=form)).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


async def ask(shop: Shop, member_id: str, headers: dict[str, str]) -> httpx.Response:
    return await shop.client.post(f"/v1/members/{member_id}/passes", headers=headers)


async def test_the_app_gets_a_pass_for_a_member_who_consented_to_nothing(shop: Shop) -> None:
    member_id = await shop.add_member_without_face()
    response = await ask(shop, member_id, await sign_in(shop, "app"))
    assert (response.status_code, response.headers["Cache-Control"]) == (201, "no-store")
    issued = response.json()
    assert re.fullmatch(r"[0-9]{8}", issued["code"])
    assert read_qr(issued["qr_svg"]) == issued["pass"]
    assert issued["qr_svg"].startswith('<svg xmlns="http://www.w3.org/2000/svg"')


async def test_the_app_may_do_nothing_else_and_operators_issue_no_passes(shop: Shop) -> None:
    member_id = await shop.add_member_without_face()
    app = await sign_in(shop, "app")
    assert verdict(await shop.client.get(f"/v1/members/{member_id}", headers=app)) == (403, "insufficient_scope")
    assert verdict(await ask(shop, member_id, await sign_in(shop, "operator"))) == (403, "insufficient_scope")


async def test_a_blocked_member_and_nobody_get_none(shop: Shop) -> None:
    member_id = await shop.add_member_without_face()
    await shop.do("PATCH", f"/v1/members/{member_id}", json={"status": "blocked"})
    assert verdict(await ask(shop, member_id, shop.staff)) == (409, "member_blocked")
    assert verdict(await ask(shop, str(uuid4()), shop.staff)) == (404, "member_not_found")


async def test_two_members_never_have_one_code(shop: Shop, app: FastAPI) -> None:
    key, lasts = app.state.master_key, timedelta(minutes=1)
    members = [UUID(await shop.add_member_without_face(name=name)) for name in ("Wei", "Xin")]
    draws = iter(["00000001", "00000001", "00000001", "00000002"])
    async with app.state.database.begin() as session:
        codes = [
            (await issue(session, member_id=each, key=key, now=utc_now(), lasts=lasts, draw=lambda: next(draws))).code
            for each in members
        ]
    assert codes == ["00000001", "00000002"]


async def test_of_a_pass_nothing_is_kept_but_hashes_and_erasure_takes_them(shop: Shop, owner_database_url: str) -> None:
    member_id = await shop.add_member_without_face()
    issued = await shop.do("POST", f"/v1/members/{member_id}/passes")
    kept = rows(owner_database_url)
    assert len(kept["one_time_pass"]) == 1
    assert naming(kept, issued["pass"]) == naming(kept, issued["code"]) == set()
    receipt = await shop.do("DELETE", f"/v1/members/{member_id}")
    assert receipt["erased"]["one_time_pass"] == 1
    assert rows(owner_database_url)["one_time_pass"] == []
    assert (await shop.pass_at_gate(issued["pass"])).json()["code"] == "pass_unknown"


async def test_passes_are_forgotten_an_hour_after_they_expired(shop: Shop, app: FastAPI, clock: Clock) -> None:
    issued = await shop.issue_pass(await shop.add_member_without_face())
    clock.ahead += timedelta(minutes=60)
    await forget_passes(app.state.database, now=clock())
    assert (await shop.pass_at_gate(issued["pass"])).json()["code"] == "pass_expired"
    clock.ahead += timedelta(minutes=2)
    await forget_passes(app.state.database, now=clock())
    assert (await shop.pass_at_gate(issued["pass"])).json()["code"] == "pass_unknown"


def test_a_pass_outlives_the_change_of_the_master_key() -> None:
    old, code = MasterKey(bytes(32)), draw_code()
    (made,) = read_pass(code, key=old).hashes
    assert made in read_pass(code, key=MasterKey(bytes([1] * 32), [old])).hashes
    assert made not in read_pass(code, key=MasterKey(bytes([1] * 32))).hashes
