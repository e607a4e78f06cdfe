"""What a shelf reports is counted once, however late, however often, and in whatever order it comes."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import Clock, OpenShop
from tests.shelves.office import Office
from tests.shelves.shelf import FULL, GRAMS, Shelf, go_out, let_in
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
HOUR = timedelta(hours=1)
DAY_MINUTES = 1440


async def alerts(shop: Shop) -> dict[str, dict[str, object]]:
    """The details of the last of each kind."""
    found = await shop.do("GET", f"/v1/stores/{shop.store_id}/alerts")
    return {alert["kind"]: alert["details"] for alert in found["items"]}


async def test_what_is_taken_is_in_the_basket_and_out_of_the_slot(shop: Shop) -> None:
    _, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    assert await shelf.tell(shelf.event("A1", -1024.6), shelf.event("A2", -129.0)) == ["take", "take"]
    assert await shelf.basket(visit) == {"TEA-001": (2, 2), "BAO-002": (1, 1)}
    assert await shelf.tell(shelf.event("A1", 511.0)) == ["put_back"]
    assert await shelf.basket(visit) == {"TEA-001": (1, 1), "BAO-002": (1, 1)}
    assert await shelf.lying() == {"TEA-001": FULL - 1, "BAO-002": FULL - 1, "UMB-003": FULL}
    assert await shelf.tell(shelf.event("A1", 130.0)) == ["put_back"], "in the wrong slot"
    assert await shelf.basket(visit) == {"TEA-001": (1, 1)}
    assert (await alerts(shop))["misplaced_goods"]["slot"] == "A1"
    assert await shelf.tell(shelf.event("Z9", -512.0)) == ["unknown_slot"], "which no planogram knows"
    assert (await alerts(shop))["unknown_slot"]["slot"] == "Z9"
    assert await shelf.basket(visit) == {"TEA-001": (1, 1)}


async def test_the_same_event_counts_once_in_a_run_even_at_once_and_in_any_order(shop: Shop) -> None:
    _, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    take, back = shelf.event("A3", -410.0), shelf.event("A3", 410.0)
    await shelf.tell(back)
    await shelf.tell(take)
    assert await shelf.basket(visit) == {}
    assert (await shelf.lying())["UMB-003"] in (FULL - 1, FULL)

    take = shelf.event("A1", -512.0)
    answers = [answer.json() for answer in await asyncio.gather(*(shelf.post(take) for _ in range(4)))]
    assert sorted(answer["accepted"] for answer in answers) == [0, 0, 0, 1]
    again = (await shelf.post(take, shelf.event("A2", -130.0))).json()
    assert (again["accepted"], again["repeated"]) == (1, 1)
    assert await shelf.basket(visit) == {"TEA-001": (1, 1), "BAO-002": (1, 1)}
    assert (await shelf.lying())["TEA-001"] == FULL - 1
    shelf.run = "after-a-restart"
    await shelf.tell(take)
    assert (await shelf.basket(visit))["TEA-001"] == (2, 2)


async def test_events_hours_late_are_judged_by_who_was_inside_then(open_shop: OpenShop, clock: Clock) -> None:
    shop = await open_shop(admin_token_minutes=DAY_MINUTES)
    _, first = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    late = shelf.event("A1", -512.0)
    await go_out(shop, first)
    clock.ahead = 3 * HOUR
    _, second = await let_in(shop)
    await shelf.tell(late)
    assert await shelf.basket(first) == {"TEA-001": (1, 1)}
    assert await shelf.basket(second) == {}


async def test_events_are_judged_by_the_planogram_that_was_in_force(shop: Shop) -> None:
    _, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    take = shelf.event("A1", -512.0)
    umbrellas = {"sku": "UMB-003", "unit_weight_grams": 512.0, "tolerance_grams": 2.0, "full_quantity": 5}
    slots = [{"code": code, "noise_grams": 2.0, "goods": [umbrellas]} for code in ("A1", "B1")]
    await shop.do("PUT", f"/v1/devices/{shelf.id}/planogram", json={"slots": slots})
    await shelf.tell(take, shelf.event("A1", -512.0))
    assert await shelf.basket(visit) == {"TEA-001": (1, 1), "UMB-003": (1, 1)}
    never_counted = [shelf.event("B1", -512.0) for _ in range(4)]
    assert await shelf.tell(*never_counted) == ["take"] * 4, "it is weighed all the same"
    assert await shelf.basket(visit) == {"TEA-001": (1, 1), "UMB-003": (5, 5)}


async def test_a_device_whose_clock_is_wrong_is_set_right_by_its_heartbeat_and_tells_of_nothing_to_come(
    shop: Shop,
) -> None:
    _, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    await shelf.tell(shelf.event("A1", -512.0, ago=-HOUR))
    assert await shelf.basket(visit) == {"TEA-001": (1, 1)}
    (event,) = (await shop.do("GET", f"/v1/stores/{shop.store_id}/shelf-events"))["items"]
    assert datetime.fromisoformat(event["at"]) <= datetime.now(UTC)

    slow = datetime.now(UTC) - HOUR
    beat = await shop.client.post(
        f"/v1/devices/{shelf.id}/heartbeats", json={"sent_at": slow.isoformat()}, headers=shelf.headers
    )
    assert beat.is_success, beat.text
    await shelf.tell(shelf.event("A1", -512.0, ago=HOUR))
    assert await shelf.basket(visit) == {"TEA-001": (2, 2)}


async def test_a_slot_may_be_emptied_at_once(shop: Shop) -> None:
    _, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop, restock_below=3)
    counted = f"/v1/shelves/{shelf.id}/slots/A1/pieces"
    await shop.do("PUT", counted, json={"pieces": {"TEA-001": FULL - 2}})
    assert (await shelf.lying())["TEA-001"] == FULL - 2
    assert await shelf.tell(shelf.event("A1", -(FULL - 2) * 512.0 + 4)) == ["take"]
    sure, possible = (await shelf.basket(visit))["TEA-001"]
    assert possible == FULL - 2
    assert sure in (0, FULL - 2)
    assert (await shelf.lying())["TEA-001"] == 0
    assert (await alerts(shop))["restock"]["pieces"] == 0


async def test_a_day_of_drift_takes_nothing(open_shop: OpenShop, clock: Clock) -> None:
    shop = await open_shop(admin_token_minutes=DAY_MINUTES)
    _, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    clock.ahead = timedelta(hours=20)
    hours = [shelf.event("A2", grams, ago=-hour * HOUR) for hour, grams in enumerate([-6.1, 2.2, -5.0, -4.6] * 5)]
    assert set(await shelf.tell(*hours)) == {"drift"}
    creeping = shelf.event("A2", -130.0, hand=False, took_ms=600_000)
    assert await shelf.tell(creeping) == ["drift"]
    assert await shelf.basket(visit) == {}
    assert (await shelf.lying())["BAO-002"] == FULL


async def test_what_nobody_reached_for_is_in_doubt(shop: Shop) -> None:
    _, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    await shelf.tell(shelf.event("A1", -512.0, hand=False))
    assert await shelf.basket(visit) == {"TEA-001": (0, 1)}
    assert await shelf.reviews() == []
    await shelf.tell(shelf.event("A3", -410.0, hand=False))
    (review,) = await shelf.reviews()
    assert (review["sku"], review["quantity"], review["visit_id"]) == ("UMB-003", 1, visit)
    assert review["sources"]["hand"] == "not_seen"


async def test_of_two_inside_nobody_is_charged_for_what_either_may_have_taken(shop: Shop) -> None:
    _, one = await let_in(shop)
    _, two = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    await shelf.tell(shelf.event("A1", -512.0), shelf.event("A3", -410.0))
    assert await shelf.basket(one) == await shelf.basket(two) == {}
    (review,) = await shelf.reviews()  # the tea is given up: it costs less than the rule's limit
    assert (review["sku"], review["visit_id"], review["sources"]["who"]) == ("UMB-003", None, "ambiguous")


async def test_what_staff_fill_up_is_in_no_basket(shop: Shop) -> None:
    _, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    await shelf.tell(shelf.event("A1", -512.0 * 4))
    restock = await shop.do("POST", f"/v1/shelves/{shelf.id}/restocks", json={"slots": ["A1"]})
    assert await shelf.tell(shelf.event("A1", 512.0 * 4)) == ["restock"]
    await shop.do("DELETE", f"/v1/shelves/{shelf.id}/restocks/{restock['id']}")
    assert await shelf.basket(visit) == {"TEA-001": (4, 4)}
    assert (await shelf.lying())["TEA-001"] == FULL
    assert await shelf.tell(shelf.event("A1", 512.0)) == ["put_back"]


async def test_a_visit_may_end_while_its_take_is_told(shop: Shop) -> None:
    member, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    take, leaving = shelf.event("A1", -512.0), (await shop.issue_pass(member))["pass"]
    left, told = await asyncio.gather(shop.pass_at_gate(leaving, "exits"), shelf.post(take))
    assert (left.json()["code"], told.json()["findings"][0]["finding"]) == ("goodbye", "take")
    assert await shelf.basket(visit) == {"TEA-001": (1, 1)}


async def test_two_shelves_may_tell_of_a_visit_while_it_pays(shop: Shop, office: Office) -> None:
    _, visit = await let_in(shop)
    one, two = await Shelf.put_up(shop), await Shelf.put_up(shop)
    told = [shelf.post(shelf.event("A1", -512.0), shelf.event("A2", -130.0)) for _ in range(3) for shelf in (one, two)]
    answers, _ = await asyncio.gather(asyncio.gather(*told), office.pay(visit))
    assert [answer.status_code for answer in answers] == [200] * 6
    await office.settle()
    await office.pay(visit)
    sold = Counter[str]()
    for order in (await shop.do("GET", "/v1/orders"))["items"]:
        sold.update({line["sku"]: line["quantity"] for line in order["lines"]})
    assert sold == {"TEA-001": 6, "BAO-002": 6}
    lying = Counter(await one.lying()) + Counter(await two.lying())
    assert lying == {"TEA-001": 2 * FULL - 6, "BAO-002": 2 * FULL - 6, "UMB-003": 2 * FULL}


async def test_a_shelf_speaks_for_itself_only_and_not_once_it_is_revoked(shop: Shop) -> None:
    mine, other = await Shelf.put_up(shop), await Shelf.put_up(shop)
    other.headers = mine.headers
    assert (await other.post(other.event("A1", -512.0))).json()["code"] == "device_of_other_store"
    other.headers = shop.kiosk
    assert (await other.post(other.event("A1", -512.0))).json()["code"] == "insufficient_scope"
    await shop.do("DELETE", f"/v1/devices/{mine.id}")
    assert (await mine.post(mine.event("A1", -512.0))).status_code == 401


NONSENSE: list[dict[str, object]] = [
    {"delta_grams": "NaN"},
    {"delta_grams": 1e9},
    {"sequence": 0},
    {"slot": "A 1"},
    {"at": "2026-01-01T00:00:00"},
    {"noise_grams": -1},
    {"weight": 3},
]


async def test_what_makes_no_sense_is_refused_whole(shop: Shop) -> None:
    shelf = await Shelf.put_up(shop)
    for wrong in NONSENSE:
        response = await shelf.post(shelf.event("A1", -512.0) | wrong)
        assert (response.status_code, response.json()["code"]) == (422, "invalid_request"), wrong
    take = shelf.event("A1", -GRAMS["TEA-001"])
    for events in ([take, take], [shelf.event("A1", -1.0) for _ in range(201)], []):
        assert (await shelf.post(*events)).status_code == 422
