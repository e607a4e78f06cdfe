"""What a member is suggested, and in which order they see their coupons."""

from __future__ import annotations

import pytest

from tests.conftest import Clock, OpenShop
from tests.recommender.history import add_product, learn_now, suggested
from tests.rewards.till import add_coupon
from tests.shop import Shop
from tests.taste.screen import AHEAD, LEFT, Screen, agree, standing

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def sort_into(shop: Shop, category: str, *skus: str) -> None:
    products = {each["sku"]: each["id"] for each in (await shop.do("GET", "/v1/products"))["items"]}
    for sku in skus:
        await shop.do("PATCH", f"/v1/products/{products[sku]}", json={"category": category})


async def test_what_they_looked_at_comes_first_then_its_kind_then_the_rest(shop: Shop, clock: Clock) -> None:
    member = await shop.add_member(0)
    await sort_into(shop, "Tea", "TEA-001")
    await add_product(shop, "TEA-009", "Tea")
    new = [("TEA-009", "sold_here"), ("UMB-003", "sold_here"), ("BAO-002", "sold_here"), ("TEA-001", "sold_here")]
    assert await suggested(shop, member) == new
    await agree(shop, member, clock)
    await (await Screen.put_up(shop, clock)).see(standing(0))
    await learn_now(shop)
    liked = [("TEA-001", "looked_at"), ("TEA-009", "alike"), ("UMB-003", "sold_here"), ("BAO-002", "sold_here")]
    assert await suggested(shop, member) == liked
    path, params = f"/v1/members/{member}/recommendations", {"store_id": shop.store_id, "limit": 3}
    assert [each["words"] for each in await shop.do("GET", path, params=params)] == [
        "You have looked at this.",
        "Much like tea-001.",
        "You may not know this yet.",
    ]
    assert await shop.do("GET", f"/v1/members/{member}/taste/categories") == [
        {"category": "Tea", "score": pytest.approx(2.0, rel=0.01)}
    ]
    await shop.do("PUT", f"/v1/members/{member}/taste/TEA-001/exclusion")
    assert await suggested(shop, member) == [each for each in new if each[0] != "TEA-001"]
    await shop.do("DELETE", f"/v1/members/{member}/profiling-consent")
    assert await suggested(shop, member) == new


async def test_only_what_the_store_has_and_sells_is_suggested(shop: Shop) -> None:
    member = await shop.add_member_without_face()
    for sku, quantity in (("TEA-001", 0), ("BAO-002", 3)):
        await shop.do("PUT", f"/v1/stores/{shop.store_id}/stock/{sku}", json={"quantity": quantity})
    old = await add_product(shop, "OLD-004", None)
    await shop.do("PATCH", f"/v1/products/{old}", json={"active": False})
    await add_product(shop, "EUR-005", None, currency="EUR")
    assert [sku for sku, _ in await suggested(shop, member)] == ["UMB-003", "BAO-002"]
    other = await shop.client.get(
        f"/v1/members/{member}/recommendations", params={"store_id": member}, headers=shop.staff
    )
    assert other.json()["code"] == "store_not_found"


async def test_a_newcomer_gets_what_many_others_buy_and_never_what_a_few_do(open_shop: OpenShop) -> None:
    shop = await open_shop(taste_group_min=2)
    newcomer = await shop.add_member_without_face()
    for number in (0, 1):
        member = await shop.add_member_without_face(balance=20_000)
        for sku in ("UMB-003", "TEA-001")[: 2 - number]:
            issued = await shop.issue_pass(member)
            assert (await shop.pass_at_kiosk(issued["pass"], {sku: 1})).json()["code"] == "paid"
    await learn_now(shop)
    assert await suggested(shop, newcomer) == [
        ("UMB-003", "bought_here"),
        ("BAO-002", "sold_here"),
        ("TEA-001", "sold_here"),
    ]


async def test_coupons_come_in_the_order_of_what_they_like(shop: Shop, clock: Clock) -> None:
    member = await shop.add_member(0)
    await sort_into(shop, "Tea", "TEA-001")
    for code, more in (
        ("ALL", {}),
        ("BAO", {"skus": ["BAO-002"]}),
        ("KIND", {"categories": ["Tea"], "ends_at": "2998-01-01T00:00:00Z"}),
        ("UMB", {"skus": ["UMB-003"], "ends_at": "2998-01-01T00:00:00Z"}),
    ):
        await add_coupon(shop, code=code, **more)

    async def codes() -> list[str]:
        return [each["code"] for each in await shop.do("GET", f"/v1/members/{member}/offers")]

    assert (await codes())[:2] == ["KIND", "UMB"]  # which end first
    await agree(shop, member, clock)
    screen = await Screen.put_up(shop, clock, view=[AHEAD | {"sku": "BAO-002"}])
    await screen.see(standing(0), frames=3)
    assert (await codes())[0] == "BAO"
    for _ in range(2):
        await (await Screen.put_up(shop, clock)).see(standing(0), frames=3)
    assert (await codes())[:2] == ["KIND", "BAO"]


async def test_a_display_is_told_what_to_show_the_nearest_who_agreed_and_a_shelf_is_not(
    shop: Shop, clock: Clock
) -> None:
    one, two = await shop.add_member(0), await shop.add_member(4)
    display, shelf = await Screen.put_up(shop, clock), await Screen.put_up(shop, clock, role="shelf")
    await agree(shop, two, clock)
    shown = (await display.see(standing(0, 4)))["shown"]
    assert [each["sku"] for each in shown] == ["UMB-003", "BAO-002", "TEA-001"]
    assert shown[0].keys() == {"sku", "name", "price", "currency"}
    assert (await shelf.see(standing(0, 4)))["shown"] == []
    await shop.do("PUT", f"/v1/members/{two}/taste/{LEFT['sku']}/exclusion")
    assert [each["sku"] for each in (await display.see(standing(0, 4)))["shown"]] == ["BAO-002", "TEA-001"]
    await shop.do("DELETE", f"/v1/members/{two}/profiling-consent")
    await agree(shop, one, clock)
    assert (await display.see(standing(4)))["shown"] == []
