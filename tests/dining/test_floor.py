"""What those who wait on tables see, on the page in a real browser."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser import DESKTOP, OpenPage
from tests.dining.room import CAKE, SOUP, Kitchen, Table, write_menu
from tests.server import on_a_socket
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_the_page_shows_who_sits_where_and_calls_a_course(shop: Shop, open_page: OpenPage) -> None:
    await write_menu(shop)
    table, kitchen = await Table.set_up(shop), await Kitchen.put_up(shop)
    await Table.set_up(shop, "Table 8")
    await table.place(1, await shop.add_member_without_face(balance=50_000))
    await table.place(2)
    token = shop.staff["Authorization"].removeprefix("Bearer ")
    async with on_a_socket(shop.app) as address:
        page = await open_page(f"{address}/floor#store={shop.store_id}&token={token}", viewport=DESKTOP)
        await expect(page.locator("h1 .count")).to_have_text("1 of 2 tables")
        seated, free = page.locator(".table").nth(0), page.locator(".table").nth(1)
        await expect(free.locator(".state")).to_have_text("free, 4 seats")
        await expect(seated.locator(".covers li")).to_have_text(["1Wei (host)", "2Guest"])
        await table.order(SOUP, CAKE, seat=1)
        await expect(seated.locator(".total")).to_contain_text("23")
        await expect(seated.locator(".courses .what")).to_have_text(["Course 1: 1 sent", "Course 3: 1 waits"])
        await seated.get_by_role("button", name="Call course 3 of Table 7").click()
        await expect(seated.locator(".courses .what")).to_have_text(["Course 1: 1 sent", "Course 3: 1 sent"])
        assert [each["course"] for each in await kitchen.tickets()] == [1, 3]
        await expect(page.locator(".fire")).to_have_count(0)
