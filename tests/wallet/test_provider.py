"""The mock provider keeps its word, however nasty it is, and nobody else can speak for it."""

from __future__ import annotations

import base64
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepay.kernel.database import Database
from facepay.kernel.errors import Problem
from facepay.kernel.ids import new_id
from facepay.kernel.webhooks import BadSignature, sign, verify
from facepay.wallet.providers.mock import Behaviour, MockProvider
from facepay.wallet.providers.provider import Movement, ProviderUnavailable
from tests.wallet.books import Books
from tests.wallet.desk import SECRET, Desk, Message, Time

BODY = b'{"test": 2432232314}'
NOW = datetime.fromtimestamp(1614265330, UTC)


@pytest.fixture
def desk(books: Books) -> Desk:
    return Desk(books.database)


class Killed(Exception):
    """Where a process ends."""


async def charge(provider: MockProvider, amount: int = 5000, reference: UUID | None = None) -> Movement:
    reference = reference or new_id()
    customer_id = await provider.bind(new_id())
    return await provider.charge(
        key=str(reference), customer_id=customer_id, amount=amount, currency="CNY", reference=reference
    )


def types(messages: list[Message]) -> list[str]:
    return [json.loads(body)["type"] for _, body in messages]


def test_a_signature_is_the_reference_implementations() -> None:
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = sign(secret, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", body=BODY, now=NOW)
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    verify(secret, headers=headers, body=BODY, now=NOW)
    both = "v1,b2xk v1a,b2xk " + headers["webhook-signature"]  # while a sender changes its secret
    verify(secret, headers={**headers, "webhook-signature": both}, body=BODY, now=NOW)


@given(st.integers(0, len(BODY) * 8 - 1))
def test_a_body_with_one_bit_changed_is_refused(bit: int) -> None:
    headers = sign(SECRET, message_id="one", body=BODY, now=NOW)
    changed = bytearray(BODY)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BadSignature):
        verify(SECRET, headers=headers, body=bytes(changed), now=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,\xe9\xff, ,,"},
        {"webhook-id": "two"},
        {"webhook-timestamp": str(1614265330 + 1)},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "now"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "9" * 5000},
    ],
)
def test_headers_that_were_changed_are_refused(changes: dict[str, str]) -> None:
    headers = sign(SECRET, message_id="one", body=BODY, now=NOW) | changes
    with pytest.raises(BadSignature):
        verify(SECRET, headers=headers, body=BODY, now=NOW)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_webhook_of_another_time_is_refused(seconds: int) -> None:
    headers = sign(SECRET, message_id="one", body=BODY, now=NOW)
    with pytest.raises(BadSignature):
        verify(SECRET, headers=headers, body=BODY, now=datetime.fromtimestamp(NOW.timestamp() + seconds, UTC))


@pytest.mark.parametrize(
    "body",
    [b"", b"no json", b"[]", b"{}", b"\xff", b'{"type": 5}', b'{"type": "charge.failed"}',
     b'{"type": "charge.succeeded", "data": {"id": "ch_1"}}'],
)  # fmt: skip
def test_a_signed_message_that_is_no_event_is_a_problem_and_no_crash(body: bytes) -> None:
    provider = MockProvider(Database("postgresql+psycopg://nowhere"), secret=SECRET, clock=lambda: NOW)
    with pytest.raises(Problem) as refused:
        provider.verify_webhook(sign(SECRET, message_id="one", body=body, now=NOW), body)
    assert refused.value.code == "malformed_event"


@pytest.mark.anyio
async def test_a_charge_is_pending_then_decided_and_told_in_this_order(desk: Desk) -> None:
    asked = await charge(desk.provider)
    assert (asked.status, asked.decided_at) == ("pending", None)
    await desk.hear_all()
    assert types(desk.heard) == ["charge.pending", "charge.succeeded"]
    found = await desk.provider.find(asked.reference)
    assert found is not None
    assert (found.id, found.status) == (asked.id, "succeeded")


@pytest.mark.anyio
async def test_one_key_is_one_charge_and_one_member_one_customer(desk: Desk) -> None:
    reference, member_id = new_id(), new_id()
    first, again = await charge(desk.provider, reference=reference), await charge(desk.provider, reference=reference)
    assert first == again
    assert await desk.provider.bind(member_id) == await desk.provider.bind(member_id)
    await desk.hear_all()
    assert types(desk.heard) == ["charge.pending", "charge.succeeded"]


