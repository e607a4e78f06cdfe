"""Webhook endpoints in the console."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from facepay.checkout.telling import REFUND_CREATED, RefundTold
from facepay.kernel.ids import new_id
from facepay.webhooks.events import emit
from tests.console.desk import OURS, signed_in
from tests.shop import Shop
from tests.webhooks.receiver import Answer, Receiver, receiving

pytestmark = [pytest.mark.anyio, pytest.mark.one_shop(webhook_private_hosts="127.0.0.1")]


async def page(shop: Shop, path: str, **query: Any) -> str:
    answer = await shop.client.get(f"/console{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.text


async def post(shop: Shop, path: str, **form: Any) -> httpx.Response:
    return await shop.client.post(f"/console{path}", data=form, headers=OURS)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def added(shop: Shop, receiver: Receiver, *types: str) -> tuple[str, str]:
    """A new endpoint's id and secret."""
    url = receiver.url(f"/{uuid4().hex}")
    answer = await post(shop, "/webhooks", url=url, types=types or ["refund.created"], description="Till")
    assert answer.status_code == 200, answer.text
    secret = re.search(r"whsec_[\w+/=]+", answer.text)
    assert secret
    endpoints = (await shop.do("GET", "/v1/webhook-endpoints"))["items"]
    return next(each["id"] for each in endpoints if each["url"] == url), secret[0]


async def test_an_endpoint_is_added_its_secret_shown_once_and_changed(shop: Shop, receiver: Receiver) -> None:
    await signed_in(shop)
    endpoint, secret = await added(shop, receiver)
    assert "whsec_" not in await page(shop, f"/webhooks/{endpoint}")
    assert f"/console/webhooks/{endpoint}" in await page(shop, "/webhooks")

    form = {"url": receiver.url(f"/{uuid4().hex}"), "types": ["*"]}
    assert (await post(shop, f"/webhooks/{endpoint}", **form)).status_code == 303
    known = await shop.do("GET", f"/v1/webhook-endpoints/{endpoint}")
    assert (known["url"], known["types"], known["description"]) == (form["url"], ["*"], None)
    changed = (await post(shop, f"/webhooks/{endpoint}/secret")).text
    assert "whsec_" in changed
    assert secret not in changed


async def test_an_endpoint_is_paused_and_deleted(shop: Shop, receiver: Receiver) -> None:
    await signed_in(shop)
    endpoint, _ = await added(shop, receiver)
    for status in ("paused", "active"):
        assert (await post(shop, f"/webhooks/{endpoint}/status", status=status)).status_code == 303
        assert (await shop.do("GET", f"/v1/webhook-endpoints/{endpoint}"))["status"] == status
    assert (await post(shop, f"/webhooks/{endpoint}/removal")).status_code == 303
    assert (await shop.client.get(f"/console/webhooks/{endpoint}")).status_code == 404


async def test_a_ping_says_how_the_endpoint_answers(shop: Shop, receiver: Receiver) -> None:
    await signed_in(shop)
    endpoint, _ = await added(shop, receiver)
    receiver.answer = lambda heard: Answer(418)
    assert "418" in (await post(shop, f"/webhooks/{endpoint}/ping")).text
    receiver.answer = lambda heard: Answer()
    assert "answered" in (await post(shop, f"/webhooks/{endpoint}/ping")).text


async def test_deliveries_are_shown_and_sent_again(shop: Shop, receiver: Receiver) -> None:
    await signed_in(shop)
    endpoint, _ = await added(shop, receiver)
    path = (await shop.do("GET", f"/v1/webhook-endpoints/{endpoint}"))["url"].partition(str(receiver.port))[2]
    given_back = RefundTold(id=new_id(), payment_intent=None, order_id=new_id(), amount=450, tax=52, currency="CNY")
    async with shop.app.state.database.begin() as session:
        subject_id, now = given_back.order_id, shop.app.state.clock()
        await emit(session, type=REFUND_CREATED, subject_id=subject_id, data=given_back, device_id=None, now=now)
    (heard,) = await receiver.wait_for(1, path)
    deliveries = f"/v1/webhook-endpoints/{endpoint}/deliveries"
    while not (await shop.do("GET", deliveries, params={"state": "delivered"}))["items"]:
        pass
    assert heard.id in await page(shop, f"/webhooks/{endpoint}", state="delivered")
    assert str(given_back.order_id) in await page(shop, f"/webhooks/events/{heard.id}")
    assert (await post(shop, f"/webhooks/{endpoint}/deliveries/{heard.id}/replay")).status_code == 303
    await receiver.wait_for(2, path)
    assert receiver.ids(path) == [heard.id] * 2


async def test_an_address_that_is_none_is_refused_beside_the_form(shop: Shop) -> None:
    await signed_in(shop)
    form = {"url": "ftp://nowhere", "types": ["refund.created"]}
    answer = await shop.client.post("/console/webhooks", data=form, headers=OURS | {"HX-Request": "true"})
    assert answer.status_code == 422
    assert answer.headers["hx-retarget"] == "#problem"
