"""A tablet as a kiosk and as a gate, in a real browser whose camera films real faces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from playwright.async_api import Page, Route, expect
from playwright.async_api import TimeoutError as PlaywrightTimeout

from facepay.vision.frames import FrameLimits, Image, decode_frame
from tests.browser import Camera, OpenPage
from tests.photos import people, stranger, variant
from tests.server import on_a_socket
from tests.shop import PRICES, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]

TABLET = {"width": 1024, "height": 768}
GTIN = "6901234567892"
SECONDS_MAX = 10


def seen(photo: bytes) -> Image:
    return decode_frame(variant(photo, quality=85, scale=1.0), limits=FrameLimits())


@dataclass
class Tablet:
    shop: Shop
    address: str
    camera: Camera
    open_page: OpenPage

    async def becomes(self, role: str) -> Page:
        """Paired: a gate by the link of its QR code, a kiosk by the code that is typed."""
        device_id = self.shop.kiosk_id if role == "kiosk" else self.shop.gate_id
        pairing = await self.shop.do("POST", f"/v1/devices/{device_id}/pairings")
        link = urlsplit(pairing["url"])
        if role == "gate":
            page = await self.open_page(f"{self.address}{link.path}#{link.fragment}", viewport=TABLET)
            await expect(button(page, "Start")).to_be_visible()
            assert "#" not in page.url, "the code is out of the address bar"
            return page
        page = await self.open_page(f"{self.address}{link.path}", viewport=TABLET)
        for code in ("0000-0000", pairing["code"].lower()):
            await page.get_by_label("Pairing code").fill(code)
            await page.keyboard.press("Enter")
            if code == "0000-0000":
                await expect(page.get_by_role("alert")).to_contain_text("This code isn")
        return page

    async def waits_for(self, page: Page, text: str) -> None:
        """Until the page says so, while its time passes."""
        heading = page.get_by_text(text).locator("visible=true").first
        async with asyncio.timeout(SECONDS_MAX):
            while not await heading.is_visible():
                await page.clock.run_for(300)
                await asyncio.sleep(0.01)


@pytest.fixture
async def tablet(app: FastAPI, shop: Shop, camera: Camera, open_page: OpenPage) -> AsyncIterator[Tablet]:
    async with on_a_socket(app) as address:
        yield Tablet(shop, address, camera, open_page)


def button(page: Page, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True)


async def test_a_gate_lets_a_member_in_and_no_stranger(tablet: Tablet) -> None:
    member = await tablet.shop.add_member(0)
    page = await tablet.becomes("gate")
    await button(page, "Start").click()
    await tablet.camera.film(seen(people()[0]))
    await button(page, "One guest more").click()
    await button(page, "Come in").click()
    await tablet.waits_for(page, "Welcome! Please come in")
    await expect(page.locator("[data-screen=answer]")).to_have_attribute("data-tone", "open")
    await expect(page.get_by_text("Person 0")).to_be_visible()
    visits = await tablet.shop.do("GET", f"/v1/stores/{tablet.shop.store_id}/visits")
    assert [(each["member_id"], each["guests"]) for each in visits["items"]] == [(member, 1)]
    await button(page, "Next").click()
    await tablet.camera.film(seen(stranger()))
    await button(page, "Come in").click()
    await tablet.waits_for(page, "recognised. Please ask our staff")
    await expect(page.locator("[data-screen=answer]")).to_have_attribute("data-tone", "shut")


async def fills_basket(tablet: Tablet, page: Page) -> None:
    product = {"sku": "OOL-001", "gtin": GTIN, "name": "Oolong", "price": 2600, "tax_rate_basis_points": 1300}
    await tablet.shop.do("POST", "/v1/products", json=product)
    await button(page, "Start").click()
    await page.keyboard.type(GTIN)
    await page.keyboard.press("Enter")
    await expect(page.locator(".lines li")).to_have_count(1)
    await page.get_by_label("Scan a barcode").fill("tea-001")
    await button(page, "Add").click()
    await expect(page.locator(".lines li")).to_have_count(2)
    await button(page, "One more: Oolong").click()
    await expect(page.locator(".total")).to_have_text("CN¥56.50")
    assert 2 * 2600 + PRICES["TEA-001"] == 5650


async def test_a_member_pays_at_a_kiosk_once_though_the_answer_is_lost_or_it_was_switched_off(tablet: Tablet) -> None:
    member = await tablet.shop.add_member(1, balance=10_000)
    page = await tablet.becomes("kiosk")
    await fills_basket(tablet, page)
    keys: list[str] = []
    page.on("request", lambda each: keys.extend(key for name, key in each.headers.items() if name == "idempotency-key"))

    async def lose_answer(route: Route) -> None:
        await route.fetch()
        await route.abort("connectionreset")

    await page.route("**/checkouts", lose_answer)
    await tablet.camera.film(seen(people()[1]))
    await button(page, "Pay with your face").click()
    await tablet.waits_for(page, "The connection was lost")
    assert await tablet.shop.balance(member) == 10_000 - 5650, "it was paid, and nobody there knows"
    await expect(page.locator(".link")).to_be_visible()
    await page.unroute_all(behavior="wait")
    with suppress(PlaywrightTimeout):  # where the page was faster: it asks by itself too
        await button(page, "Ask now").click(timeout=1000)
    await tablet.waits_for(page, "Paid. Thank you!")
    await expect(page.locator(".receipt")).to_contain_text("CN¥56.50")
    assert (len(keys) > 1, len(set(keys))) == (True, 1), "it is the same purchase that was asked about"
    assert await tablet.shop.balance(member) == 10_000 - 5650
    await button(page, "Done").click()
    await expect(page.locator(".lines li")).to_have_count(0)
    await expect(page.locator(".receipt")).to_be_empty()

    await page.get_by_label("Scan a barcode").fill("tea-001")
    await button(page, "Add").click()
    await page.route("**/checkouts", lose_answer)
    await button(page, "Pay with your face").click()
    await tablet.waits_for(page, "The connection was lost")
    page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await page.reload()  # it is switched on again, and asks whether it was paid
    await button(page, "Start").click()
    await tablet.waits_for(page, "Paid. Thank you!")
    await expect(page.locator(".receipt")).to_contain_text("CN¥4.50")
    assert len(set(keys)) == 2
    assert await tablet.shop.balance(member) == 10_000 - 5650 - 450


async def test_both_pages_say_everything_in_all_languages_and_load_nothing_from_elsewhere(tablet: Tablet) -> None:
    page = await tablet.open_page(f"{tablet.address}/kiosk", locale="ko-KR")
    for name in ("kiosk", "gate"):
        answer = await tablet.shop.client.get(f"/{name}")
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Permissions-Policy"].startswith("camera=(self)")
        await page.goto(f"{tablet.address}/{name}")
        await expect(page.get_by_role("heading", name="태블릿 연결")).to_be_visible()
        spoken = await page.evaluate(
            f"Promise.all(['en', 'zh', 'ko'].map(async (each) =>"
            f" Object.keys((await import(`/{name}/words.${{each}}.js`)).default).sort()))"
        )
        assert spoken[0] == spoken[1] == spoken[2]
        used = await page.evaluate("[...document.querySelectorAll('[data-words]')].map(each => each.dataset.words)")
        assert set(used) <= set(spoken[0])
        for screen in await page.locator("section[data-screen]").all():
            await screen.evaluate("section => section.hidden = false")
        nameless = (
            "[...document.querySelectorAll('button, select, input:not([type=radio]):not([type=checkbox])')]"
            ".filter(e => !e.textContent && !e.ariaLabel && !e.labels?.length).map(each => each.outerHTML)"
        )
        assert await page.evaluate(nameless) == []
