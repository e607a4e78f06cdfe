"""Schedules over the API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.answers import verdict
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
OFFICE: dict[str, Any] = {
    "weekly": {"monday": [["08:00", "12:00"], ["13:00", "17:00"]], "friday": [["22:00", "02:00"]]}
}

NONSENSE: tuple[dict[str, Any], ...] = (
    {"weekly": {"monday": [["08:00", "08:00"]]}},
    {"weekly": {"monday": [["08:00", "25:00"]]}},
    {"weekly": {"someday": []}},
    {"weekly": {"monday": [["08:00", "09:00", "10:00"]]}},
    {"weekly": {"monday": [["08:00", "09:00"]] * 13}},
    {"special_days": {"2026-02-30": []}},
    {"special_days": {"0001-01-01": []}},
    {"special_days": {"9999-12-31": []}},
    {"hours": {}},
)


async def add(shop: Shop, name: str = "Office", timetable: dict[str, Any] = OFFICE) -> dict[str, Any]:
    body = {"name": name, "timetable": timetable}
    added: dict[str, Any] = await shop.do("POST", f"/v1/stores/{shop.store_id}/schedules", json=body)
    return added


async def test_a_schedule_is_added_seen_and_listed_as_it_was_sent(shop: Shop) -> None:
    added = await add(shop)
    assert added["timetable"] == OFFICE | {"special_days": {}}
    assert (added["version"], added["store_id"]) == (1, shop.store_id)
    assert await shop.do("GET", f"/v1/schedules/{added['id']}") == added
    other = await add(shop, "Nights", {"special_days": {"2026-12-25": []}})
    listed = await shop.do("GET", f"/v1/stores/{shop.store_id}/schedules")
    assert listed["items"] == [other, added]


async def test_another_timetable_is_another_version_and_another_name_is_not(shop: Shop) -> None:
    path = f"/v1/schedules/{(await add(shop))['id']}"
    assert (await shop.do("PATCH", path, json={"name": "Days"}))["version"] == 1
    assert (await shop.do("PATCH", path, json={"timetable": OFFICE}))["version"] == 1
    changed = await shop.do("PATCH", path, json={"timetable": {"weekly": {}}})
    assert (changed["name"], changed["version"], changed["timetable"]["weekly"]) == ("Days", 2, {})


async def test_a_name_is_taken_once_in_each_store(shop: Shop) -> None:
    await add(shop)
    path = f"/v1/stores/{shop.store_id}/schedules"
    taken = (409, "schedule_name_taken")
    again = await shop.client.post(path, json={"name": "Office", "timetable": {}}, headers=shop.staff)
    assert verdict(again) == taken
    other = await add(shop, "Other")
    renamed = await shop.client.patch(f"/v1/schedules/{other['id']}", json={"name": "Office"}, headers=shop.staff)
    assert verdict(renamed) == taken
    store = await shop.do("POST", "/v1/stores", json={"name": "West Lake", "code": "WEST"})
    await shop.do("POST", f"/v1/stores/{store['id']}/schedules", json={"name": "Office", "timetable": {}})


async def test_what_makes_no_sense_is_refused(shop: Shop) -> None:
    path = f"/v1/stores/{shop.store_id}/schedules"
    for timetable in NONSENSE:
        response = await shop.client.post(path, json={"name": "Odd", "timetable": timetable}, headers=shop.staff)
        assert verdict(response) == (422, "invalid_request"), timetable


async def test_the_state_goes_by_the_clock_of_the_store(shop: Shop) -> None:
    """The friday's night ends on saturday; in Berlin it is an hour later than in London."""
    path = f"/v1/schedules/{(await add(shop))['id']}/state"
    await shop.do("PATCH", f"/v1/stores/{shop.store_id}", json={"timezone": "Europe/Berlin"})
    friday = await shop.do("GET", path, params={"at": "2026-06-05T20:00:00Z"})
    assert (friday["covers"], friday["changes_at"]) == (True, "2026-06-06T00:00:00Z")
    before = await shop.do("GET", path, params={"at": "2026-06-05T19:59:59Z"})
    assert (before["covers"], before["changes_at"]) == (False, "2026-06-05T20:00:00Z")
    await shop.do("PATCH", f"/v1/stores/{shop.store_id}", json={"timezone": "Europe/London"})
    london = await shop.do("GET", path, params={"at": "2026-06-05T20:00:00Z"})
    assert (london["covers"], london["timezone"]) == (False, "Europe/London")
    never = await shop.do("GET", f"/v1/schedules/{(await add(shop, 'Never', {}))['id']}/state")
    assert (never["covers"], never["changes_at"]) == (False, None)


async def test_an_unknown_schedule_and_a_closed_store(shop: Shop) -> None:
    unknown = await shop.client.get(f"/v1/schedules/{shop.store_id}", headers=shop.staff)
    assert verdict(unknown) == (404, "schedule_not_found")
    await shop.do("DELETE", f"/v1/stores/{shop.store_id}")
    path = f"/v1/stores/{shop.store_id}/schedules"
    late = await shop.client.post(path, json={"name": "Late", "timetable": {}}, headers=shop.staff)
    assert verdict(late) == (409, "store_closed")
