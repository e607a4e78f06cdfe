"""All stores beside each other, and what the calibrations promise."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.nightwatch.watch import enter_by_pass, leave_by_pass
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_stores_stand_beside_each_other_with_what_they_sold_and_who_came(shop: Shop) -> None:
    other = {"name": "Gangnam", "code": "GANG", "timezone": "Asia/Seoul", "currency": "KRW"}
    other_id = (await shop.do("POST", "/v1/stores", json=other))["id"]
    member = await shop.add_member_without_face(balance=5_000)
    await leave_by_pass(shop, await enter_by_pass(shop, member))
    await enter_by_pass(shop)
    assert (await shop.pass_at_kiosk((await shop.issue_pass(member))["pass"], {"TEA-001": 2})).json()["code"] == "paid"
    first = await shop.do("GET", "/v1/sales", params={"limit": 1})
    assert [each["store_id"] for each in first["items"]] == [other_id]
    assert (first["items"][0]["currency"], first["items"][0]["turnover"], first["items"][0]["visits"]) == ("KRW", 0, 0)
    (store,) = (await shop.do("GET", "/v1/sales", params={"cursor": first["next_cursor"]}))["items"]
    assert (store["orders"], store["turnover"], store["visits"], store["people"]) == (1, 900, 2, 2)
    (books,) = (await shop.do("GET", f"/v1/stores/{shop.store_id}/sales"))["books"]
    assert store["turnover"] == books["total"]["turnover"]
    refused = await shop.client.get("/v1/sales", headers=shop.staff, params={"from": "2026-01-01", "to": "2026-02-28"})
    assert refused.json()["code"] == "span_invalid"


async def test_a_larger_gallery_asks_for_more_and_the_tail_falls(shop: Shop) -> None:
    (shipped,) = (await shop.do("GET", "/v1/calibrations"))["items"]
    assert (shipped["version"], shipped["active"]) == (0, True)
    assert shipped["people"] > 0
    rates = [each["fmr"] for each in shipped["tail"]]
    assert all(later < earlier for earlier, later in pairwise(rates))
    assert rates[-1] == pytest.approx(1e-9, rel=0.01)
    uses = {each["use"]: each for each in shipped["uses"]}
    gate = [each["threshold"] for each in uses["gate"]["thresholds"]]
    assert gate == sorted(gate)
    assert uses["pay_chain"]["thresholds"][-1]["threshold"] > gate[0]
