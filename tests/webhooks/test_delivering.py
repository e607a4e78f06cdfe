"""What is told arrives, in order for each object, at least once, and nothing else does."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import timedelta
from random import Random

import pytest
from standardwebhooks.webhooks import Webhook

from facepay.kernel.clock import utc_now
from facepay.kernel.hub import Hub
from facepay.kernel.ids import new_id
from facepay.kernel.secrets import MasterKey
from facepay.webhooks import endpoints
from facepay.webhooks.courier import AT_ONCE_EACH_MAX
from facepay.webhooks.deliveries import LEASE
from facepay.webhooks.endpoints import reseal
from facepay.webhooks.events import BODY_BYTES_MAX, EventType, emit
from tests.webhooks.office import COUNTED, FORGOTTEN, Counted, Office
from tests.webhooks.receiver import Answer, Heard, Receiver

pytestmark = [pytest.mark.anyio, pytest.mark.one_shop]


def numbers(heard: list[Heard]) -> list[int]:
    return [each.data["number"] for each in heard]


async def test_the_reference_implementation_verifies_what_arrives(office: Office, receiver: Receiver) -> None:
    office.time.now = utc_now()  # it reads the wall clock
    endpoint_id = await office.add_endpoint()
    await office.tell(1)
    assert await office.work() == 1
    (heard,) = receiver.heard
    shown = Webhook(office.secrets[endpoint_id]).verify(heard.body, heard.headers)
    assert shown == {
        "type": "thing.counted",
        "timestamp": office.time().isoformat().replace("+00:00", "Z"),
        "data": {"number": 1},
    }
    assert heard.headers["content-type"] == "application/json"
    assert await office.states(endpoint_id) == ["delivered"]


async def test_for_a_day_after_a_secret_was_changed_both_verify(office: Office, receiver: Receiver) -> None:
    office.time.now = utc_now() - endpoints.FORMER_SECRET_LASTS + timedelta(seconds=1)
    endpoint_id = await office.add_endpoint()
    former = office.secrets[endpoint_id]
    async with office.database.begin() as session:
        _, secret = await endpoints.rotate_secret(session, endpoint_id=endpoint_id, key=office.key, now=office.time())
    office.time.now = utc_now()
    await office.tell(1)
    await office.work()
    for each in (former, secret):
        Webhook(each).verify(receiver.heard[0].body, receiver.heard[0].headers)
    office.time.pass_by(seconds=2)
    await office.tell(2)
    await office.work()
    Webhook(secret).verify(receiver.heard[1].body, receiver.heard[1].headers)
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(former).verify(receiver.heard[1].body, receiver.heard[1].headers)


async def test_what_is_rolled_back_is_told_to_nobody(office: Office, receiver: Receiver) -> None:
    endpoint_id = await office.add_endpoint()
    async with office.database.begin() as session:
        await emit(session, type=COUNTED, subject_id=new_id(), data=Counted(number=1), now=office.time())
        await session.rollback()
    assert await office.work() == 0
    assert await office.deliveries(endpoint_id) == []


async def test_an_endpoint_hears_the_types_it_asked_for(office: Office, receiver: Receiver) -> None:
    await office.add_endpoint("/counted", types=["thing.counted"])
    await office.add_endpoint("/all")
    await office.tell(1)
    await office.tell(2, type=FORGOTTEN)
    await office.work()
    assert len(receiver.ids("/counted")) == 1
    assert len(receiver.ids("/all")) == 2


async def test_what_is_behind_a_failure_waits_and_other_objects_go_on(office: Office, receiver: Receiver) -> None:
    await office.add_endpoint()
    receiver.answer = lambda heard: Answer(500 if heard.data["number"] == 1 else 204)
    await office.tell(1, 2, 3)
    await office.tell(10, 11)
    await office.work()
    assert sorted(numbers(receiver.heard)) == [1, 10, 11]
    receiver.answer = lambda heard: Answer()
    office.time.pass_by(seconds=4.9)
    assert await office.work() == 0
    office.time.pass_by(seconds=0.1)
    await office.work()
    assert numbers(receiver.heard)[-3:] == [1, 2, 3]


async def test_whatever_fails_and_whoever_sends_each_object_is_heard_in_order(
    office: Office, receiver: Receiver
) -> None:
    """Three couriers, two endpoints, four objects; a third of the attempts fails."""
    chance = Random(7)
    succeeded: defaultdict[tuple[str, int], list[int]] = defaultdict(list)

    def answer(heard: Heard) -> Answer:
        if chance.random() < 1 / 3:
            return Answer(503)
        number = heard.data["number"]
        succeeded[heard.path, number // 100].append(number)
        return Answer()

    receiver.answer = answer
    for path in ("/a", "/b"):
        await office.add_endpoint(path)
    for subject in range(4):
        await office.tell(*range(100 * subject, 100 * subject + 5))
    couriers = [office.courier() for _ in range(3)]
    for _ in range(40):
        if sum(map(len, succeeded.values())) == 2 * 4 * 5:
            break
        await asyncio.gather(*map(office.work, couriers))
        office.time.pass_by(minutes=30)
    assert not receiver.collided
    assert len(succeeded) == 8
    for (_, subject), heard in succeeded.items():
        assert heard == list(range(100 * subject, 100 * subject + 5))


async def test_no_two_couriers_claim_the_same(office: Office) -> None:
    await office.add_endpoint()
    for number in range(20):
        await office.tell(number)
    claims = await asyncio.gather(*(office.courier().claim() for _ in range(6)))
    ids = [each.event_id for claimed in claims for each in claimed]
    assert len(ids) == len(set(ids)) == 20
    assert max(map(len, claims)) <= AT_ONCE_EACH_MAX


async def test_what_a_courier_sent_before_it_was_killed_is_sent_again_under_the_same_id(
    office: Office, receiver: Receiver
) -> None:
    endpoint_id = await office.add_endpoint()
    await office.tell(1, 2)
    receiver.open.clear()
    killed = office.courier()
    (claimed,) = await killed.claim()
    sending = asyncio.create_task(killed.deliver(claimed))
    await receiver.wait_for(1)
    sending.cancel()
    receiver.open.set()
    assert await office.work() == 0
    office.time.now += LEASE
    assert await office.work() == 2
    first, again, second = receiver.heard
    assert first.id == again.id != second.id
    assert numbers(receiver.heard) == [1, 1, 2]
    assert await office.states(endpoint_id) == ["delivered", "delivered"]


async def test_a_courier_that_took_too_long_doesnt_undo_what_another_noted(office: Office, receiver: Receiver) -> None:
    endpoint_id = await office.add_endpoint()
    await office.tell(1)
    slow = office.courier()
    (claimed,) = await slow.claim()
    office.time.now += LEASE
    await office.work()
    receiver.answer = lambda heard: Answer(500)
    await slow.deliver(claimed)
    (delivery,) = await office.deliveries(endpoint_id)
    assert (delivery.state, delivery.status) == ("delivered", 204)


async def test_an_endpoint_that_never_answers_holds_up_no_other(office: Office, receiver: Receiver) -> None:
    await office.add_endpoint("/slow")
    await office.add_endpoint("/fast")
    receiver.closed_paths = frozenset({"/slow"})
    receiver.open.clear()
    told = AT_ONCE_EACH_MAX + 4
    for number in range(told):
        await office.tell(number)
    hub = Hub()
    tasks = [asyncio.create_task(hub.run(office.database)), asyncio.create_task(office.courier().run(hub))]
    await receiver.wait_for(told, "/fast")
    assert len(receiver.ids("/slow")) == AT_ONCE_EACH_MAX
    receiver.open.set()
    await receiver.wait_for(told, "/slow")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_failing_endpoint_is_tried_by_one_at_a_time_until_it_hears_again(
    office: Office, receiver: Receiver
) -> None:
    await office.add_endpoint()
    receiver.answer = lambda heard: Answer(500)
    for number in range(20):
        await office.tell(number)
    courier = office.courier()
    first = await courier.claim()
    assert len(first) == AT_ONCE_EACH_MAX
    await courier.deliver(first[0])
    for claimed in first[1:]:
        await courier.deliver(claimed)
    assert len(await courier.claim()) == 1


async def test_an_event_that_is_too_long_is_refused_where_it_is_told(office: Office) -> None:
    class Long(Counted):
        words: str

    long = EventType("thing.told", "At length.", Long)
    told = Long(number=1, words="a" * BODY_BYTES_MAX)
    async with office.database.begin() as session:
        with pytest.raises(ValueError, match=r"thing\.told"):
            await emit(session, type=long, subject_id=new_id(), data=told, now=office.time())


async def test_a_new_master_key_opens_the_secrets_that_were_sealed_before(office: Office, receiver: Receiver) -> None:
    endpoint_id = await office.add_endpoint()
    former, new = office.key, MasterKey(bytes([1]) * 32)
    async with office.database.begin() as session:
        await endpoints.rotate_secret(session, endpoint_id=endpoint_id, key=former, now=office.time())
        await reseal(session, key=MasterKey(bytes([1]) * 32, [former]))
    office.key = new
    await office.tell(1)
    await office.work()
    assert receiver.heard[0].headers["webhook-signature"].count("v1,") == 2
    office.key = former
    await office.tell(2)
    await office.work()
    assert (await office.deliveries(endpoint_id))[-1].failure == "could_not_be_sent"
