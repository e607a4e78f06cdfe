from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.answers import verdict
from tests.conftest import OpenShop
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_a_store_opens_under_the_house_currency_unless_told_otherwise(open_shop: OpenShop) -> None:
    shop = await open_shop(currency="EUR")
    body = {"name": "Quai", "code": "QUAI", "timezone": "Europe/Paris", "address": "1 quai du Louvre"}
    response = await shop.client.post("/v1/stores", json=body, headers=shop.staff)
    store = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"/v1/stores/{store['id']}"
    assert body.items() <= store.items()
    assert (store["currency"], store["closed_at"]) == ("EUR", None)
    assert await shop.do("GET", response.headers["location"]) == store
    other = await shop.do("POST", "/v1/stores", json={"name": "Soho", "code": "SOHO", "currency": "GBP"})
    assert (other["currency"], other["timezone"]) == ("GBP", "UTC")


async def test_a_code_names_one_store_even_after_it_closed(shop: Shop) -> None:
    body = {"name": "Another", "code": "XIXI"}
    assert verdict(await shop.client.post("/v1/stores", json=body, headers=shop.staff)) == (409, "store_code_taken")
    await shop.do("DELETE", f"/v1/stores/{shop.store_id}")
    assert verdict(await shop.client.post("/v1/stores", json=body, headers=shop.staff)) == (409, "store_code_taken")


async def test_only_the_fields_that_are_sent_change(shop: Shop) -> None:
    path = f"/v1/stores/{shop.store_id}"
    await shop.do("PATCH", path, json={"address": "525 Xixi Road", "timezone": "Asia/Shanghai"})
    renamed = await shop.do("PATCH", path, json={"name": " West Lake "})
    assert (renamed["name"], renamed["address"]) == ("West Lake", "525 Xixi Road")
    assert (await shop.do("PATCH", path, json={"address": None}))["address"] is None


async def test_a_closed_store_refuses_its_devices_and_changes_no_more(shop: Shop) -> None:
    path = f"/v1/stores/{shop.store_id}"
    for _ in range(2):  # repeating it changes nothing
        await shop.do("DELETE", path)
    beat = {"sent_at": "2026-03-02T09:30:00Z"}
    response = await shop.client.post(f"/v1/devices/{shop.gate_id}/heartbeats", json=beat, headers=shop.gate)
    assert verdict(response) == (401, "unauthenticated")
    closed = (409, "store_closed")
    assert verdict(await shop.client.patch(path, json={"name": "Open"}, headers=shop.staff)) == closed
    device = {"role": "gate", "name": "late"}
    assert verdict(await shop.client.post(f"{path}/devices", json=device, headers=shop.staff)) == closed
    assert (await shop.do("GET", path))["closed_at"]
    assert (await shop.do("GET", "/v1/stores"))["items"] == []
    assert len((await shop.do("GET", "/v1/stores?closed=true"))["items"]) == 1


async def test_stores_come_in_pages_newest_first(shop: Shop) -> None:
    for number in range(4):
        await shop.do("POST", "/v1/stores", json={"name": f"Store {number}", "code": f"S{number}"})
    codes, cursor = [], None
    while True:
        page = await shop.do("GET", "/v1/stores", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        codes += [store["code"] for store in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert codes == ["S3", "S2", "S1", "S0", "XIXI"]


WRONG_STORES: list[dict[str, Any]] = [
    {"name": None},
    {"name": " "},
    {"name": "x" * 201},
    {"name": "a\0b"},
    {"code": "with space"},
    {"code": "x" * 65},
    {"timezone": "Mars/Olympus"},
    {"currency": "cny"},
    {"currency": "CNYY"},
    {"address": "line\nbreak"},
    {"open": True},
]


async def test_a_store_that_makes_no_sense_is_refused(shop: Shop) -> None:
    for wrong in WRONG_STORES:
        body = {"name": "Quai", "code": "QUAI"} | wrong
        response = await shop.client.post("/v1/stores", json=body, headers=shop.staff)
        assert verdict(response) == (422, "invalid_request"), wrong
        response = await shop.client.patch(f"/v1/stores/{shop.store_id}", json=wrong, headers=shop.staff)
        assert verdict(response) == (422, "invalid_request"), wrong


async def test_unknown_stores_and_broken_ids_are_told_apart(shop: Shop) -> None:
    for method, path in [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/devices"), ("POST", "/devices")]:
        body = {"role": "gate", "name": "x"} if path else {"name": "x"}
        for store_id, expected in ((str(uuid4()), (404, "store_not_found")), ("17", (422, "invalid_request"))):
            response = await shop.client.request(method, f"/v1/stores/{store_id}{path}", json=body, headers=shop.staff)
            assert verdict(response) == expected, (method, path)
