"""Pay by smile in a real browser, whose camera films real faces: from the shop's link back to the shop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from playwright.async_api import Page as BrowserPage
from playwright.async_api import expect

from facepay.kernel.money import in_major_units
from facepay.vision.frames import FrameLimits, decode_frame
from facepay.vision.liveness.challenge import Action
from tests.browser import DESKTOP, INSECURE_HOST, Camera, OpenPage
from tests.conftest import Clock
from tests.online.test_pin import LARGE
from tests.online.web import PIN, Person, WebShop
from tests.server import on_a_socket

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]

PROMPTS = {
    "rest": "Look straight ahead, relaxed",
    "turn_left": "Turn your head to your left",
    "turn_right": "Turn your head to your right",
    "smile": "Look straight ahead and smile",
}
STEP_SECONDS_MAX = 10
TICK_MS = 600  # less than the page lets a person take to follow a prompt


@dataclass
class Customer:
    """Whoever sits before the browser."""

    web: WebShop
    address: str
    camera: Camera
    open_page: OpenPage

    async def opens(self, intent: dict[str, Any], **profile: Any) -> BrowserPage:
        return await self.open_page(self.link_of(intent), **profile)

    def link_of(self, intent: dict[str, Any]) -> str:
        return f"{self.address}/pay#{intent['client_secret']}"

    async def is_asked(self, **changes: Any) -> dict[str, Any]:
        """A confirmed intent, that leads back to a shop on this machine."""
        back = self.address.replace("127.0.0.1", "localhost")
        return (await self.web.ask(return_url=f"{back}/livez?order=1042", **changes)).intent

    async def looks_into_camera(self, page: BrowserPage, person: Person, *, still: bool = False) -> None:
        """Do what the page asks, or hold up a smiling photo, until the camera goes off."""
        moment = next(self.web.moments)
        await self.sees(person, Action.SMILE if still else None, moment)
        await page.locator("[data-do=begin]").click()
        section, done = page.locator("[data-screen=camera]"), ""
        async with asyncio.timeout(STEP_SECONDS_MAX):
            while await section.is_visible():
                step = await section.get_attribute("data-step") or ""
                if step not in ("", done) and not still:
                    assert await page.get_by_role("heading").inner_text() == PROMPTS[step]
                    await self.sees(person, None if step == "rest" else Action(step), moment)
                done = step
                await page.clock.run_for(TICK_MS)

    async def sees(self, person: Person, action: Action | None, moment: int) -> None:
        await self.camera.film(decode_frame(person.frame(action, moment), limits=FrameLimits()))


@pytest.fixture
async def customer(app: FastAPI, web: WebShop, camera: Camera, open_page: OpenPage) -> AsyncIterator[Customer]:
    async with on_a_socket(app) as address:
        yield Customer(web, address, camera, open_page)


def button(page: BrowserPage, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True)


def heading(page: BrowserPage, text: str) -> Any:
    return page.get_by_role("heading", name=text)


async def test_a_member_pays_by_smile_and_is_back_in_the_shop(customer: Customer, person: Person) -> None:
    member = await customer.web.with_payer(person)
    intent = await customer.is_asked()
    page = await customer.opens(intent)
    await expect(heading(page, "Xixi Road asks you to pay")).to_be_focused()
    await expect(page.locator("section .amount:visible")).to_have_text("CN¥129.00")
    assert "_secret_" not in page.url, "it is out of the address bar, and of what the browser remembers"
    await page.reload()
    await button(page, "Pay with your face").click()
    await customer.looks_into_camera(page, person)
    await expect(heading(page, "Paid")).to_be_visible()
    await expect(page.get_by_text("Taking you to localhost:")).to_be_visible()
    assert await page.evaluate("document.querySelector('video').srcObject") is None
    assert await page.evaluate("sessionStorage.getItem('facepay.payment')") is None
    await page.clock.run_for(3000)
    await page.wait_for_url("**/livez?**")
    assert page.url.endswith(f"order=1042&payment_intent={intent['id']}&payment_intent_status=succeeded")
    assert await customer.web.shop.balance(member) == 50_000 - 12_900
    await page.goto(customer.link_of(intent))
    await expect(heading(page, "Already paid")).to_be_visible()
    assert await customer.web.shop.balance(member) == 50_000 - 12_900


async def test_neither_somebody_else_nor_a_smiling_photo_nor_a_guessed_pin_pays(
    customer: Customer, person: Person, somebody_else: Person
) -> None:
    member = await customer.web.with_payer(person, pin=PIN)
    intent = await customer.is_asked()
    page = await customer.opens(intent)
    await button(page, "Pay with your face").click()
    await customer.looks_into_camera(page, somebody_else)
    await expect(heading(page, "the face of whoever is to pay")).to_be_visible()
    await expect(page.get_by_text("2 attempts left")).to_be_visible()
    await button(page, "Try again").click()
    await customer.looks_into_camera(page, person, still=True)
    await expect(page.get_by_text("1 attempt left")).to_be_visible()
    await button(page, "Use PIN instead").click()
    await page.get_by_label("PIN, 4 to 12 digits").fill("918273")
    await page.keyboard.press("Enter")
    await expect(heading(page, "This payment was stopped")).to_be_visible()
    assert (await customer.web.see(intent["id"]))["cancellation_reason"] == "failed_verification"
    assert await customer.web.shop.balance(member) == 50_000


async def test_who_lets_no_page_use_the_camera_pays_by_pin(customer: Customer, person: Person) -> None:
    member = await customer.web.with_payer(person, pin=PIN)
    page = await customer.opens(await customer.is_asked(), camera=False)
    await button(page, "Pay with your face").click()
    await expect(heading(page, "The camera isn")).to_be_focused()
    await button(page, "Use PIN instead").click()
    pin = page.get_by_label("PIN, 4 to 12 digits")
    await expect(pin).to_be_focused()
    assert await pin.get_attribute("inputmode") == "numeric"
    assert await pin.get_attribute("autocomplete") == "off"
    for typed, complaint in (("12", "A PIN has 4 to 12 digits."), ("918273", "That PIN is wrong.2 attempts left")):
        await pin.fill(typed)
        await pin.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text(complaint)
        await expect(pin).to_be_focused()
    await expect(pin).to_have_value("")
    await pin.fill(PIN)
    await button(page, "Pay CN¥129.00").click()
    await expect(heading(page, "Paid")).to_be_visible()
    assert PIN not in await page.content()
    assert await page.locator("input").count() == 0
    assert await customer.web.shop.balance(member) == 50_000 - 12_900


async def test_a_large_amount_takes_pin_and_face_and_a_lost_connection_costs_nothing(
    customer: Customer, person: Person
) -> None:
    member = await customer.web.with_payer(person, balance=300_000, pin=PIN)
    page = await customer.opens(await customer.is_asked(amount=LARGE))
    await expect(page.get_by_text("This amount takes both")).to_be_visible()
    await button(page, "Pay with your PIN").click()
    await page.context.set_offline(True)
    await page.get_by_label("PIN, 4 to 12 digits").fill(PIN)
    await page.keyboard.press("Enter")
    await expect(heading(page, "Checking…")).to_be_visible()
    while not await heading(page, "No connection").is_visible():
        await page.clock.run_for(1000)
    await page.context.set_offline(False)
    await button(page, "Try again").click()
    await expect(heading(page, "The connection was lost")).to_be_visible()
    await button(page, "Use PIN instead").click()
    await page.get_by_label("PIN, 4 to 12 digits").fill(PIN)
    await page.keyboard.press("Enter")
    await expect(heading(page, "Now your face")).to_be_visible()
    await button(page, "Pay with your face").click()
    await customer.looks_into_camera(page, person)
    await expect(heading(page, "Paid")).to_be_visible()
    assert await customer.web.shop.balance(member) == 300_000 - LARGE


async def test_a_payment_that_is_over_or_unknown_says_so(customer: Customer, person: Person, clock: Clock) -> None:
    member = await customer.web.with_payer(person, pin=PIN)
    page = await customer.opens({"client_secret": "fpi_0"})
    await expect(heading(page, "This link leads to no payment")).to_be_visible()
    await page.goto("about:blank")
    await page.goto(customer.link_of(await customer.is_asked()))
    await button(page, "Cancel payment").click()
    await button(page, "Keep it").click()
    await button(page, "Cancel payment").click()
    await button(page, "Cancel it").click()
    await expect(heading(page, "Payment cancelled")).to_be_visible()
    back = page.get_by_role("link", name="Back to Xixi Road")
    assert (await back.get_attribute("href") or "").endswith("&payment_intent_status=canceled")
    await expect(page.get_by_text("This leads to localhost:")).to_be_visible()
    await page.goto("about:blank")
    await page.goto(customer.link_of(await customer.is_asked(expires_in=60)))
    await expect(page.locator(".until")).to_contain_text("Open for")
    clock.ahead = timedelta(seconds=61)
    await page.clock.fast_forward(61_000)
    await expect(heading(page, "The time to pay is over")).to_be_visible()
    assert await customer.web.shop.balance(member) == 50_000


async def test_the_page_says_everything_in_the_readers_language_and_can_be_used_by_keyboard(
    customer: Customer, person: Person
) -> None:
    await customer.web.with_payer(person, pin=PIN)
    page = await customer.opens(await customer.is_asked(), locale="zh-CN", viewport=DESKTOP)
    await expect(heading(page, "Xixi Road 请您付款")).to_be_focused()
    await expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    await expect(page).to_have_title("微笑支付")
    reached = []
    for _ in range(3):
        await page.keyboard.press("Tab")
        reached.append(await page.evaluate("document.activeElement.innerText"))
    assert reached == ["刷脸支付", "改用 PIN", "取消付款"]
    await page.get_by_label("Language").select_option("한국어")
    await expect(page.locator("html")).to_have_attribute("lang", "ko")
    await expect(button(page, "얼굴로 결제")).to_be_visible()
    nameless = (
        "[...document.querySelectorAll('button, select, a:not([hidden])')].filter(e => !e.innerText && !e.ariaLabel)"
    )
    for screen in await page.locator("section[data-screen]").all():
        await screen.evaluate("section => section.hidden = false")
    assert await page.evaluate(f"{nameless}.map(each => each.outerHTML)") == []
    spoken = await page.evaluate(
        "Promise.all(['en', 'zh', 'ko'].map(async (each) =>"
        " Object.keys((await import(`/pay/words.${each}.js`)).default).sort()))"
    )
    assert spoken[0] == spoken[1] == spoken[2]
    used = await page.evaluate("[...document.querySelectorAll('[data-words]')].map(each => each.dataset.words)")
    assert set(used) <= set(spoken[0])
    for currency in ("CNY", "KRW", "JPY", "KWD", "IDR", "HUF", "IQD", "TWD", "ISK", "USD"):
        shown = await page.evaluate(
            "async (currency) => (await import('/pay/words.js')).money(1234567, currency)", currency
        )
        digits = "".join(each for each in shown if each.isdigit() or each == ".")
        assert digits == str(in_major_units(1234567, currency)), shown


async def test_without_https_the_page_says_why_there_is_no_camera(customer: Customer, person: Person) -> None:
    await customer.web.with_payer(person, pin=PIN)
    customer.address = customer.address.replace("127.0.0.1", INSECURE_HOST)
    page = await customer.open_page(f"{customer.address}/pay#{(await customer.web.ask()).intent['client_secret']}")
    await button(page, "Pay with your face").click()
    await expect(heading(page, "be used here")).to_be_visible()
    await expect(button(page, "Use PIN instead")).to_be_visible()


async def test_the_page_may_load_nothing_from_elsewhere_and_stand_in_no_frame(client: httpx.AsyncClient) -> None:
    for path in ("/pay", "/pay/pay.js", "/pay/pay.css"):
        answer = await client.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["Permissions-Policy"].startswith("camera=(self)")
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
    for path in ("/pay/index.html", "/pay/../secrets.py", "/pay/%2e%2e%2fsecrets.py"):
        assert (await client.get(path)).status_code == 404
