"""What is done when nobody hears: again, later, and in the end not at all, until staff say so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepay.kernel.ids import new_id
from facepay.webhooks import deliveries, endpoints
from facepay.webhooks.deliveries import oldest_waiting_seconds
from facepay.webhooks.outcomes import FAILING_MAX
from facepay.webhooks.retention import DELETED_FOR, forget_webhooks
from facepay.webhooks.schedule import (
    ATTEMPTS_MAX,
    DELAYS,
    JITTER,
    RETRY_AFTER_MAX,
    delay_after,
    read_retry_after,
)
from tests.webhooks.office import FORGOTTEN, Office
from tests.webhooks.receiver import Answer, Receiver

pytestmark = [pytest.mark.anyio, pytest.mark.one_shop]
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
MISSED_MAX = 10_000


async def test_the_tenth_failure_is_the_last_then_the_next_has_its_turn_and_staff_may_tell_the_dead_again(
    office: Office, receiver: Receiver
) -> None:
    endpoint_id = await office.add_endpoint()
    receiver.answer = lambda heard: Answer(204 if heard.data["number"] == 2 else 500, body=b"no\x00\n  way " * 500)
    await office.tell(1, 2)
    await office.tell(3)
    started = office.time()
    for delay in DELAYS:
        assert await office.work() == 2
        office.time.now += delay - timedelta(milliseconds=1)
        assert await office.work() == 0
        office.time.pass_by(milliseconds=1)
    assert office.time() - started == sum(DELAYS, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)
    assert await office.work() == 3
    assert len(receiver.heard) == 2 * ATTEMPTS_MAX + 1 == 21
    dead, delivered, _ = await office.deliveries(endpoint_id)
    assert await office.states(endpoint_id) == ["dead", "delivered", "dead"]
    assert (dead.state, dead.attempts, dead.status, dead.next_attempt_at) == ("dead", 10, 500, None)
    assert dead.excerpt is not None
    assert dead.excerpt.startswith("no way no way")
    assert len(dead.excerpt) == 500
    assert delivered.state == "delivered"
    value = office.metrics.registry.get_sample_value
    assert value("facepay_webhook_deliveries_total", {"outcome": "failed"}) == 2 * 9
    assert value("facepay_webhook_deliveries_total", {"outcome": "dead"}) == 2

    receiver.answer = lambda heard: Answer()
    for replayed, number in ((1, 1), (1, 3), (0, 3)):  # the dead are told once more, some at a time
        async with office.database.begin() as session:
            queued = await deliveries.replay_since(
                session, endpoint_id=endpoint_id, since=started, most=1, now=office.time()
            )
        assert (queued, await office.work()) == (replayed, replayed)
        assert receiver.heard[-1].data == {"number": number}


async def test_a_receiver_may_ask_for_more_time(office: Office, receiver: Receiver) -> None:
    await office.add_endpoint()
    receiver.answer = lambda heard: Answer(503, headers={"Retry-After": "120"})
    await office.tell(1)
    await office.work()
    office.time.pass_by(seconds=119)
    assert await office.work() == 0
    office.time.pass_by(seconds=1)
    assert await office.work() == 1


@given(
    attempts=st.integers(1, ATTEMPTS_MAX - 1),
    asked=st.none() | st.timedeltas(timedelta(), timedelta(days=4000)),
    share=st.floats(0, 1),
)
def test_no_delay_is_shorter_than_the_schedules_or_longer_than_a_day_and_its_jitter(
    attempts: int, asked: timedelta | None, share: float
) -> None:
    delay = delay_after(attempts, retry_after=asked, uniform=lambda low, high: low + share * (high - low))
    assert delay is not None
    assert DELAYS[attempts - 1] <= delay <= max(RETRY_AFTER_MAX, DELAYS[attempts - 1] * (1 + JITTER))
    if asked is not None:
        assert delay >= min(asked, RETRY_AFTER_MAX)


@given(st.text() | st.integers().map(str) | st.datetimes().map(lambda when: f"{when:%a, %d %b %Y %H:%M:%S} GMT"))
def test_whatever_a_receiver_writes_for_a_time_is_read_or_ignored(text: str) -> None:
    found = read_retry_after(text, now=NOW)
    assert found is None or found >= timedelta()


def test_a_time_to_try_again_may_be_seconds_or_a_date() -> None:
    later = format_datetime(NOW + timedelta(minutes=3), usegmt=True)
    assert read_retry_after("180", now=NOW) == read_retry_after(later, now=NOW) == timedelta(minutes=3)
    assert read_retry_after("soon", now=NOW) is None


async def test_an_endpoint_that_says_it_is_gone_is_left_alone_until_staff_say_otherwise(
    office: Office, receiver: Receiver
) -> None:
    endpoint_id = await office.add_endpoint()
    receiver.answer = lambda heard: Answer(410)
    await office.tell(1, 2)
    assert await office.work() == 1
    (stopped,) = office.stopped
    assert (stopped.endpoint_id, stopped.why) == (endpoint_id, "gone")
    office.time.pass_by(days=2)
    assert await office.work() == 0
    receiver.answer = lambda heard: Answer()
    await office.change(endpoint_id, status="active")
    await office.work()
    assert [each.data["number"] for each in receiver.heard] == [1, 1, 2]


async def test_an_endpoint_that_only_fails_for_five_days_is_stopped(office: Office, receiver: Receiver) -> None:
    endpoint_id = await office.add_endpoint()
    receiver.answer = lambda heard: Answer(204 if heard.data["number"] == 4 else 500)
    failing = new_id()  # what is behind a failure waits
    for number in range(5):  # one success in between, and the five days begin anew
        await office.tell(number, subject_id=None if number == 4 else failing)
        await office.work()
        office.time.pass_by(days=1)
    assert (await office.endpoint(endpoint_id)).failing_since is None
    began = office.time()
    while not office.stopped:
        await office.tell(5, subject_id=failing)
        await office.work()
        assert office.time() - began <= FAILING_MAX
        office.time.pass_by(days=1)
    assert office.time() - began > FAILING_MAX
    assert office.stopped[0].why == (await office.endpoint(endpoint_id)).status == "failing"
    heard = len(receiver.heard)
    office.time.pass_by(days=1)
    assert await office.work() == 0
    receiver.answer = lambda heard: Answer()
    await office.change(endpoint_id, status="active")
    await office.work()
    assert len(receiver.heard) > heard
    assert (await office.endpoint(endpoint_id)).failing_since is None


async def test_what_comes_while_an_endpoint_is_paused_is_sent_when_it_goes_on(
    office: Office, receiver: Receiver
) -> None:
    endpoint_id = await office.add_endpoint()
    await office.change(endpoint_id, status="paused")
    await office.tell(1, 2)
    assert await office.work() == 0
    async with office.database.begin() as session:
        assert await oldest_waiting_seconds(session, now=office.time()) == 0
    await office.change(endpoint_id, status="active")
    async with office.database.begin() as session:
        assert await oldest_waiting_seconds(session, now=office.time() + timedelta(minutes=1)) == 60
    assert await office.work() == 2


async def test_nothing_is_sent_to_an_endpoint_that_was_deleted_while_it_failed(
    office: Office, receiver: Receiver
) -> None:
    endpoint_id = await office.add_endpoint()
    receiver.answer = lambda heard: Answer(500)
    await office.tell(1, 2)
    courier = office.courier()
    (claimed,) = await courier.claim()
    async with office.database.begin() as session:
        await endpoints.delete_endpoint(session, endpoint_id=endpoint_id, now=office.time())
    await courier.deliver(claimed)
    office.time.pass_by(hours=1)
    await office.tell(3)
    assert await office.work() == 0
    assert len(await office.deliveries(endpoint_id)) == 2
    office.time.now += DELETED_FOR
    await forget_webhooks(office.database, kept=timedelta(days=30), now=office.time())
    assert await office.deliveries(endpoint_id) == []


async def test_an_endpoint_that_is_added_later_can_be_told_what_it_missed(office: Office, receiver: Receiver) -> None:
    await office.tell(1)
    office.time.pass_by(hours=1)
    since = office.time()
    await office.tell(2, 3)
    await office.tell(4, type=FORGOTTEN)
    endpoint_id = await office.add_endpoint(types=["thing.counted"])
    await office.tell(5)
    await office.work()
    assert [each.data["number"] for each in receiver.heard] == [5]
    async with office.database.begin() as session:
        queued = await deliveries.replay_since(
            session, endpoint_id=endpoint_id, since=since, most=MISSED_MAX, now=office.time()
        )
    assert queued == 2
    await office.work()
    assert [each.data["number"] for each in receiver.heard] == [5, 2, 3]


async def test_what_was_delivered_can_be_delivered_once_more(office: Office, receiver: Receiver) -> None:
    endpoint_id = await office.add_endpoint()
    subject_id = new_id()
    await office.tell(1, 2, subject_id=subject_id)
    await office.work()
    (first, _) = await office.deliveries(endpoint_id)
    async with office.database.begin() as session:
        await deliveries.replay(session, endpoint_id=endpoint_id, event_id=first.event_id, now=office.time())
    await office.work()
    assert [each.data["number"] for each in receiver.heard] == [1, 2, 1]
    assert receiver.heard[0].id == receiver.heard[2].id


async def test_what_is_just_being_sent_isnt_replayed_beside_itself(office: Office, receiver: Receiver) -> None:
    endpoint_id = await office.add_endpoint()
    await office.tell(1)
    courier = office.courier()
    (claimed,) = await courier.claim()
    async with office.database.begin() as session:
        await deliveries.replay(session, endpoint_id=endpoint_id, event_id=claimed.event_id, now=office.time())
    await office.change(endpoint_id, status="active")
    assert await office.work() == 0
    await courier.deliver(claimed)
    assert await office.states(endpoint_id) == ["delivered"]


async def test_events_are_kept_a_while_and_then_gone_heard_or_not(office: Office, receiver: Receiver) -> None:
    endpoint_id = await office.add_endpoint()
    await office.tell(1)
    await office.work()
    await office.change(endpoint_id, status="paused")
    await office.tell(2)
    office.time.pass_by(days=29)
    await office.tell(3)
    assert await forget_webhooks(office.database, kept=timedelta(days=30), now=office.time()) == 0
    office.time.pass_by(days=1, seconds=1)
    assert await forget_webhooks(office.database, kept=timedelta(days=30), now=office.time()) == 2
    assert len(await office.deliveries(endpoint_id)) == 1
