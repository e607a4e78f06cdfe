"""Who gets into the console, and who is kept out of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from facepay.kernel.auth import PUBLIC_PATHS, api_routes
from tests.conftest import Clock
from tests.console.desk import COOKIE, OURS, signed_in
from tests.shop import PASSWORD, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.one_shop]


async def test_whoever_signs_in_sees_the_stores_until_they_sign_out(shop: Shop) -> None:
    away = await shop.client.get("/console")
    assert (away.status_code, away.headers["location"]) == (303, "/console/sign-in?to=%2Fconsole")

    answer = await signed_in(shop)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    assert "HttpOnly" in answer.headers["set-cookie"]
    page = await shop.client.get("/console")
    assert page.status_code == 200
    assert f"/console/stores/{shop.store_id}" in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"

    kept = shop.client.cookies[COOKIE]
    await shop.client.post("/console/sign-out", headers=OURS)
    answer = await shop.client.get("/console", headers={"Cookie": f"{COOKIE}={kept}"})
    assert answer.status_code == 303, "the session is over, whoever kept the cookie"


async def test_no_page_is_shown_to_whoever_is_not_signed_in(shop: Shop) -> None:
    for route in api_routes(shop.app.routes):
        if route.path.startswith("/console") and route.path not in PUBLIC_PATHS:
            path = route.path.replace("{", "").replace("}", "")
            for method in route.methods or ():
                answer = await shop.client.request(method, path, headers=OURS | {"Cookie": f"{COOKIE}=guessed"})
                assert answer.status_code == 303, (method, path)
                assert answer.headers["location"].startswith("/console/sign-in")


async def test_a_page_that_is_not_there_is_a_page_too(shop: Shop) -> None:
    asked = await shop.client.get("/console/store", follow_redirects=False)
    assert (asked.status_code, asked.headers["location"]) == (303, "/console/sign-in?to=%2Fconsole%2Fstore")
    await signed_in(shop)
    missing = await shop.client.get("/console/store/of/nobody")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is nothing here." in missing.text
    assert "There is no such page." in missing.text


async def test_a_wrong_password_opens_nothing(shop: Shop) -> None:
    answer = await signed_in(shop, password="not the password")
    assert answer.status_code == 401
    assert COOKIE not in answer.cookies


async def test_no_other_site_makes_a_browser_change_anything(shop: Shop) -> None:
    await signed_in(shop)
    form = {"username": "owner", "password": PASSWORD, "language": "ko"}
    told: list[dict[str, str]] = [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://elsewhere.example"},
        {"Origin": "null"},
        {},
    ]
    for headers in told:
        for path in ("/console/sign-out", "/console/sign-in", "/console/language"):
            answer = await shop.client.post(path, data=form, headers=headers)
            assert answer.status_code == 403, (headers, path)
            assert "cross_site_request" in answer.text, (headers, path)
    assert (await shop.client.get("/console")).status_code == 200


async def test_a_browser_without_fetch_metadata_is_known_by_its_origin(shop: Shop) -> None:
    await signed_in(shop)
    assert (await shop.client.post("/console/sign-out", headers={"Origin": "http://shop"})).status_code == 303


async def test_signing_in_leads_nowhere_else(shop: Shop) -> None:
    for to in ("https://elsewhere.example", "//elsewhere.example", "/console//x", "/console/\\x", "/v1"):
        assert (await signed_in(shop, to=to)).headers["location"] == "/console", to


async def test_a_session_ends_when_nobody_uses_it_and_after_a_day_of_use(shop: Shop, clock: Clock) -> None:
    await signed_in(shop)
    clock.ahead = timedelta(minutes=31)
    assert (await shop.client.get("/console")).status_code == 303

    clock.ahead = timedelta()
    await signed_in(shop)
    for _ in range(24 + 1):
        clock.ahead += timedelta(minutes=29)
        answer = await shop.client.get("/console")
    assert answer.status_code == 303, "however busy"


async def test_a_changed_role_ends_the_session_and_the_next_one_shows_less(shop: Shop) -> None:
    body = {"username": "minji", "display_name": "Minji", "role": "operator", "password": PASSWORD}
    staff = (await shop.client.post("/v1/staff", json=body, headers=shop.staff)).json()["id"]
    await signed_in(shop, "minji")
    assert (await shop.client.get("/console")).status_code == 200
    await shop.client.patch(f"/v1/staff/{staff}", json={"role": "app"}, headers=shop.staff)
    assert (await shop.client.get("/console")).status_code == 303

    await signed_in(shop, "minji")
    answer = await shop.client.get("/console")
    assert answer.status_code == 403
    assert "Your role may not see this." in answer.text


async def test_pages_speak_the_language_that_was_chosen(shop: Shop) -> None:
    await signed_in(shop)
    assert "매장" in (await shop.client.get("/console", headers={"Accept-Language": "ko-KR"})).text
    chosen = await shop.client.post("/console/language", data={"language": "zh"}, headers=OURS)
    shop.client.cookies.update(chosen.cookies)
    assert "门店" in (await shop.client.get("/console", headers={"Accept-Language": "ko-KR"})).text