@pytest.mark.anyio
async def test_it_takes_the_time_it_is_told_to(books: Books) -> None:
    time = Time()
    desk = Desk(books.database, Behaviour(delay=timedelta(seconds=90)), time)
    await charge(desk.provider)
    await desk.provider.work(desk.hear)
    assert types(desk.heard) == ["charge.pending"]
    time.pass_by(seconds=91)
    await desk.provider.work(desk.hear)
    assert types(desk.heard) == ["charge.pending", "charge.succeeded"]


@pytest.mark.anyio
async def test_a_webhook_is_sent_again_ever_more_rarely_until_it_is_acknowledged(desk: Desk) -> None:
    await charge(desk.provider)
    statuses = iter([500, 401, 302, 204, 204])
    sent_at: list[float] = []
    start = desk.time()

    async def receiver(headers: dict[str, str], body: bytes) -> int:
        if json.loads(body)["type"] == "charge.pending":
            sent_at.append((desk.time() - start).total_seconds())
            return next(statuses)
        return 204

    for _ in range(30):
        await desk.provider.work(receiver)
        desk.time.pass_by(seconds=1)
    assert sent_at == [0, 1, 3, 7]
    assert await desk.owed() == 0


@pytest.mark.anyio
async def test_a_webhook_of_a_process_that_died_sending_it_is_sent_by_another(books: Books) -> None:
    one, other = Desk(books.database), Desk(books.database)
    await charge(one.provider)

    async def dies(headers: dict[str, str], body: bytes) -> int:
        raise Killed

    with pytest.raises(Killed):
        await one.provider.work(dies)
    await other.hear_all()
    assert Counter(types(other.heard)) == {"charge.pending": 1, "charge.succeeded": 1}


@pytest.mark.anyio
async def test_a_nasty_one_declines_repeats_itself_and_forgets_the_order(books: Books) -> None:
    nasty = Behaviour(failure_rate=0.5, duplicate_rate=1.0, shuffle=True, seed=3)
    desk = Desk(books.database, nasty)
    charges = [await charge(desk.provider) for _ in range(12)]
    await desk.hear_all()
    outcomes = Counter(types(desk.heard))
    assert outcomes["charge.pending"] == 24
    assert outcomes["charge.failed"] + outcomes["charge.succeeded"] == 24
    assert outcomes["charge.failed"] > 4 < outcomes["charge.succeeded"]
    first_told = list(dict.fromkeys(json.loads(body)["data"]["id"] for _, body in desk.heard))
    assert first_told != [charge.id for charge in charges]


@pytest.mark.anyio
async def test_a_call_that_breaks_off_may_have_had_its_effect(books: Books) -> None:
    desk = Desk(books.database, Behaviour(outage_rate=1.0, seed=1))
    had_effect = []
    for _ in range(12):
        reference = new_id()
        with pytest.raises(ProviderUnavailable):
            await charge_of_known_customer(desk, reference)
        had_effect.append(await Desk(books.database).provider.find(reference) is not None)
    assert set(had_effect) == {True, False}


async def charge_of_known_customer(desk: Desk, reference: UUID) -> Movement:
    customer_id = await Desk(desk.database).provider.bind(UUID(int=1))
    return await desk.provider.charge(
        key=str(reference), customer_id=customer_id, amount=1, currency="CNY", reference=reference
    )


@pytest.mark.anyio
async def test_it_never_gives_back_more_than_it_took(desk: Desk) -> None:
    taken = await charge(desk.provider, 5000)

    async def refund(amount: int, key: UUID) -> Movement:
        return await desk.provider.refund(key=str(key), charge_id=taken.id, amount=amount, reference=key)

    early = await refund(1000, new_id())
    assert (early.status, early.failure_code) == ("failed", "over_refund")  # nothing was taken yet
    await desk.hear_all()
    key = new_id()
    assert (await refund(3000, key)).status == (await refund(3000, key)).status == "pending"
    assert (await refund(2001, new_id())).failure_code == "over_refund"
    assert (await refund(2000, new_id())).status == "pending"
