"""What staff find of orders and decisions, and what they see before they give money back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.answers import verdict
from tests.checkout.counter import Counter, lines
from tests.rewards.till import EARNING, give, holdings, set_rules
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def found(counter: Counter, **sought: Any) -> set[str]:
    orders = await counter.shop.do("GET", "/v1/orders", params={"store_id": counter.shop.store_id, **sought})
    return {each["id"] for each in orders["items"]}


async def test_orders_are_found_by_their_state_and_their_time(counter: Counter) -> None:
    member = await counter.shop.add_member_without_face(balance=100_000)
    now = counter.shop.app.state.clock()
    old = await counter.sold(member, {"TEA-001": 1}, now=now - timedelta(days=1))
    kept, part, whole, undone = [str((await counter.sold(member, {"BAO-002": 2})).order.id) for _ in range(4)]
    assert (await counter.ask(part, "refunds", amount=1)).is_success
    assert (await counter.ask(whole, "refunds")).is_success
    await counter.cancelled(undone)
    for status, expected in {
        "paid": {str(old.order.id), kept},
        "partly_refunded": {part},
        "refunded": {whole},
        "cancelled": {undone},
    }.items():
        assert await found(counter, status=status) == expected, status
    morning = now - timedelta(hours=1)
    assert await found(counter, to=morning.isoformat()) == {str(old.order.id)}
    assert await found(counter, **{"from": morning.isoformat(), "status": "paid"}) == {kept}
    assert await found(counter, **{"from": (now + timedelta(hours=1)).isoformat()}) == set()


async def test_what_is_previewed_is_what_is_given_back_and_nothing_happens_before(counter: Counter) -> None:
    shop, member = counter.shop, await counter.shop.add_member_without_face(balance=10_000)
    await set_rules(shop, earning=EARNING)
    await give(shop, member, 300)
    await counter.stock("TEA-001", 9)
    order = str((await counter.sold(member, {"TEA-001": 4})).order.id)
    before, told = await holdings(shop, member), await counter.told(member)
    for path, body in (
        ("refunds", {"amount": 333}),
        ("returns", {"lines": lines({"TEA-001": 1})}),
        ("cancellation", {}),
    ):
        seen = await counter.ask(order, f"{path}/preview", **body)
        assert seen.status_code == 200, seen.text
        assert (await holdings(shop, member), await counter.told(member)) == (before, told)
        done = await counter.ask(order, path, **body)
        assert done.status_code == 201
        assert seen.json() == {name: done.json()[name] for name in seen.json()}
        before, told = await holdings(shop, member), await counter.told(member)
    listed = await shop.do("GET", f"/v1/orders/{order}/refunds")
    assert [each["kind"] for each in listed["items"]] == ["refund", "return", "cancellation"]
    assert await counter.stock("TEA-001") == 9
    assert verdict(await counter.ask(order, "refunds/preview")) == (409, "refund_exceeds_order")


async def test_decisions_are_found_by_their_code(shop: Shop) -> None:
    member = await shop.add_member_without_face()
    await shop.pass_at_gate((await shop.issue_pass(member))["pass"])
    await shop.pass_at_gate("nobody's")
    await shop.pass_at_kiosk((await shop.issue_pass(member))["pass"], {"TEA-001": 1})
    for path, code in (("gate-attempts", "welcome"), ("checkouts", "insufficient_funds")):
        of_code = await shop.do("GET", f"/v1/stores/{shop.store_id}/{path}", params={"code": code})
        assert [(each["code"], each["member_id"]) for each in of_code["items"]] == [(code, member)]
        other = await shop.do("GET", f"/v1/stores/{shop.store_id}/{path}", params={"code": "nothing_of_the_kind"})
        assert other["items"] == []
    theirs = await shop.do("GET", f"/v1/stores/{shop.store_id}/gate-attempts", params={"member_id": member})
    assert [each["code"] for each in theirs["items"]] == ["welcome"]
