"""Top-ups: the money is in the wallet once, when the provider says so, whatever happens in between."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facepay.kernel.ids import new_id
from facepay.kernel.webhooks import sign
from facepay.wallet.accounts import CLEARING
from facepay.wallet.providers.mock import Behaviour
from facepay.wallet.resume import resume
from facepay.wallet.top_up_refunds import TopUpNotRefundable, TopUpRefundRefused
from facepay.wallet.verify import verify
from tests.answers import verdict
from tests.conftest import Clock, OpenShop
from tests.shop import Shop
from tests.wallet.books import Books
from tests.wallet.desk import Desk

pytestmark = pytest.mark.anyio
WEBHOOKS = "/v1/providers/mock/webhooks"


@pytest.fixture
def desk(books: Books) -> Desk:
    return Desk(books.database)


def wallet_of(member_id: str) -> str:
    return f"/v1/members/{member_id}/wallet/top-ups"


async def ask(shop: Shop, member_id: str, amount: int = 5000, *, key: str | None = None) -> httpx.Response:
    return await shop.client.post(
        wallet_of(member_id),
        json={"amount": amount, "currency": "CNY"},
        headers=shop.staff | {"Idempotency-Key": key or uuid4().hex},
    )


async def until_settled(shop: Shop, member_id: str) -> list[dict[str, Any]]:
    """The member's top-ups, once none of them is pending."""
    for _ in range(200):
        items: list[dict[str, Any]] = (await shop.do("GET", wallet_of(member_id)))["items"]
        if all(each["status"] != "pending" for each in items):
            return items
        await asyncio.sleep(0.05)
    raise AssertionError("top-ups are still pending")


async def test_a_top_up_is_in_the_wallet_when_the_answer_comes(shop: Shop) -> None:
    member_id = await shop.add_member_without_face()
    first = await ask(shop, member_id, key="one")
    assert (first.status_code, first.json()["status"], await shop.balance(member_id)) == (201, "succeeded", 5000)
    again = await ask(shop, member_id, key="one")
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    assert await shop.balance(member_id) == 5000
    top_up_id = first.json()["id"]
    assert await shop.do("GET", f"{wallet_of(member_id)}/{top_up_id}") == first.json()
    line = (await shop.do("GET", f"/v1/members/{member_id}/wallet/statement"))["items"][0]
    assert (line["cause"], line["cause_id"], line["transfer_id"]) == ("top_up", top_up_id, first.json()["transfer_id"])


async def test_top_ups_are_listed_newest_first_and_only_to_their_member(shop: Shop) -> None:
    member_id, other_id = await shop.add_member_without_face(), await shop.add_member_without_face()
    ids = [(await ask(shop, member_id, amount)).json()["id"] for amount in (1, 2, 3)]
    first = await shop.do("GET", wallet_of(member_id), params={"limit": 2})
    rest = await shop.do("GET", wallet_of(member_id), params={"cursor": first["next_cursor"]})
    assert [each["id"] for each in first["items"] + rest["items"]] == ids[::-1]
    response = await shop.client.get(f"{wallet_of(other_id)}/{ids[0]}", headers=shop.staff)
    assert verdict(response) == (404, "top_up_not_found")


async def test_a_slow_provider_leaves_a_top_up_pending_and_a_retry_charges_nothing_more(
    open_shop: OpenShop, clock: Clock
) -> None:
    shop = await open_shop(provider_delay_ms=30 * 60_000, provider_wait_ms=0)
    member_id = await shop.add_member_without_face()
    first = await ask(shop, member_id, key="one")
    assert (first.json()["status"], first.json()["transfer_id"], await shop.balance(member_id)) == ("pending", None, 0)
    assert (await ask(shop, member_id, key="one")).json()["id"] == first.json()["id"]
    clock.ahead += timedelta(minutes=31)
    assert (await until_settled(shop, member_id))[0]["status"] == "succeeded"
    assert await shop.balance(member_id) == 5000


async def test_a_declined_top_up_says_so_and_leaves_the_wallet_alone(open_shop: OpenShop) -> None:
    shop = await open_shop(provider_failure_rate=1.0)
    member_id = await shop.add_member_without_face()
    answer = (await ask(shop, member_id)).json()
    assert (answer["status"], answer["failure_code"], answer["transfer_id"]) == ("failed", "declined", None)
    assert await shop.balance(member_id) == 0


