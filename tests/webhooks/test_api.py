"""Staff say over the API where events go, and see how that goes; the app sends them by itself."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.openapi.utils import get_openapi
from standardwebhooks.webhooks import Webhook

from facepay.alerts.of_endpoints import alert_of_stopped
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from facepay.kernel.ids import new_id
from facepay.online.telling import SUCCEEDED, IntentTold
from facepay.webhooks import endpoints
from facepay.webhooks.events import PING, Catalogue, emit
from facepay.webhooks.outcomes import Stopped
from tests.shop import Shop
from tests.webhooks.receiver import Answer, Receiver

# The shop's own server is on its own machine.
pytestmark = [pytest.mark.anyio, pytest.mark.reopened(webhook_private_hosts="127.0.0.1")]
ENDPOINTS = "/v1/webhook-endpoints"


async def add(shop: Shop, url: str, **more: Any) -> Any:
    return await shop.do("POST", ENDPOINTS, json={"url": url, "types": ["*"]} | more)


def database_of(shop: Shop) -> Database:
    database: Database = shop.app.state.database
    return database


async def succeed(shop: Shop, device_id: str | None = None) -> UUID:
    """A payment intent that has."""
    told = IntentTold(
        id=new_id(),
        status="succeeded",
        amount=450,
        currency="CNY",
        error_code=None,
        cancellation_reason=None,
        order_id=None,
    )
    async with database_of(shop).begin() as session:
        sender = UUID(device_id) if device_id else None
        await emit(session, type=SUCCEEDED, subject_id=told.id, data=told, device_id=sender, now=utc_now())
    return told.id


async def test_what_happens_is_sent_at_once_and_staff_see_that_it_was(shop: Shop, receiver: Receiver) -> None:
    endpoint = await add(shop, receiver.url(), description="Orders")
    intent_id = await succeed(shop)
    (heard,) = await receiver.wait_for(1)
    assert Webhook(endpoint["secret"]).verify(heard.body, heard.headers)["data"]["amount"] == 450
    (event,) = (await shop.do("GET", f"/v1/webhook-events?subject_id={intent_id}"))["items"]
    assert (event["id"], event["type"]) == (heard.id, "payment_intent.succeeded")
    assert (await shop.do("GET", f"/v1/webhook-events/{heard.id}"))["body"].encode() == heard.body
    path = f"{ENDPOINTS}/{endpoint['id']}/deliveries"
    while not (delivered := (await shop.do("GET", f"{path}?state=delivered"))["items"]):
        pass
    assert [(each["event_id"], each["attempts"], each["status"]) for each in delivered] == [(heard.id, 1, 204)]
    assert (await shop.do("GET", f"{path}?type=webhook_endpoint.pinged"))["items"] == []
    await shop.do("POST", f"{path}/{heard.id}/replay")
    assert [each.id for each in await receiver.wait_for(2)] == [heard.id] * 2


async def test_a_shop_on_the_web_hears_of_itself_and_the_chain_of_all(shop: Shop, receiver: Receiver) -> None:
    one, _ = await shop.add_device("webshop")
    other, _ = await shop.add_device("webshop")
    await add(shop, receiver.url("/one"), device_id=one)
    await add(shop, receiver.url("/chain"))
    for device_id in (one, other, None):
        await succeed(shop, device_id)
    await receiver.wait_for(3, "/chain")
    await receiver.wait_for(1, "/one")
    assert len(receiver.ids("/one")) == 1
    (shown,) = (await shop.do("GET", f"{ENDPOINTS}?device_id={one}"))["items"]
    assert "secret" not in shown
    late = await add(shop, receiver.url("/late"), device_id=other)
    body = {"since": "2020-01-01T00:00:00Z"}
    assert await shop.do("POST", f"{ENDPOINTS}/{late['id']}/replays", json=body) == {
        "queued": 1,
        "complete": True,
    }
    await receiver.wait_for(1, "/late")


async def test_a_ping_says_what_came_back(shop: Shop, receiver: Receiver) -> None:
    receiver.answer = lambda heard: Answer(418, body=b"I'm a teapot")
    endpoint = await add(shop, receiver.url())
    answer = await shop.do("POST", f"{ENDPOINTS}/{endpoint['id']}/test")
    assert (answer["succeeded"], answer["status"], answer["excerpt"]) == (False, 418, "I'm a teapot")
    (heard,) = receiver.heard
    assert Webhook(endpoint["secret"]).verify(heard.body, heard.headers)["type"] == PING.name
    assert heard.data == {"endpoint_id": endpoint["id"]}
    assert (await shop.do("GET", "/v1/webhook-events"))["items"] == []


async def test_an_endpoint_is_changed_paused_given_another_secret_and_deleted(shop: Shop) -> None:
    endpoint = await add(shop, "https://shop.example/hooks")
    path = f"{ENDPOINTS}/{endpoint['id']}"
    change = {"types": ["payment_intent.succeeded"], "status": "paused", "url": "https://shop.example/other"}
    assert (await shop.do("PATCH", path, json=change)).items() >= change.items()
    assert (await shop.do("GET", path)).items() >= change.items()
    rotated = await shop.do("POST", f"{path}/secret")
    assert rotated["secret"] != endpoint["secret"]
    assert rotated["former_secret_until"] is not None
    await shop.do("DELETE", path)
    for method, each in (("GET", path), ("GET", f"{path}/deliveries"), ("POST", f"{path}/test"), ("DELETE", path)):
        response = await shop.client.request(method, each, headers=shop.staff)
        assert (response.status_code, response.json()["code"]) == (404, "webhook_endpoint_not_found")
    assert (await shop.do("GET", ENDPOINTS))["items"] == []


async def test_what_an_endpoint_cant_be(shop: Shop) -> None:
    changes: list[tuple[dict[str, Any], str]] = [
        ({"url": "http://shop.example/"}, "webhook_url_refused"),
        ({"url": "https://10.0.0.1/"}, "webhook_url_refused"),
        ({"url": "ftp://shop.example/"}, "invalid_request"),
        ({"types": ["payment_intent.*"]}, "unknown_event_type"),
        ({"types": []}, "invalid_request"),
        ({"device_id": str(uuid4())}, "device_not_found"),
    ]
    for change, code in changes:
        body = {"url": "https://shop.example/hooks", "types": ["*"]} | change
        response = await shop.client.post(ENDPOINTS, json=body, headers=shop.staff)
        assert response.json()["code"] == code, change


async def test_there_are_only_so_many_endpoints(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "ENDPOINTS_MAX", 1)
    await add(shop, "https://shop.example/hooks")
    response = await shop.client.post(
        ENDPOINTS, json={"url": "https://shop.example/hooks", "types": ["*"]}, headers=shop.staff
    )
    assert response.json()["code"] == "too_many_webhook_endpoints"


async def test_integrators_see_every_type_and_what_it_holds(shop: Shop) -> None:
    items = (await shop.do("GET", "/v1/webhook-event-types"))["items"]
    shown = {each["type"]: each["data_schema"] for each in items}
    assert "amount" in shown["payment_intent.succeeded"]["properties"]
    # The part of /openapi.json that tells of them: the whole takes seconds.
    document = get_openapi(title="facepay", version="1", routes=[], webhooks=shop.app.webhooks.routes)
    assert document["webhooks"].keys() == shown.keys()
    with pytest.raises(ValueError, match="same name"):
        Catalogue(PING, PING)


async def test_of_an_endpoint_that_was_stopped_staff_are_alerted(shop: Shop) -> None:
    device_id, _ = await shop.add_device("webshop")
    async with database_of(shop).begin() as session:
        for device in (None, UUID(device_id)):
            await alert_of_stopped(session, Stopped(endpoint_id=new_id(), device_id=device, why="gone"), utc_now())
    alerts = (await shop.do("GET", f"/v1/stores/{shop.store_id}/alerts?kind=webhook_endpoint_stopped"))["items"]
    assert [each["device_id"] for each in alerts] == [device_id, None]


async def test_prometheus_is_told_how_old_the_oldest_is(shop: Shop, receiver: Receiver) -> None:
    receiver.open.clear()
    await add(shop, receiver.url())
    await succeed(shop)
    await receiver.wait_for(1)
    _, monitor = await shop.add_device("monitor")
    lines = (await shop.client.get("/metrics", headers=monitor)).text.splitlines()
    (age,) = [line.split(" ")[1] for line in lines if line.startswith("facepay_webhook_oldest_waiting_seconds ")]
    assert float(age) > 0
    receiver.open.set()
