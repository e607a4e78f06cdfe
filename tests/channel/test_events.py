"""Events of devices: each once, and what is missing shows."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from facepay.channel import sequences
from facepay.channel.events import alert_of_missing, forget_events
from facepay.channel.sequences import Numbers, note_sequence
from facepay.kernel.clock import utc_now
from tests.answers import verdict
from tests.channel.line import alerts, event, gate_of, report
from tests.conftest import Clock
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
NONSENSE: list[dict[str, object]] = [
    {"sequence": 0},
    {"kind": "Door opened"},
    {"details": {"note": "\0"}},
    {"details": {"lux": 1e30}},  # what JSONB keeps of it is another number, so that a retry would raise an alarm
    {"happened_at": "9999-12-31T23:59:59-12:00"},
    {"happened_at": "2026-03-02T09:30:00"},
    {"x": 1},
]


async def test_what_is_sent_twice_is_recorded_once(shop: Shop) -> None:
    gate = gate_of(shop)
    first = (await report(shop, gate, event(1), event(2, "door_closed", volts=11.9))).json()
    assert [each["verdict"] for each in first["events"]] == ["recorded", "recorded"]
    again = (await report(shop, gate, event(2, "door_closed", volts=11.9), event(3), event(3))).json()
    assert [each["verdict"] for each in again["events"]] == ["repeated", "recorded", "repeated"]
    assert (again["highest"], again["missing"]) == (3, [])
    assert await alerts(shop) == []
    listed = (await shop.do("GET", f"/v1/devices/{gate[0]}/events"))["items"]
    assert [each["sequence"] for each in listed] == [3, 2, 1]
    assert listed[1]["details"] == {"volts": 11.9}


async def test_a_number_used_twice_for_different_things_is_not_believed(shop: Shop) -> None:
    gate = gate_of(shop)
    await report(shop, gate, event(1, "door_opened"))
    answer = (await report(shop, gate, event(1, "door_closed"), event(2), event(2, at="2026-03-02T09:31:00Z"))).json()
    assert [each["verdict"] for each in answer["events"]] == ["conflicting", "recorded", "conflicting"]
    assert [each["kind"] for each in (await shop.do("GET", f"/v1/devices/{gate[0]}/events"))["items"]] == [
        "door_opened",
        "door_opened",
    ]
    assert await alerts(shop) == [("events_conflicting", "critical", 1)]


async def test_a_forced_door_raises_an_alert_once(shop: Shop) -> None:
    gate = gate_of(shop)
    for _ in range(2):
        await report(shop, gate, event(1, "door_forced"), event(2, "rebooted"))
    assert await alerts(shop) == [("door_forced", "critical", 1)]


async def test_gaps_show_until_late_events_fill_them(shop: Shop, app: FastAPI, clock: Clock) -> None:
    gate, database = gate_of(shop), app.state.database
    answer = (await report(shop, gate, event(2), event(6))).json()
    assert answer["missing"] == [{"first": 1, "last": 1}, {"first": 3, "last": 5}]
    await report(shop, gate, event(1), run="boot-2")  # the device restarts
    await alert_of_missing(database, now=clock() + timedelta(seconds=59))
    assert await alerts(shop) == []
    for _ in range(2):
        await alert_of_missing(database, now=clock() + timedelta(seconds=61))
    assert await alerts(shop) == [("events_missing", "warning", 1)]

    late = (await report(shop, gate, event(4), event(1))).json()
    assert late["missing"] == [{"first": 3, "last": 3}, {"first": 5, "last": 5}]
    new, old = (await shop.do("GET", f"/v1/devices/{gate[0]}/events/runs"))["items"][::-1]
    assert (new["run"], new["missing"], old["run"], old["missing"]) == ("boot-2", [], "boot-1", late["missing"])
    filled = (await report(shop, gate, event(3), event(5))).json()
    assert (filled["highest"], filled["missing"]) == (6, [])
    await alert_of_missing(database, now=clock() + timedelta(hours=1))
    assert await alerts(shop) == [("events_missing", "warning", 1)]


async def test_what_makes_no_sense_is_refused_and_a_device_that_counts_wildly_has_to_begin_anew(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequences, "GAPS_MAX", 3)
    gate = gate_of(shop)
    for nonsense in NONSENSE:
        assert verdict(await report(shop, gate, event(1) | nonsense)) == (422, "invalid_request"), nonsense
    refused = await report(shop, gate, *(event(2 * number) for number in range(1, 5)))
    assert verdict(refused) == (409, "too_many_gaps")
    assert (await report(shop, gate, event(1), run="boot-2")).json()["highest"] == 1


async def test_old_events_are_forgotten_and_the_numbers_of_old_runs(shop: Shop, app: FastAPI, clock: Clock) -> None:
    gate = gate_of(shop)
    for run in ("boot-1", "boot-2"):
        await report(shop, gate, event(1), run=run)
    await forget_events(app.state.database, now=clock() + timedelta(days=91))
    assert (await shop.do("GET", f"/v1/devices/{gate[0]}/events"))["items"] == []
    (last,) = (await shop.do("GET", f"/v1/devices/{gate[0]}/events/runs"))["items"]
    assert (last["run"], last["highest"]) == ("boot-2", 1)


async def test_each_kind_of_report_counts_for_itself(shop: Shop, app: FastAPI) -> None:
    device_id, now = UUID(shop.gate_id), utc_now()
    async with app.state.database.begin() as session:
        for series in ("event", "scale"):
            noted = await note_sequence(
                session, device_id=device_id, run="1", sequences=[1, 2, 2], now=now, series=series
            )
            assert noted.fresh == {1, 2}
        noted = await note_sequence(session, device_id=device_id, run="1", sequences=[2, 4], now=now, series="scale")
        assert noted.fresh == {4}
        assert noted.numbers.missing == (range(3, 4),)


@given(st.lists(st.lists(st.integers(1, 40), max_size=10), max_size=12))
def test_in_whatever_order_numbers_come_each_is_fresh_once_and_the_rest_is_missing(batches: list[list[int]]) -> None:
    numbers, come = Numbers(), set[int]()
    for batch in batches:
        numbers, fresh = numbers.note(batch)
        assert fresh == set(batch) - come
        come |= set(batch)
        assert numbers.highest == max(come, default=0)
        assert [number for gap in numbers.missing for number in gap] == sorted(
            set(range(1, numbers.highest + 1)) - come
        )
        assert all(numbers.missing)