async def test_with_everything_nasty_at_once_every_fen_is_credited_once(open_shop: OpenShop, clock: Clock) -> None:
    shop = await open_shop(
        provider_delay_ms=20,
        provider_failure_rate=0.3,
        provider_outage_rate=0.3,
        provider_duplicate_rate=0.7,
        provider_shuffle=True,
        provider_seed=11,
        provider_wait_ms=0,
    )
    member_id = await shop.add_member_without_face()
    amounts = [2**number for number in range(10)]  # any two sets of them have different sums
    answers = await asyncio.gather(*(ask(shop, member_id, amount) for amount in amounts))
    assert {answer.status_code for answer in answers} == {201}
    state = shop.app.state
    settled: list[dict[str, Any]] = []
    for _ in range(60):  # calls that broke off are taken up by the sweeper, whose calls may break off too
        clock.ahead += timedelta(minutes=3)
        await resume(state.database, state.provider, now=clock())
        settled = (await shop.do("GET", wallet_of(member_id)))["items"]
        if all(each["status"] != "pending" for each in settled):
            break
    assert {each["status"] for each in settled} == {"succeeded", "failed"}
    succeeded = sum(each["amount"] for each in settled if each["status"] == "succeeded")
    assert 0 < succeeded < sum(amounts)
    assert await shop.balance(member_id) == succeeded
    assert (await verify(state.database)).ok


async def test_the_route_believes_nobody_but_the_provider(shop: Shop) -> None:
    app = shop.app
    secret, now = app.state.provider.secret, app.state.clock()
    body = b'{"type": "charge.succeeded", "data": {}}'

    async def send(body: bytes, headers: dict[str, str]) -> httpx.Response:
        return await shop.client.post(WEBHOOKS, content=body, headers=headers)

    signed = sign(secret, message_id="one", body=body, now=now)
    assert verdict(await send(body, {})) == (401, "bad_signature")
    assert verdict(await send(body, shop.staff)) == (401, "bad_signature")
    assert verdict(await send(body + b" ", signed)) == (401, "bad_signature")
    stale = sign(secret, message_id="one", body=body, now=now - timedelta(hours=1))
    assert verdict(await send(body, stale)) == (401, "bad_signature")
    assert verdict(await send(body, signed)) == (400, "malformed_event")
    assert verdict(await send(bytes(65 * 1024), {"Content-Type": "image/jpeg"})) == (413, "body_too_large")
    unknown = b'{"type": "payout.paid", "data": {"id": "po_1"}}'
    response = await send(unknown, sign(secret, message_id="two", body=unknown, now=now))
    assert (response.status_code, response.content) == (204, b"")


async def test_an_event_about_a_charge_that_nobody_asked_for_is_acknowledged_and_credits_nothing(shop: Shop) -> None:
    member_id = await shop.add_member(0, balance=100, enrol=False)
    state = shop.app.state
    data = {"id": "ch_1", "kind": "charge", "reference": member_id, "amount": 10**6, "currency": "CNY"}
    told = data | {"status": "succeeded", "decided_at": state.clock().isoformat()}
    body = json.dumps({"type": "charge.succeeded", "data": told}).encode()
    headers = sign(state.provider.secret, message_id="one", body=body, now=state.clock())
    assert (await shop.client.post(WEBHOOKS, content=body, headers=headers)).status_code == 204
    assert await shop.balance(member_id) == 100


async def test_a_top_up_goes_back_where_it_came_from_and_never_twice(shop: Shop) -> None:
    member_id = await shop.add_member_without_face()
    path = f"{wallet_of(member_id)}/{(await ask(shop, member_id)).json()['id']}/refunds"

    async def refund(body: dict[str, int]) -> httpx.Response:
        return await shop.client.post(path, json=body, headers=shop.staff | {"Idempotency-Key": uuid4().hex})

    part = await refund({"amount": 1500})
    assert (part.status_code, part.json()["status"], await shop.balance(member_id)) == (201, "succeeded", 3500)
    assert verdict(await refund({"amount": 3501})) == (409, "top_up_not_refundable")
    assert (await refund({})).json()["amount"] == 3500
    assert verdict(await refund({})) == (409, "top_up_not_refundable")
    assert await shop.balance(member_id) == 0
    assert [each["amount"] for each in (await shop.do("GET", path))["items"]] == [3500, 1500]


async def test_money_on_its_way_back_is_on_hold_and_spent_money_stays(books: Books, desk: Desk) -> None:
    member_id = await books.member()
    top_up = await desk.top_up(member_id, 5000)
    with pytest.raises(TopUpNotRefundable):
        await desk.refund(top_up, 1)  # the provider hasn't taken anything yet
    await desk.hear_all()
    refund = await desk.refund(top_up, 3000)
    assert (await desk.status(refund), await desk.wallet(member_id)) == ("pending", 2000)
    assert (await books.pay(member_id, 2001)).code == "insufficient_funds"
    assert (await books.pay(member_id, 2000)).code == "ok"
    with pytest.raises(TopUpRefundRefused):
        await desk.refund(top_up, 1)
    await desk.hear_all()
    assert (await desk.status(refund), await desk.wallet(member_id)) == ("succeeded", 0)
    assert await desk.house(CLEARING) == -2000


