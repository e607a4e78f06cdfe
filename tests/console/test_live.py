"""The console's page of a store as it is now, and its stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from playwright.async_api import expect

from tests.browser import DESKTOP, OpenPage
from tests.channel.line import event, gate_of, report
from tests.conftest import Clock
from tests.console.desk import COOKIE, OURS, signed_in
from tests.nightwatch.watch import enter_by_pass
from tests.server import on_a_socket
from tests.shop import PASSWORD, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who watches looks often."""
    monkeypatch.setattr("facepay.live.watching.EVERY_SECONDS", 0.2)


async def events(stream: httpx.Response) -> AsyncIterator[tuple[str, str]]:
    """Names and data of what is sent."""
    name, data = "", [""]
    async for line in stream.aiter_lines():
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data.append(line[5:])
        elif not line and name:
            yield name, "\n".join(data)
            name, data = "", []


async def add_staff(shop: Shop, role: str) -> str:
    body = {"username": role, "password": PASSWORD, "display_name": role, "role": role}
    staff_id: str = (await shop.do("POST", "/v1/staff", json=body))["id"]
    return staff_id


async def test_the_page_shows_a_store_without_any_script(shop: Shop) -> None:
    member = await shop.add_member_without_face(balance=5_000, name="Li <Na>")
    await enter_by_pass(shop, member)
    await shop.pass_at_kiosk((await shop.issue_pass(member))["pass"], {"TEA-001": 2})
    await report(shop, gate_of(shop), event(1, "door_forced"))
    await signed_in(shop)
    page = (await shop.client.get(f"/console/stores/{shop.store_id}")).text
    for shown in ("Li &lt;Na&gt;", "CN¥9.00", "A door was opened that nobody had opened it for.", "I look after it"):
        assert shown in page, shown
    korean = await shop.client.get(f"/console/stores/{shop.store_id}", headers={"Accept-Language": "ko"})
    assert "아무도 열어 주지 않은 문이 열렸습니다." in korean.text
    stores = (await shop.client.get("/console")).text
    assert f'<a href="/console/stores/{shop.store_id}/alerts">1</a>' in stores


async def test_a_guard_sees_no_names_and_ends_no_visits(shop: Shop) -> None:
    await enter_by_pass(shop, await shop.add_member_without_face(name="Li Na"))
    await add_staff(shop, "guard")
    await signed_in(shop, "guard")
    page = await shop.client.get(f"/console/stores/{shop.store_id}")
    assert page.status_code == 200
    assert "A member" in page.text
    assert "Li Na" not in page.text
    assert "End the visit" not in page.text
    (visit,) = (await shop.do("GET", f"/v1/stores/{shop.store_id}/visits"))["items"]
    path = f"/console/stores/{shop.store_id}/visits/{visit['id']}/end"
    assert (await shop.client.post(path, headers=OURS)).status_code == 403


async def test_a_visit_is_ended_and_an_alert_looked_after_right_there(shop: Shop) -> None:
    await enter_by_pass(shop)
    await report(shop, gate_of(shop), event(1, "door_forced"))
    await signed_in(shop)
    live = await shop.do("GET", f"/v1/stores/{shop.store_id}/live")
    path = f"/console/stores/{shop.store_id}"
    visit, alert = live["people"][0]["visit_id"], live["alerts"]["first"][0]["id"]
    answer = await shop.client.post(f"{path}/visits/{visit}/end", headers=OURS)
    assert answer.headers["location"] == path
    await shop.client.post(f"{path}/alerts/{alert}/acknowledgement", data={"live": "1"}, headers=OURS)
    live = await shop.do("GET", f"/v1/stores/{shop.store_id}/live")
    assert live["people"] == []
    assert live["alerts"]["first"][0]["acknowledged_at"]
    again = await shop.client.post(f"{path}/visits/{visit}/end", headers=OURS | {"HX-Request": "true"})
    assert again.headers["HX-Retarget"] == "#problem"
    assert "visit_not_inside" in again.text


async def test_the_stream_brings_what_changed_and_ends_when_nobody_used_the_session(
    shop: Shop, app: FastAPI, clock: Clock
) -> None:
    await signed_in(shop)
    cookies = {COOKIE: shop.client.cookies[COOKIE]}
    async with (
        on_a_socket(app) as address,
        httpx.AsyncClient(base_url=address, timeout=20, cookies=cookies) as client,
        client.stream("GET", f"/console/stores/{shop.store_id}/live") as stream,
    ):
        told = events(stream)
        first = [(await anext(told))[0] for _ in range(7)]
        assert first == ["today", "alerts", "people", "decisions", "shelves", "devices", "alive"]
        await enter_by_pass(shop, await shop.add_member_without_face(name="Li Na"))
        changed = [await anext(told) for _ in range(4)]
        assert [name for name, _ in changed] == ["today", "people", "decisions", "alive"]
        assert "Li Na" in changed[1][1]
        clock.ahead = timedelta(minutes=31)
        assert [name for name, _ in [each async for each in told]][-1] == "over"


async def test_the_page_goes_on_by_itself_and_says_when_it_no_longer_does(
    shop: Shop, app: FastAPI, open_page: OpenPage
) -> None:
    async with on_a_socket(app) as address:
        page = await open_page(f"{address}/console/sign-in?to=/console/stores/{shop.store_id}", viewport=DESKTOP)
        await page.get_by_label("User name").fill("owner")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.locator("main").get_by_role("button", name="Sign in").click()
        await expect(page.locator("#live")).to_have_attribute("data-state", "live")
        await report(shop, gate_of(shop), event(1, "door_forced"))
        alert = page.locator(".live-alerts li")
        await expect(alert).to_contain_text("A door was opened")
        await alert.get_by_role("button", name="I look after it").click()
        await expect(alert).to_contain_text("Somebody looks after it.")
        await enter_by_pass(shop, await shop.add_member_without_face(name="Li Na"))
        page.once("dialog", lambda dialog: dialog.accept())
        await page.locator(".live-people").get_by_role("button", name="End the visit").click()
        await expect(page.locator(".live-people")).to_contain_text("Nobody is inside.")
        await expect(page.locator("[data-lost]")).to_be_hidden()
        await page.clock.fast_forward(30_000)  # and not a word from the server
        await expect(page.locator("[data-lost]")).to_be_visible()
        await enter_by_pass(shop)
        await expect(page.locator("[data-lost]")).to_be_hidden()
        await page.close()
