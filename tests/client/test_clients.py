from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from standardwebhooks import Webhook

from facepay.client import AsyncClient, Client, Retries, devices
from facepay.client import shop as calls
from facepay.client.problems import Invalid, NotFound, RateLimited
from facepay.client.webhooks import NotOurs, verify
from tests.photos import people
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
HURRIED = Retries(tries=4, wait_seconds=0.001)
SDK = Path(__file__).parents[2] / "docs/sdk.md"


def _of(shop_: Shop, headers: dict[str, str], **more: Any) -> AsyncClient:
    return AsyncClient(http=more.pop("http", shop_.client), token=headers["Authorization"].split()[1], retries=HURRIED)


class LosesAnswers(httpx.AsyncBaseTransport):
    """The request arrives, and the first answers don't."""

    def __init__(self, within: httpx.AsyncBaseTransport, lost: int) -> None:
        self.within, self.lost, self.sent = within, lost, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self.within.handle_async_request(request)
        self.sent += 1
        if self.sent <= self.lost:
            raise httpx.ReadError("cut")
        return answer


async def test_the_examples_of_the_docs_do_what_they_say(shop: Shop) -> None:
    member_id = await shop.add_member(0, balance=5000)
    (example,) = re.findall(r"```python\n(.*?)```", SDK.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    gate, kiosk, staff = (_of(shop, headers) for headers in (shop.gate, shop.kiosk, shop.staff))
    paid = await names["visit"](gate, kiosk, UUID(shop.gate_id), UUID(shop.kiosk_id), people()[0])
    assert paid > 0
    assert await names["look"](staff, UUID(member_id)) == [paid]


async def test_a_payment_whose_answers_are_lost_is_made_once(shop: Shop) -> None:
    member_id = await shop.add_member(1, balance=5000)
    lossy = LosesAnswers(shop.client._transport, lost=2)
    async with httpx.AsyncClient(transport=lossy, base_url="http://shop") as http:
        paid = await _of(shop, shop.kiosk, http=http)(
            devices.check_out(UUID(shop.kiosk_id), {"TEA-001": 2}, people()[1])
        )
    assert (paid.decision, lossy.sent) == ("paid", 3)
    assert paid.total
    assert await shop.balance(member_id) == 5000 - paid.total


async def test_lists_are_read_to_their_end(shop: Shop) -> None:
    staff = _of(shop, shop.staff)
    added = {(await staff(calls.add_member(f"Guest {number}"))).id for number in range(3)}
    call = calls.members(search="Guest")
    call = type(call)(method=call.method, route=call.route, answer=call.answer, query={**call.query, "limit": 1})
    assert {each.id async for each in staff.all(call)} == added


async def test_a_refusal_says_its_code(shop: Shop) -> None:
    with pytest.raises(NotFound) as refused:
        await _of(shop, shop.staff)(calls.member(uuid4()))
    assert refused.value.code == "member_not_found"


def test_a_limit_is_waited_for_and_a_pairing_is_not_tried_twice() -> None:
    """A code is good once: whether a lost answer had spent it is for people to find out."""
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        if request.url.path.endswith("pairings"):
            raise httpx.ReadError("cut")
        headers = {"Retry-After": "0", "Content-Type": "application/problem+json"}
        return httpx.Response(429, json={"code": "rate_limited"}, headers=headers)

    http = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://shop")
    client = Client(http=http, retries=HURRIED)
    with pytest.raises(httpx.ReadError):
        client(devices.pair("ABCD-EFGH"))
    with pytest.raises(RateLimited):
        client(calls.stores())
    assert seen == ["/v1/pairings"] + ["/v1/stores"] * 4


def test_what_came_too_slowly_is_sent_again_for_nothing_was_done() -> None:
    answers = iter([(408, "body_too_slow"), (422, "pairing_code_unknown")])

    def answer(_: httpx.Request) -> httpx.Response:
        status, code = next(answers)
        return httpx.Response(status, json={"code": code}, headers={"Content-Type": "application/problem+json"})

    http = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://shop")
    with pytest.raises(Invalid):
        Client(http=http, retries=HURRIED)(devices.pair("ABCD-EFGH"))


def test_webhooks_of_others_are_told_from_ours() -> None:

    secret, now, body = "whsec_" + "QUJD" * 8, datetime.now(UTC), b'{"type":"ping"}'
    signature = Webhook(secret).sign("msg_1", now, body.decode())
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
    verify(body, headers, secret)
    with pytest.raises(NotOurs):
        verify(body + b" ", headers, secret)