async def test_a_refund_that_the_provider_declines_releases_the_money(books: Books, desk: Desk) -> None:
    member_id = await books.member()
    top_up = await desk.top_up(member_id, 5000)
    await desk.hear_all()
    declining = Desk(books.database, Behaviour(failure_rate=1.0), desk.time)
    refund = await declining.refund(top_up)
    await declining.hear_all()
    assert (await desk.status(refund), await desk.wallet(member_id)) == ("failed", 5000)
    assert (await books.wallet(member_id)).held == 0


async def test_a_crash_between_record_and_webhook_is_resumed_after_a_minute(books: Books, desk: Desk) -> None:
    other = Desk(books.database, time=desk.time)
    for moment in ("before the call", "after the call", "after the decision"):
        member_id = new_id()
        top_up = await desk.record(member_id, 5000)
        if moment != "before the call":
            customer_id = await desk.provider.bind(member_id)
            await desk.provider.charge(
                key=str(top_up.id), customer_id=customer_id, amount=5000, currency="CNY", reference=top_up.id
            )
        if moment == "after the decision":
            await desk.provider.work(deaf)
        assert await other.sweep() == 0, moment  # too early: its process may still be at it
        desk.time.pass_by(seconds=61)
        assert await other.sweep() == 1, moment
        if moment == "after the decision":
            assert await other.wallet(member_id) == 5000  # asked, without a webhook
        await other.hear_all()
        assert (await other.status(top_up), await other.wallet(member_id)) == ("succeeded", 5000), moment
        desk.time.pass_by(seconds=61)
        assert await other.sweep() == 0, moment


async def test_two_sweepers_share_the_work(books: Books, desk: Desk) -> None:
    for _ in range(6):
        await desk.record(new_id(), 100)
    desk.time.pass_by(seconds=61)
    seen = await asyncio.gather(desk.sweep(), Desk(books.database, time=desk.time).sweep())
    assert sum(seen) == 6


async def test_an_amount_that_the_provider_made_up_is_never_credited(books: Books, desk: Desk) -> None:
    member_id = new_id()
    top_up = await desk.record(member_id, 5000)
    customer_id = await desk.provider.bind(member_id)
    await desk.provider.charge(
        key=str(top_up.id), customer_id=customer_id, amount=6000, currency="CNY", reference=top_up.id
    )
    await desk.hear_all()
    assert (await desk.status(top_up), await desk.wallet(member_id)) == ("failed", 0)


@given(
    seed=st.integers(0, 99),
    # What is delivered side by side, one lot after the other: which of the six webhooks, some of them again.
    lots=st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=3), max_size=5),
)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_webhooks_in_any_order_and_number_credit_what_succeeded_and_no_more(
    books: Books, seed: int, lots: list[list[int]]
) -> None:
    desk = Desk(books.database, Behaviour(failure_rate=0.4, seed=seed))
    member_id = new_id()
    asked = [await desk.record(member_id, 2**number) for number in range(3)]
    for top_up in asked:  # charged, and none of the answers heard
        customer_id = await desk.provider.bind(member_id)
        await desk.provider.charge(
            key=str(top_up.id),
            customer_id=customer_id,
            amount=top_up.amount,
            currency="CNY",
            reference=top_up.id,
        )
    post: list[tuple[dict[str, str], bytes]] = []

    async def keep(headers: dict[str, str], body: bytes) -> int:
        post.append((headers, body))
        return 204

    await desk.provider.work(keep)
    told: set[UUID] = set()
    succeeded = 0
    assert len(post) == 6
    for lot in [*lots, list(range(6))]:
        statuses = await asyncio.gather(*(desk.hear(*post[index]) for index in lot))
        assert set(statuses) == {204}
        for index in lot:
            event = json.loads(post[index][1])
            reference = UUID(event["data"]["reference"])
            if event["data"]["decided_at"] and reference not in told:
                told.add(reference)
                succeeded += event["data"]["amount"] if event["type"] == "charge.succeeded" else 0
        assert await desk.wallet(member_id) == succeeded
        for top_up in asked:
            assert (await desk.status(top_up) != "pending") == (top_up.id in told)


async def deaf(headers: dict[str, str], body: bytes) -> int:
    return 503
