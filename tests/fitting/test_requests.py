"""Bring me size M: asked for once, promised once, answered once; and paid for at the mirror, without a phone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import expect

from facepay.fitting.upkeep import alert_of_unanswered
from tests.browser import DESKTOP, OpenPage
from tests.fitting.cabin import COLOURS, Cabin, agree, hang_up, sku_of
from tests.rewards.till import EARNING, add_coupon, assert_books_in_order, holdings, set_rules
from tests.server import on_a_socket
from tests.shop import PASSWORD, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
NAVY_M = sku_of("SHIRT", "NAVY", "M")


async def add_staff(shop: Shop, name: str) -> dict[str, str]:
    body = {"username": name, "display_name": name.title(), "password": PASSWORD, "role": "operator"}
    await shop.do("POST", "/v1/staff", json=body)
    form = {"username": name, "password": PASSWORD}
    token = (await shop.client.post("/v1/auth/token", data=form)).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


async def waiting(shop: Shop) -> list[dict[str, Any]]:
    path = f"/v1/stores/{shop.store_id}/fitting-requests"
    found: list[dict[str, Any]] = (await shop.do("GET", path, params={"waiting": True}))["items"]
    return found


async def set_stock(shop: Shop, sku: str, quantity: int, store_id: str | None = None) -> None:
    await shop.do("PUT", f"/v1/stores/{store_id or shop.store_id}/stock/{sku}", json={"quantity": quantity})


async def test_a_member_is_advised_has_size_m_brought_likes_it_and_pays_with_their_face(shop: Shop) -> None:
    await set_rules(shop, tiers=[{"name": "Silver", "min_spend": 0, "discount_basis_points": 500}], earning=EARNING)
    await add_coupon(shop)
    cabin, member = await Cabin.set_up(shop), await shop.add_member(0, balance=100_000)
    await hang_up(shop)
    await agree(shop, member)
    first = await cabin.pay(0, {"lines": [{"sku": "UMB-003", "quantity": 1}]})
    assert first["decision"] == "paid", first
    _, _, points = await holdings(shop, member)
    session = await cabin.stand(0)
    [outfit, *_] = (await cabin.outfits(session, occasion="work"))["outfits"]
    assert outfit["your_price"] == outfit["total"] * 95 // 100
    top = next(piece for piece in outfit["pieces"] if piece["kind"] == "top")
    wanted = {"style": top["style"], "size": "m", "colour": top["colour"]}
    asked = await cabin.do("POST", f"{session}/requests", json=wanted)
    assert (asked["size"], asked["state"], asked["accepted_by"]) == ("M", "asked", None)
    await cabin.bring(asked["id"])
    assert [each["state"] for each in (await cabin.do("GET", session))["requests"]] == ["brought"]
    said = {"sku": asked["sku"], "verdict": "liked"}
    assert await cabin.do("POST", f"{session}/feedback", json=said) == {"learnt": True}
    wish = {"coupons": ["WELCOME10"], "redeem_points": points}
    shown = await cabin.do("POST", f"{session}/basket", json=wish)
    assert (shown["code"], [line["sku"] for line in shown["lines"]]) == ("offered", [asked["sku"]])
    assert [each["label"] for each in shown["discounts"]] == ["Silver", "WELCOME10"]
    paid = await cabin.pay(0, {"lines": [{"sku": asked["sku"], "quantity": 1}]} | wish)
    assert paid["decision"] == "paid", paid
    order = paid["order"]
    told = {name: order[name] for name in ("total", "points", "points_value", "wallet", "points_earned")}
    assert told == {name: shown[name] for name in told}
    stock = (await shop.do("GET", f"/v1/stores/{shop.store_id}/stock", params={"limit": 200}))["items"]
    assert {each["sku"]: each["quantity"] for each in stock}[asked["sku"]] == 4
    await assert_books_in_order(shop.app.state.database)
    await cabin.send("DELETE", session)
    later = await cabin.outfits(await cabin.stand(0), occasion="work")
    assert (later["sizes"], later["outfits"]) == ({"top": "M"}, [])  # nobody is offered the shirt they have


async def test_what_isnt_here_says_which_sizes_are_and_which_stores_have_it(shop: Shop) -> None:
    cabin, session = await Cabin.set_up(shop), ""
    await hang_up(shop)
    session = await cabin.stand()
    other = await shop.do("POST", "/v1/stores", json={"name": "West Lake", "code": "WEST"})
    await set_stock(shop, NAVY_M, 0)
    await set_stock(shop, NAVY_M, 3, other["id"])
    wanted = {"style": "SHIRT", "size": "M", "colour": COLOURS["NAVY"]}
    refused = await cabin.send("POST", f"{session}/requests", json=wanted)
    told = refused.json()
    assert (refused.status_code, told["code"], told["sizes_here"]) == (409, "not_here", ["L"])
    assert [each["name"] for each in told["stores"]] == ["West Lake"]
    unmade = (await cabin.send("POST", f"{session}/requests", json=wanted | {"size": "XXL"})).json()
    assert (unmade["code"], unmade["sizes_here"]) == ("not_here", ["L"])
    assert (await cabin.ask(session, "TEA-001")).json()["code"] == "garment_not_found"
    for wrong in (
        {},
        {"sku": NAVY_M, "style": "SHIRT"},
        {"sku": NAVY_M, "size": "M"},
        {"style": "SHIRT", "colour": "red"},
    ):
        assert (await cabin.send("POST", f"{session}/requests", json=wrong)).status_code == 422
    basket = {"lines": [{"sku": "NONE", "quantity": 1}]}
    assert (await cabin.send("POST", f"{session}/basket", json=basket)).json()["reason"] == "unknown_sku"
    assert (await cabin.do("POST", f"{session}/basket", json={}))["total"] == 0
    guest = await cabin.do("POST", f"{session}/basket", json={"lines": [{"sku": NAVY_M, "quantity": 2}]})
    assert (guest["total"], guest["discounts"], guest["points_earned"]) == (39800, [], 0)


async def test_a_piece_is_asked_for_once_and_the_last_one_is_promised_to_one_mirror(shop: Shop) -> None:
    cabin, other = await Cabin.set_up(shop), await Cabin.set_up(shop)
    await hang_up(shop, sizes=("M",), pieces=1)
    session, neighbour = await cabin.stand(), await other.stand()
    key = uuid4().hex
    both = await asyncio.gather(cabin.ask(session, NAVY_M, key=key), other.ask(neighbour, NAVY_M))
    assert sorted(each.status_code for each in both) == [201, 409], [each.text for each in both]
    winner, path = (cabin, session) if both[0].is_success else (other, neighbour)
    [asked] = await waiting(shop)
    again = await asyncio.gather(*(winner.ask(path, NAVY_M) for _ in range(3)))
    assert {each.json()["id"] for each in again} == {asked["id"]}
    assert len(await waiting(shop)) == 1
    assert (await winner.send("DELETE", f"{path}/requests/{asked['id']}")).status_code == 204
    assert (await winner.send("DELETE", f"{path}/requests/{asked['id']}")).status_code == 404
    assert await waiting(shop) == []
    assert (await cabin.ask(session, NAVY_M)).status_code == 201
    assert (await cabin.send("DELETE", session)).status_code == 204
    assert (await other.ask(neighbour, NAVY_M)).status_code == 201


async def test_staff_are_called_once_where_nobody_answers_and_one_of_two_brings_it(shop: Shop) -> None:
    cabin, second = await Cabin.set_up(shop), await add_staff(shop, "lin")
    await hang_up(shop, sizes=("M",))
    session, state = await cabin.stand(), shop.app.state
    request = (await cabin.ask(session, NAVY_M)).json()
    for minutes, called in ((2, 0), (4, 1), (5, 0)):
        now = state.clock() + timedelta(minutes=minutes)
        assert await alert_of_unanswered(state.database, settings=state.settings, now=now) == called
    path = f"/v1/stores/{shop.store_id}/alerts"
    [alert] = (await shop.do("GET", path, params={"kind": "fitting_unanswered"}))["items"]
    assert alert["subject"] == request["id"]

    early = await cabin.step(request["id"], "brought")
    assert (early.status_code, early.json()["code"], early.json()["state"]) == (
        409,
        "fitting_request_elsewhere",
        "asked",
    )
    both = await asyncio.gather(
        cabin.step(request["id"], "accept"), cabin.step(request["id"], "accept", headers=second)
    )
    assert sorted(each.status_code for each in both) == [200, 409]
    [lost] = [each.json() for each in both if not each.is_success]
    assert lost["code"] == "fitting_request_taken"
    mine = shop.staff if both[0].is_success else second
    assert (await cabin.step(request["id"], "accept", headers=mine)).is_success
    assert (await cabin.step(request["id"], "not-found", headers=mine)).json()["state"] == "not_found"
    assert (await cabin.do("GET", session))["requests"][0]["accepted_by"]
    assert (await cabin.step(request["id"], "brought", headers=mine)).status_code == 409
    assert (await cabin.step(str(uuid4()), "accept")).status_code == 404
    assert (await cabin.step(request["id"], "accept", headers=cabin.headers)).status_code == 401


async def test_the_mirror_hears_of_each_step_until_its_token_ends(shop: Shop) -> None:
    cabin = await Cabin.set_up(shop)
    await hang_up(shop, sizes=("M",))
    async with on_a_socket(shop.app) as address, httpx.AsyncClient(base_url=address, timeout=20) as client:
        path = f"/v1/mirrors/{cabin.device_id}/session/events"
        async with client.stream("GET", path, headers=cabin.headers) as stream:
            told = sessions_in(stream)
            assert await anext(told) is None
            session = await cabin.stand()
            assert (await anext(told))["requests"] == []
            request = (await cabin.ask(session, NAVY_M)).json()
            assert [each["state"] for each in (await anext(told))["requests"]] == ["asked"]
            await cabin.step(request["id"], "accept")
            assert [each["state"] for each in (await anext(told))["requests"]] == ["accepted"]
            await cabin.send("DELETE", session)
            assert await anext(told) is None
            await shop.do("DELETE", f"/v1/devices/{cabin.device_id}")
            assert [each async for each in told] == []


async def sessions_in(stream: httpx.Response) -> AsyncIterator[Any]:
    async for line in stream.aiter_lines():
        if line.startswith("data:"):
            yield json.loads(line.removeprefix("data:"))["session"]


async def test_the_page_shows_what_is_asked_for_and_staff_answer_on_it(shop: Shop, open_page: OpenPage) -> None:
    cabin = await Cabin.set_up(shop)
    await hang_up(shop, sizes=("M",))
    session = await cabin.stand()
    await cabin.ask(session, NAVY_M)
    token = shop.staff["Authorization"].removeprefix("Bearer ")
    async with on_a_socket(shop.app) as address:
        page = await open_page(f"{address}/fitting#store={shop.store_id}&token={token}", viewport=DESKTOP)
        await expect(page.locator(".asked li")).to_contain_text("Navy shirt")
        await cabin.ask(session, sku_of("CHINO", "WHITE", "M"))
        await expect(page.locator(".asked li")).to_have_count(2)
        await page.locator(".asked li", has_text="Navy shirt").get_by_role("button").click()
        await expect(page.locator(".going li")).to_contain_text("Navy shirt")
        await page.locator(".going").get_by_role("button", name="On my way").click()
        await page.locator(".going").get_by_role("button", name="Brought").click()
        await expect(page.locator(".going li")).to_have_count(0)
        states = {each["sku"]: each["state"] for each in (await cabin.do("GET", session))["requests"]}
        assert states == {NAVY_M: "brought", sku_of("CHINO", "WHITE", "M"): "asked"}
        await cabin.send("DELETE", session)
        await expect(page.locator(".asked li")).to_have_count(0)
