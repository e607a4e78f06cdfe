from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.answers import verdict
from tests.conftest import Clock
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]

TEA = {"sku": "TEA-001", "unit_weight_grams": 512.0, "tolerance_grams": 3.0, "full_quantity": 12}
BUNS = {"sku": "BAO-002", "unit_weight_grams": 330.0, "tolerance_grams": 5.0, "full_quantity": 8}
ZONE = [[0.1, 0.2], [0.45, 0.6]]


def slot(code: str, *goods: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"code": code, "noise_grams": 2.0, "goods": list(goods), "zone": ZONE} | changes


async def put(shop: Shop, shelf_id: str, *slots: dict[str, Any]) -> Any:
    return await shop.do("PUT", f"/v1/devices/{shelf_id}/planogram", json={"slots": list(slots)})


async def test_a_planogram_is_shown_as_it_was_set(shop: Shop) -> None:
    shelf_id, _ = await shop.add_device("shelf")
    path = f"/v1/devices/{shelf_id}/planogram"
    assert verdict(await shop.client.get(path, headers=shop.staff)) == (404, "planogram_not_found")
    answer = await put(shop, shelf_id, slot("A2", BUNS), slot("A1", TEA, BUNS, restock_below=3, zone=None))
    assert await shop.do("GET", path) == answer
    assert answer["version"] == 1
    assert [each["code"] for each in answer["slots"]] == ["A1", "A2"]
    assert [good["sku"] for good in answer["slots"][0]["goods"]] == ["BAO-002", "TEA-001"]
    assert answer["slots"][0]["restock_below"] == 3
    assert answer["slots"][0]["zone"] is None
    assert answer["slots"][1]["zone"] == [[0.1, 0.2], [0.45, 0.2], [0.45, 0.6], [0.1, 0.6]]


async def test_setting_what_is_in_force_changes_nothing(shop: Shop) -> None:
    shelf_id, _ = await shop.add_device("shelf")
    first = await put(shop, shelf_id, slot("A1", TEA, BUNS), slot("A2", TEA))
    assert await put(shop, shelf_id, slot("A2", TEA), slot("A1", BUNS, TEA)) == first
    assert (await put(shop, shelf_id, slot("A1", TEA)))["version"] == 2


async def test_what_happened_earlier_is_judged_by_the_planogram_of_then(shop: Shop, clock: Clock) -> None:
    shelf_id, _ = await shop.add_device("shelf")
    first = await put(shop, shelf_id, slot("A1", TEA))
    clock.ahead = timedelta(minutes=10)
    second = await put(shop, shelf_id, slot("A1", BUNS))
    path = f"/v1/devices/{shelf_id}/planogram"
    assert await shop.do("GET", path, params={"at": first["valid_from"]}) == first
    assert await shop.do("GET", path, params={"at": second["valid_from"]}) == second
    assert await shop.do("GET", path) == second
    before_any = await shop.client.get(path, params={"at": "2020-01-01T00:00:00Z"}, headers=shop.staff)
    assert verdict(before_any) == (404, "planogram_not_found")


NONSENSE: list[tuple[list[dict[str, Any]], str]] = [
    ([], "too_short"),
    ([slot("A1", TEA), slot("A1", BUNS)], "slot_twice"),
    ([slot("A1", TEA, TEA)], "sku_twice"),
    ([slot("A1")], "too_short"),
    ([slot("A1", TEA, noise_grams=0)], "greater_than"),
    ([slot("A1", TEA | {"tolerance_grams": 200.0})], "tolerance_too_wide"),
    ([slot("A1", TEA, zone=[[0.1, 0.1], [0.1, 0.9]])], "zone_too_small"),
    ([slot("A1", TEA, zone=[[0.1, 0.1], [0.5, 1.2]])], "less_than_equal"),
]


async def test_a_planogram_that_makes_no_sense_is_refused(shop: Shop) -> None:
    shelf_id, _ = await shop.add_device("shelf")
    path = f"/v1/devices/{shelf_id}/planogram"
    for slots, code in NONSENSE:
        response = await shop.client.put(path, json={"slots": slots}, headers=shop.staff)
        assert verdict(response) == (422, "invalid_request")
        assert response.json()["errors"][0]["code"] == code


async def test_only_shelves_have_a_planogram_and_only_of_known_products(shop: Shop) -> None:
    shelf_id, _ = await shop.add_device("shelf")
    unknown = slot("A1", TEA | {"sku": "NO-SUCH"})
    response = await shop.client.put(f"/v1/devices/{shelf_id}/planogram", json={"slots": [unknown]}, headers=shop.staff)
    assert verdict(response) == (422, "unknown_skus")
    assert response.json()["skus"] == ["NO-SUCH"]
    response = await shop.client.put(
        f"/v1/devices/{shop.gate_id}/planogram", json={"slots": [slot("A1", TEA)]}, headers=shop.staff
    )
    assert verdict(response) == (409, "not_a_shelf")
