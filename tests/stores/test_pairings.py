"""A tablet becomes a device by a code that is good once, for ten minutes."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from facepay.stores.pairings import WRONG_MAX, Pairing, PairingGuesses
from tests.answers import verdict
from tests.conftest import Clock
from tests.qr import read_qr
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def offered(shop: Shop, device_id: str, **body: Any) -> Any:
    return await shop.do("POST", f"/v1/devices/{device_id}/pairings", **({"json": body} if body else {}))


async def pair(shop: Shop, code: str) -> httpx.Response:
    return await shop.client.post("/v1/pairings", json={"code": code})


async def works(shop: Shop, device_id: str, token: dict[str, str]) -> bool:
    body = {"sent_at": shop.app.state.clock().isoformat()}
    return (await shop.client.post(f"/v1/devices/{device_id}/heartbeats", json=body, headers=token)).is_success


async def test_a_code_brings_a_new_token_and_ends_the_one_before(shop: Shop) -> None:
    offer = await offered(shop, shop.kiosk_id, token_days=30)
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", offer["code"])
    assert offer["url"].endswith(f"/kiosk#pair={offer['code']}")
    assert read_qr(offer["qr_svg"]) == offer["url"]
    assert await works(shop, shop.kiosk_id, shop.kiosk), "until the code is used"

    answer = await pair(shop, offer["code"])
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    paired = answer.json()
    assert (paired["device_id"], paired["role"], paired["store_id"]) == (shop.kiosk_id, "kiosk", shop.store_id)
    device = await shop.do("GET", f"/v1/devices/{shop.kiosk_id}")
    assert (paired["name"], paired["expires_at"]) == (device["name"], device["token_expires_at"])
    assert not await works(shop, shop.kiosk_id, shop.kiosk)
    assert await works(shop, shop.kiosk_id, {"Authorization": f"Bearer {paired['token']}"})
    assert verdict(await pair(shop, offer["code"])) == (403, "pairing_refused"), "a code is good once"


async def test_a_code_is_typed_as_people_type(shop: Shop) -> None:
    code = (await offered(shop, shop.gate_id))["code"]
    typed = code.lower().replace("-", "  ").replace("0", "o").replace("1", "l")
    assert (await pair(shop, typed)).json()["device_id"] == shop.gate_id


async def test_a_device_without_a_page_has_a_code_and_no_address(shop: Shop) -> None:
    lane, _ = await shop.add_device("lane")
    offer = await offered(shop, lane)
    assert offer["url"] is None
    assert (await pair(shop, offer["code"])).json()["role"] == "lane"


async def test_one_code_that_many_bring_at_once_is_spent_by_one(shop: Shop) -> None:
    code = (await offered(shop, shop.gate_id))["code"]
    answers = await asyncio.gather(*(pair(shop, code) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [403] * 7
    token = next(answer.json()["token"] for answer in answers if answer.is_success)
    assert await works(shop, shop.gate_id, {"Authorization": f"Bearer {token}"})


async def test_codes_are_offered_and_spent_side_by_side(shop: Shop) -> None:
    code = (await offered(shop, shop.gate_id))["code"]
    *_, answer = await asyncio.gather(*(offered(shop, shop.gate_id) for _ in range(4)), pair(shop, code))
    assert answer.status_code in (200, 403)


async def test_a_new_code_ends_the_one_before(shop: Shop) -> None:
    first, second = [(await offered(shop, shop.gate_id))["code"] for _ in range(2)]
    assert verdict(await pair(shop, first)) == (403, "pairing_refused")
    assert (await pair(shop, second)).is_success


async def test_a_code_is_good_for_ten_minutes(shop: Shop, clock: Clock) -> None:
    code = (await offered(shop, shop.gate_id))["code"]
    clock.ahead = timedelta(minutes=10)
    assert verdict(await pair(shop, code)) == (403, "pairing_refused")
    assert await works(shop, shop.gate_id, shop.gate), "whose token it didn't become"


@pytest.mark.parametrize("ended", ["/v1/devices/{gate}", "/v1/stores/{store}"])
async def test_a_code_is_worth_nothing_once_its_device_or_store_has_gone(shop: Shop, ended: str) -> None:
    code = (await offered(shop, shop.gate_id))["code"]
    await shop.do("DELETE", ended.format(gate=shop.gate_id, store=shop.store_id))
    assert verdict(await pair(shop, code)) == (403, "pairing_refused")
    path = f"/v1/devices/{shop.gate_id}/pairings"
    response = await shop.client.post(path, headers=shop.staff)
    assert verdict(response) in {(409, "device_revoked"), (409, "store_closed")}


async def test_whoever_guesses_has_to_wait_and_is_told_nothing_by_then(shop: Shop, clock: Clock) -> None:
    code = (await offered(shop, shop.gate_id))["code"]
    answers = await asyncio.gather(*(pair(shop, f"0000-000{n:X}") for n in range(WRONG_MAX + 4)))
    assert sorted(answer.status_code for answer in answers) == [403] * WRONG_MAX + [429] * 4
    refused = await pair(shop, code)
    assert verdict(refused) == (429, "too_many_pairing_codes"), "however right"
    assert 0 < int(refused.headers["retry-after"]) <= 600
    clock.ahead = timedelta(minutes=10, seconds=1)
    code = (await offered(shop, shop.gate_id))["code"]
    assert (await pair(shop, code)).is_success


async def test_all_addresses_of_one_ipv6_network_are_one_guesser(shop: Shop) -> None:
    async def guess(address: str) -> int:
        transport = httpx.ASGITransport(shop.app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return (await client.post("/v1/pairings", json={"code": "0000-0000"})).status_code

    assert [await guess(f"2001:db8::{n:x}") for n in range(WRONG_MAX + 1)] == [403] * WRONG_MAX + [429]
    assert await guess("2001:db8:0:1::1") == 403, "another network"
    assert await guess("198.51.100.7") == 403


async def test_neither_codes_nor_addresses_can_be_read_in_the_database(shop: Shop) -> None:
    code = (await offered(shop, shop.gate_id))["code"]
    await pair(shop, "0000-0000")
    async with shop.app.state.database.begin() as session:
        kept = [
            await session.scalar(select(Pairing.code_hash)),
            await session.scalar(select(PairingGuesses.address_hash)),
        ]
    assert [len(each or b"") for each in kept] == [32, 32]
    assert not any(secret.encode() in (each or b"") for each in kept for secret in (code, "127.0.0.1"))


async def test_only_whoever_may_change_devices_offers_codes(shop: Shop) -> None:
    path = f"/v1/devices/{shop.gate_id}/pairings"
    assert verdict(await shop.client.post(path, headers=shop.gate)) == (401, "unauthenticated")
    body = {"username": "look", "display_name": "Look", "role": "auditor", "password": "a long pass phrase"}
    await shop.do("POST", "/v1/staff", json=body)
    form = {"username": "look", "password": body["password"]}
    token = (await shop.client.post("/v1/auth/token", data=form)).json()["access_token"]
    response = await shop.client.post(path, headers={"Authorization": f"Bearer {token}"})
    assert verdict(response) == (403, "insufficient_scope")
