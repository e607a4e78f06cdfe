"""Staff accounts and one's own, in the console."""

from __future__ import annotations

import httpx
import pytest

from tests.console.desk import COOKIE, OURS, signed_in
from tests.shop import PASSWORD, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
OTHER = "another long pass phrase"


def cookie(signed: httpx.Response) -> dict[str, str]:
    """As a browser of its own sends it."""
    return {"Cookie": f"{COOKIE}={signed.cookies[COOKIE]}"}


async def test_an_owner_adds_somebody_changes_them_and_takes_their_access(shop: Shop) -> None:
    await signed_in(shop)
    form = {"username": "minji", "display_name": "Minji", "role": "operator", "password": PASSWORD}
    page = (await shop.client.post("/console/staff", data=form, headers=OURS)).headers["location"]
    assert "Minji" in (await shop.client.get("/console/staff")).text
    theirs = cookie(await signed_in(shop, "minji"))
    await signed_in(shop)

    async def post(path: str, **form: str) -> None:
        assert (await shop.client.post(page + path, data=form, headers=OURS)).headers["location"] == page

    async def is_in() -> bool:
        return (await shop.client.get("/console", headers=theirs)).status_code == 200

    await post("", display_name="Kim Minji", role="operator")
    assert await is_in(), "another name ends nothing"
    await post("/password", password=OTHER)
    assert not await is_in()
    await post("/access", disabled="true")
    assert (await signed_in(shop, "minji", OTHER)).status_code == 401
    await signed_in(shop)
    await post("/access", disabled="false")
    assert (await signed_in(shop, "minji", OTHER)).status_code == 303
    assert (await shop.client.get("/console/staff")).status_code == 403


async def test_the_last_owner_stays(shop: Shop) -> None:
    await signed_in(shop)
    (owner,) = (await shop.do("GET", "/v1/staff"))["items"]
    path = f"/console/staff/{owner['id']}/access"
    answer = await shop.client.post(path, data={"disabled": "true"}, headers=OURS)
    assert (answer.status_code, "last_owner" in answer.text) == (409, True)


async def test_everybody_sees_where_they_are_signed_in_and_signs_out_there(shop: Shop) -> None:
    first, second = cookie(await signed_in(shop)), cookie(await signed_in(shop))
    open_sessions = await shop.do("GET", "/v1/auth/sessions")
    assert len(open_sessions) == 2
    older = min(open_sessions, key=lambda each: each["created_at"])
    await shop.client.post(f"/console/account/sessions/{older['id']}/end", headers=OURS)
    assert (await shop.client.get("/console/account", headers=first)).status_code == 303
    assert (await shop.client.get("/console/account", headers=second)).status_code == 200


async def test_a_password_is_changed_by_whoever_knows_it(shop: Shop) -> None:
    await signed_in(shop)
    wrong = {"current_password": "not the password", "new_password": OTHER}
    answer = await shop.client.post("/console/account/password", data=wrong, headers=OURS)
    assert (answer.status_code, "Your present password is another" in answer.text) == (422, True)
    form = {"current_password": PASSWORD, "new_password": OTHER}
    answer = await shop.client.post("/console/account/password", data=form, headers=OURS)
    assert answer.headers["location"] == "/console/sign-in"
    assert (await shop.client.get("/console")).status_code == 303
    assert (await signed_in(shop, password=OTHER)).status_code == 303
