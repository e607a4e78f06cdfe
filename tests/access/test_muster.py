"""Who is inside, for whoever counts people at the assembly point."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from playwright.async_api import expect

from facepay.access.presence import move
from tests.access.site import Site
from tests.answers import verdict
from tests.browser import DESKTOP, OpenPage
from tests.server import on_a_socket
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def moves(site: Site, holder_id: UUID, zone_id: UUID | None) -> None:
    async with site.app.state.database.begin() as session:
        await move(session, holder_id=holder_id, to_zone=zone_id, event_id=holder_id, now=site.clock())
    site.clock.ahead += timedelta(minutes=1)


async def enters(shop: Shop, member_id: str, guests: int = 0) -> None:
    text = (await shop.issue_pass(member_id))["code"]
    body = {"pass": text, "guests": guests}
    answer = await shop.client.post(f"/v1/gates/{shop.gate_id}/entries/pass", json=body, headers=shop.gate)
    assert answer.json()["code"] == "welcome"


async def inside(shop: Shop) -> dict[str | None, list[tuple[str, str, int]]]:
    muster: dict[str, Any] = await shop.do("GET", f"/v1/stores/{shop.store_id}/muster")
    assert muster["count"] == sum(zone["count"] for zone in muster["zones"])
    return {
        zone["name"]: [(each["name"], each["kind"], each["guests"]) for each in zone["people"]]
        for zone in muster["zones"]
    }


async def test_everybody_is_counted_once_where_they_were_seen_last(site: Site) -> None:
    shop = site.shop
    office, vault = await site.zone(name="Office"), await site.zone(name="Vault")
    member_id = await shop.add_member_without_face(name="Lin")
    lin, driver = await site.holder(member_id=member_id), await site.holder(kind="contractor", company="Haul Ltd")
    await moves(site, lin, office)
    await moves(site, driver, vault)
    await enters(shop, await shop.add_member_without_face(name="Zhao"), guests=2)
    site.clock.ahead += timedelta(minutes=1)
    assert await inside(shop) == {
        None: [("Zhao", "customer", 2)],
        "Office": [("Lin", "employee", 0)],
        "Vault": [("Wei", "contractor", 0)],
    }
    await enters(shop, member_id, guests=1)  # goes shopping: no door saw them leave the office
    site.clock.ahead += timedelta(minutes=1)
    assert await inside(shop) == {
        None: [("Zhao", "customer", 2), ("Lin", "employee", 1)],
        "Office": [],
        "Vault": [("Wei", "contractor", 0)],
    }
    await moves(site, lin, vault)
    await moves(site, driver, None)
    assert await inside(shop) == {None: [("Zhao", "customer", 2)], "Office": [], "Vault": [("Lin", "employee", 1)]}
    await moves(site, lin, None)  # outside, or back on the floor: a visit that nobody closed still counts
    assert (await inside(shop))[None] == [("Zhao", "customer", 2), ("Lin", "customer", 1)]


async def test_nobody_is_erased_from_the_list_while_they_are_inside_and_its_file_has_no_formulas(site: Site) -> None:
    shop, vault = site.shop, await site.zone(name="Vault")
    member_id = await shop.add_member_without_face(name='=HYPERLINK("x")')
    holder = await site.holder(member_id=member_id)
    await moves(site, holder, vault)
    refused = await shop.client.delete(f"/v1/members/{member_id}", headers=shop.staff)
    assert verdict(refused) == (409, "still_inside")
    assert (await inside(shop))["Vault"] == [('=HYPERLINK("x")', "employee", 0)]
    response = await shop.client.get(f"/v1/stores/{shop.store_id}/muster/csv", headers=shop.staff)
    assert response.headers["content-type"].startswith("text/csv")
    assert response.headers["cache-control"] == "no-store"
    head, row = csv.reader(io.StringIO(response.text))
    assert head == ["zone", "name", "kind", "company", "guests", "since"]
    assert row[:5] == ["Vault", '\'=HYPERLINK("x")', "employee", "", "0"]
    await shop.do("PUT", f"/v1/holders/{holder}/presence", json={"zone_id": None, "why": "Left by the loading bay"})
    assert (await shop.do("DELETE", f"/v1/members/{member_id}"))["scope"] == "member"


async def test_nobody_reads_it_without_the_scope(shop: Shop) -> None:
    path = f"/v1/stores/{shop.store_id}/muster"
    for each in (path, f"{path}/csv"):
        assert verdict(await shop.client.get(each)) == (401, "unauthenticated")
        assert verdict(await shop.client.get(each, headers=shop.gate)) == (401, "unauthenticated")
    unknown = await shop.client.get(f"/v1/stores/{shop.gate_id}/muster", headers=shop.staff)
    assert verdict(unknown) == (404, "store_not_found")


async def test_the_page_shows_it_to_be_printed(site: Site, app: FastAPI, open_page: OpenPage) -> None:
    shop = site.shop
    await moves(site, await site.holder(), await site.zone(name="Vault"))
    await enters(shop, await shop.add_member_without_face(name="<b>Zhao</b>"), guests=2)
    async with on_a_socket(app) as address:
        page = await open_page(f"{address}/muster", viewport=DESKTOP)
        await expect(page.locator(".setup code")).to_be_visible()  # how to give it a token
        token = shop.staff["Authorization"].removeprefix("Bearer ")
        await page.goto(f"{address}/muster#store={shop.store_id}&token={token}")
        await expect(page.locator("h2").filter(visible=True)).to_have_text(["Shop floor: 3", "Vault: 1"])
        assert page.url == f"{address}/muster"  # the token is out of sight
        await expect(page.locator(".figures")).to_contain_text("4 inside at ")
        await expect(page.get_by_text("<b>Zhao</b> + 2 guests")).to_be_visible()
        await expect(page.locator("td i")).to_have_count(4)  # a box to tick for each
        await enters(shop, await shop.add_member_without_face(name="Sun"))
        await page.get_by_role("button", name="Refresh").click()
        await expect(page.locator(".figures")).to_contain_text("5 inside at ")
        await page.emulate_media(media="print")
        await expect(page.get_by_role("button", name="Print")).to_be_hidden()
