"""The kitchen's screen and the board in a real browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from playwright.async_api import Page, Route, expect

from tests.browser import DESKTOP, OpenPage
from tests.kitchen.cook import NOODLES, SOUP, Kitchen
from tests.server import on_a_socket

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
SEEN_AGAIN = """() => {
    let kept = null;
    navigator.wakeLock.request = async (kind) => { kept = kind; };
    document.dispatchEvent(new Event("visibilitychange"));
    return kept;
}"""
TIMES = "\N{MULTIPLICATION SIGN}"


@pytest.fixture
async def address(app: FastAPI) -> AsyncIterator[str]:
    async with on_a_socket(app) as address:
        yield address


def opened_by(kitchen: Kitchen, headers: dict[str, str]) -> str:
    return f"#store={kitchen.shop.store_id}&token={headers['Authorization'].removeprefix('Bearer ')}"


async def test_a_tap_in_the_kitchen_moves_a_ticket_and_the_board_calls_it_out(
    kitchen: Kitchen, address: str, open_page: OpenPage
) -> None:
    display_id, display = await kitchen.shop.add_device("display")
    pages = []
    for name, headers in (("board", display), ("kitchen", kitchen.screen)):
        page = await open_page(f"{address}/{name}", viewport=DESKTOP)
        await expect(page.locator(".setup code")).to_be_visible()  # how to give it a token
        await expect(page.locator("main")).to_be_hidden()
        await page.goto(f"{address}/{name}{opened_by(kitchen, headers)}")
        pages.append(page)
    board, screen = pages
    for page in pages:
        await expect(page.locator("body")).to_have_attribute("data-state", "live")
    assert (board.url, screen.url) == (f"{address}/board", f"{address}/kitchen")  # the token is out of sight
    assert [await page.evaluate(SEEN_AGAIN) for page in pages] == ["screen", "screen"]  # which stays lit

    order = await kitchen.order({NOODLES: 2, SOUP: 1})
    number = str(order.pickup_number)
    await expect(board.locator(".preparing li")).to_have_text([number])
    await expect(screen.locator(".received .dishes li")).to_have_text([f"2 {TIMES}Noodles", f"1 {TIMES}Soup"])
    await screen.get_by_role("button", name=f"Start: {number}").click()
    await screen.get_by_role("button", name=f"Ready: {number}").press("Enter")
    await expect(board.locator(".ready li")).to_have_text([number])
    await expect(board.locator(".ready li")).to_have_class("fresh")
    await expect(board.locator(".preparing li")).to_have_count(0)

    await screen.get_by_role("button", name=f"Collected: {number}").click()
    await expect(board.locator(".ready li")).to_have_count(0)
    await screen.get_by_role("button", name="Undo").click()
    await expect(board.locator(".ready li")).to_have_text([number])

    await board.reload()  # the tab knows its token still
    await expect(board.locator(".ready li")).to_have_text([number])
    await kitchen.shop.do("DELETE", f"/v1/devices/{display_id}")
    await expect(board.locator(".offline")).to_contain_text("token no longer counts")
    await board.clock.fast_forward(5000)  # it isn't the network
    await expect(board.locator(".offline")).to_contain_text("token no longer counts")


async def test_a_cook_sees_what_is_taken_back_and_what_is_cancelled(
    kitchen: Kitchen, address: str, open_page: OpenPage
) -> None:
    screen = await open_page(f"{address}/kitchen{opened_by(kitchen, kitchen.screen)}", viewport=DESKTOP)
    await expect(screen.locator("body")).to_have_attribute("data-state", "live")
    late = await Late.of(screen)
    order = await kitchen.order({NOODLES: 2})
    (ticket,) = await kitchen.tickets()
    await late.is_held.wait()
    await kitchen.bring_to(ticket["id"], "preparing")
    await expect(screen.locator(".preparing .dishes")).to_have_count(1)
    await late.arrive()  # with the ticket as it was before
    await expect(screen.locator(".preparing .dishes")).to_have_count(1)
    await kitchen.counter.returned(order.id, {NOODLES: 1})
    await expect(screen.locator(".preparing .dishes li")).to_have_text([f"1 {TIMES}Noodles1 taken back"])
    await kitchen.counter.cancelled(order.id)
    await expect(screen.locator(".preparing .stop")).to_have_text("Cancelled: stop")
    await expect(screen.get_by_role("button", name=str(order.pickup_number))).to_have_count(0)


async def test_a_board_that_is_no_longer_told_says_so_and_comes_back_by_itself(
    kitchen: Kitchen, app: FastAPI, open_page: OpenPage
) -> None:
    async with on_a_socket(app) as address:
        board = await open_page(f"{address}/board{opened_by(kitchen, kitchen.screen)}", viewport=DESKTOP)
        await expect(board.locator("body")).to_have_attribute("data-state", "live")
        await board.route("**/board/events", lambda route: route.abort())
        async with board.expect_request("**/board/events"):
            app.state.hub.close()
        await board.clock.fast_forward(5000)
        await expect(board.locator(".offline")).to_contain_text("Not up to date")
        app.state.hub.closing = False
        await board.unroute("**/board/events")
        number = str((await kitchen.order()).pickup_number)
        await board.evaluate("dispatchEvent(new Event('online'))")  # rather than at the end of its pause
        await expect(board.locator(".preparing li")).to_have_text([number])
        await expect(board.locator("body")).to_have_attribute("data-state", "live")


class Late:
    """A screen's next list of tickets, which is on its way until the test lets it arrive."""

    def __init__(self) -> None:
        self.is_held, self._let_go, self._arrived = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @classmethod
    async def of(cls, screen: Page) -> Late:
        late = cls()
        await screen.route("**/kitchen/tickets?*", late._hold, times=1)
        return late

    async def _hold(self, route: Route) -> None:
        answer = await route.fetch()
        self.is_held.set()
        await self._let_go.wait()
        await route.fulfill(response=answer)
        self._arrived.set()

    async def arrive(self) -> None:
        self._let_go.set()
        await self._arrived.wait()
