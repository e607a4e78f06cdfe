"""Top-ups over HTTP: the money is there when the provider says so, and never twice."""

from __future__ import annotations

import pytest

from tests.shop import Shop

pytestmark = pytest.mark.anyio


async def test_a_top_up_is_in_the_wallet_when_the_answer_comes(shop: Shop) -> None:
    member_id = await shop.add_member(0, enrol=False)
    path = f"/v1/members/{member_id}/wallet/top-ups"
    made = await shop.do("POST", path, json={"amount": 5000, "currency": "CNY"}, headers={"Idempotency-Key": "one"})
    assert (made["status"], made["amount"], await shop.balance(member_id)) == ("succeeded", 5000, 5000)
    assert made == await shop.do("GET", f"{path}/{made['id']}")
