"""Tickets on their way through the kitchen."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from facepay.kernel.clock import utc_now
from facepay.kitchen.moves import advance
from facepay.kitchen.tickets import TicketState
from facepay.kitchen.upkeep import alert_of_late, lapse_tickets
from tests.answers import verdict
from tests.channel.line import alerts
from tests.conftest import Clock
from tests.kitchen.cook import NOODLES, SOUP, Kitchen
from tests.locks import somebody_waits

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
ELSEWHERE = (409, "ticket_elsewhere")


async def test_a_dish_is_begun_made_called_out_and_collected_and_its_buyer_hears_of_it(kitchen: Kitchen) -> None:
    member = await kitchen.member()
    number = (await kitchen.order(member=member)).pickup_number
    ticket = await kitchen.ticket(number)
    assert (ticket["state"], ticket["started_at"], ticket["ready_at"]) == ("received", None, None)
    assert await kitchen.counter.told(member) == []
    await kitchen.bring_to(ticket["id"], "ready")
    assert await kitchen.counter.told(member) == ["dishes_ready"]
    (notice,) = (await kitchen.shop.do("GET", f"/v1/members/{member}/notices"))["items"]
    assert notice["details"] == {"pickup_number": number}
    await kitchen.press(ticket["id"], "collect")
    assert await kitchen.tickets() == []
    (record,) = await kitchen.recorded("collected")
    assert {record["started_by"], record["ready_by"], record["ended_by"]} == {f"device:{kitchen.screen_id}"}
    assert record["received_at"] < record["started_at"] < record["ready_at"] < record["ended_at"]


async def test_no_step_is_left_out_and_none_is_taken_twice_by_however_many_cooks(kitchen: Kitchen) -> None:
    member = await kitchen.member()
    await kitchen.order(member=member)
    (ticket,) = await kitchen.tickets()
    assert verdict(await kitchen.press(ticket["id"], "ready")) == ELSEWHERE
    assert verdict(await kitchen.press(ticket["id"], "collect")) == ELSEWHERE
    for step, state in (("start", "preparing"), ("ready", "ready")):
        pressed = await asyncio.gather(*(kitchen.press(ticket["id"], step) for _ in range(4)))
        assert {each.text for each in pressed} == {pressed[0].text}
        assert pressed[0].json()["state"] == state
    assert await kitchen.counter.told(member) == ["dishes_ready"]
    refused = await kitchen.press(ticket["id"], "start")
    assert verdict(refused) == ELSEWHERE
    assert refused.json()["state"] == "ready"


async def test_what_was_pressed_by_mistake_is_taken_back_one_step_however_often_it_is_pressed(kitchen: Kitchen) -> None:
    await kitchen.order()
    (ticket,) = await kitchen.tickets()
    assert verdict(await kitchen.press(ticket["id"], "recall", state="ready")) == ELSEWHERE
    await kitchen.bring_to(ticket["id"], "collected")
    for seen, back in (("collected", "ready"), ("ready", "preparing"), ("preparing", "received")):
        answers = await asyncio.gather(*(kitchen.press(ticket["id"], "recall", state=seen) for _ in range(3)))
        assert {each.json()["state"] for each in answers} == {back}
    assert await kitchen.tickets() == [ticket]


async def test_staff_move_tickets_too_and_only_their_own_stores(kitchen: Kitchen) -> None:
    await kitchen.order()
    (ticket,) = (await kitchen.shop.do("GET", f"{kitchen.path}/tickets"))["items"]
    path = f"{kitchen.path}/tickets/{ticket['id']}"
    moved = await kitchen.shop.do("POST", f"{path}/start")
    assert moved["started_by"].startswith("staff:")
    assert (await kitchen.shop.do("POST", f"{path}/recall", json={"state": "preparing"}))["started_by"] is None

    other = (await kitchen.shop.do("POST", "/v1/stores", json={"name": "Other", "code": "OTHER"}))["id"]
    elsewhere = f"/v1/stores/{other}/tickets/{ticket['id']}/start"
    assert verdict(await kitchen.shop.client.post(elsewhere, headers=kitchen.shop.staff)) == (404, "ticket_not_found")
    _, screen = await kitchen.shop.add_device("kitchen", other)
    answer = await kitchen.shop.client.get(f"{kitchen.path}/kitchen/tickets", headers=screen)
    assert verdict(answer) == (403, "device_of_other_store")
    _, display = await kitchen.shop.add_device("display")
    answer = await kitchen.shop.client.get(f"{kitchen.path}/kitchen/tickets", headers=display)
    assert verdict(answer) == (403, "insufficient_scope")


async def test_the_screen_lists_the_oldest_first_page_by_page(kitchen: Kitchen) -> None:
    numbers = [(await kitchen.order()).pickup_number for _ in range(5)]
    first = await kitchen.see("/kitchen/tickets?limit=3")
    second = await kitchen.see(f"/kitchen/tickets?limit=3&cursor={first['next_cursor']}")
    assert [each["number"] for each in first["items"] + second["items"]] == numbers
    assert second["next_cursor"] is None


async def test_a_cancelled_order_is_not_cooked_on_and_whoever_cooks_it_sees_that(
    kitchen: Kitchen, clock: Clock
) -> None:
    waiting, begun, collected = [await kitchen.order() for _ in range(3)]
    await kitchen.bring_to((await kitchen.ticket(begun.pickup_number))["id"], "preparing")
    await kitchen.bring_to((await kitchen.ticket(collected.pickup_number))["id"], "collected")
    for order in (waiting, begun, collected):
        await kitchen.counter.cancelled(order.id, goods_kept=order is begun)
    (left,) = await kitchen.tickets()
    assert (left["number"], left["state"], left["dishes"][0]["taken_back"]) == (begun.pickup_number, "cancelled", 1)
    assert verdict(await kitchen.press(left["id"], "ready")) == ELSEWHERE
    clock.ahead += timedelta(minutes=6)
    assert await kitchen.tickets() == []
    (record,) = await kitchen.recorded("collected")  # and can't be handed out once more
    assert verdict(await kitchen.press(record["id"], "recall", state="collected")) == ELSEWHERE


async def test_a_dish_that_is_taken_back_is_marked_and_the_last_one_cancels_the_ticket(kitchen: Kitchen) -> None:
    order = await kitchen.order({NOODLES: 2, SOUP: 1, "TEA-001": 1})
    await kitchen.counter.returned(order.id, {NOODLES: 1, "TEA-001": 1})
    (ticket,) = await kitchen.tickets()
    assert [dish["taken_back"] for dish in ticket["dishes"]] == [1, 0]
    assert (await kitchen.counter.ask(order.id, "refunds", amount=100)).status_code == 201
    assert await kitchen.tickets() == [ticket]
    await kitchen.counter.returned(order.id, {NOODLES: 1, SOUP: 1})
    assert await kitchen.tickets() == []
    assert [each["number"] for each in await kitchen.recorded("cancelled")] == [order.pickup_number]

    refunded = await kitchen.order()
    assert (await kitchen.counter.ask(refunded.id, "refunds")).status_code == 201  # of everything, and so of the dishes
    assert await kitchen.tickets() == []


async def test_who_cancels_while_somebody_begins_to_cook_is_heard_by_both(kitchen: Kitchen) -> None:
    order, next_one = [await kitchen.order() for _ in range(2)]
    ticket, next_ticket = await kitchen.tickets()
    cancelled, pressed = await asyncio.gather(kitchen.counter.cancelled(order.id), kitchen.press(ticket["id"], "start"))
    assert cancelled["kind"] == "cancellation"
    assert pressed.status_code in (200, 409)
    (record,) = await kitchen.recorded("cancelled")
    assert (record["started_at"] is not None) == (pressed.status_code == 200)

    async with kitchen.database.begin() as session:  # the cook is first
        await advance(
            session,
            store_id=UUID(kitchen.shop.store_id),
            ticket_id=UUID(next_ticket["id"]),
            to=TicketState.PREPARING,
            by="cook",
            now=utc_now(),
        )
        cancelling = asyncio.create_task(kitchen.counter.cancelled(next_one.id))
        await somebody_waits(kitchen.database)
    await cancelling
    assert (await kitchen.recorded("cancelled"))[1]["started_by"] == "cook"


async def test_staff_hear_once_of_a_ticket_that_waits_too_long(kitchen: Kitchen) -> None:
    for _ in range(2):
        await kitchen.order()
    late, ready = await kitchen.tickets()
    await kitchen.bring_to(ready["id"], "ready")
    for minutes, count in ((19, 0), (21, 1), (22, 0)):
        now = utc_now() + timedelta(minutes=minutes)
        assert await alert_of_late(kitchen.database, settings=kitchen.settings, now=now) == count
    assert await alerts(kitchen.shop) == [("ticket_late", "warning", 1)]
    (alert,) = (await kitchen.shop.do("GET", f"{kitchen.path}/alerts"))["items"]
    assert alert["details"] == {"number": late["number"], "state": "received"}


async def test_what_nobody_came_for_is_closed_when_its_day_is_over_unless_it_is_fresh(kitchen: Kitchen) -> None:
    await kitchen.shop.do("PATCH", kitchen.path, json={"timezone": "Asia/Shanghai"})
    midnight = utc_now().replace(hour=16, minute=0, second=0, microsecond=0) - timedelta(days=2)
    old = [await kitchen.order(now=midnight - timedelta(hours=3)) for _ in range(2)]
    fresh = await kitchen.order(now=midnight - timedelta(minutes=10))
    (ready,) = [each for each in await kitchen.tickets() if each["number"] == old[0].pickup_number]
    await kitchen.bring_to(ready["id"], "ready")
    assert await lapse_tickets(kitchen.database, now=midnight - timedelta(seconds=1)) == 0
    assert await lapse_tickets(kitchen.database, now=midnight) == 2
    assert [each["number"] for each in await kitchen.tickets()] == [fresh.pickup_number]
    assert {each["ended_by"] for each in await kitchen.recorded("lapsed")} == {"system:kitchen"}
    assert await alerts(kitchen.shop) == [("ticket_lapsed", "info", 1), ("ticket_lapsed", "warning", 1)]
    assert verdict(await kitchen.press(ready["id"], "collect")) == ELSEWHERE
