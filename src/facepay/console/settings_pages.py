"""What holds in a store: its name and hours, its house rules, its limits, and what it does without network."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Response

from facepay.console.fields import Fields, counted, major_units, minor_units
from facepay.console.pages import Console, console, pages
from facepay.offline.documents import Mode
from facepay.schedules.timetables import WEEKDAYS

# Words of the API that these pages show by their value, or as the names of its fields.
RULES_COUNTED = {
    "capacity_max": "How many people may be inside",
    "stay_max_minutes": "Longest stay (minutes)",
    "still_max_minutes": "Nothing moves while somebody is inside, for at most (minutes)",
    "silent_after_seconds": "A device is silent after (seconds)",
    "closing_notice_minutes": "Say that it closes soon, before closing (minutes)",
    "closing_grace_minutes": "Time to leave after closing (minutes)",
    "refusals_max": "Alert after so many refusals at one gate",
    "refusals_within_minutes": "Refusals are counted within (minutes)",
}
RULES_SWITCHED = {
    "one_party_at_a_time": "One party at a time",
    "face_must_show": "Nobody comes in with their face covered",
    "entries_offline": "Gates without network let signed passes in, though they can't count people then",
    "tailgating_watched": "Raise an alert when more people come in than were recognised",
}
LIMITS_MONEY = {
    "payment_max": "Most for one payment",
    "daily_spend_max": "Most a member spends in a day, in all stores",
    "store_daily_spend_max": "Most a member spends in a day, in this store",
    "step_up_above": "Ask for a PIN above",
}
LIMITS_COUNTED = {"ten_minute_payments_max": "Most payments of a member in ten minutes"}
MODES = {
    Mode.DENY: "Let nobody in and sell nothing",
    Mode.ALLOW_SIGNED_PASS: "Trust passes that members carry",
}
DAYS = {day: day.capitalize() for day in WEEKDAYS}
SAID = (DAYS, RULES_COUNTED, RULES_SWITCHED, LIMITS_MONEY, LIMITS_COUNTED, MODES)
SAID_BY_VALUE = frozenset(words for each in SAID for words in each.values()) | {
    "Guests a member may bring",
    "Most in all by one pass at one device",
}
router = pages("/stores/{store_id}/settings")
Reader = Annotated[Console, Depends(console("stores:read"))]
Writer = Annotated[Console, Depends(console("stores:read", "stores:write"))]
Guarding = Annotated[Console, Depends(console("stores:read", "security:write"))]
Paying = Annotated[Console, Depends(console("stores:read", "wallet:write"))]


@router.get("")
async def see_settings(console: Reader, store_id: UUID) -> Response:
    path = f"/v1/stores/{store_id}"
    store = await console.api.get(path)
    return console.show(
        "settings.html",
        store=store,
        schedules=(await console.api.get(f"{path}/schedules", limit=100))["items"],
        rules=await console.api.get(f"{path}/house-rules") if console.may("security:read") else None,
        limits=await console.api.get(f"{path}/limits") if console.may("wallet:read") else None,
        policy=None if store["closed_at"] else await console.api.get(f"{path}/offline-policy"),
        weekdays=DAYS,
        rules_counted=RULES_COUNTED,
        rules_switched=RULES_SWITCHED,
        limits_money=LIMITS_MONEY,
        limits_counted=LIMITS_COUNTED,
        modes=MODES,
        major_units=major_units,
    )


@router.post("")
async def change_store(console: Writer, store_id: UUID, fields: Fields) -> Response:
    body = {
        "name": fields.get("name"),
        "timezone": fields.get("timezone"),
        "address": fields.get("address") or None,
        "region": fields.get("region") or None,
        "guests_max": counted(fields.get("guests_max", "")),
    }
    await console.api.send("PATCH", f"/v1/stores/{store_id}", body)
    return _saved(console, store_id)


@router.post("/rules")
async def set_rules(console: Guarding, store_id: UUID, fields: Fields) -> Response:
    body: dict[str, Any] = {name: counted(fields.get(name, "")) for name in RULES_COUNTED}
    body |= {name: name in fields for name in RULES_SWITCHED}
    body["opening_schedule_id"] = fields.get("opening_schedule_id") or None
    await console.api.send("PUT", f"/v1/stores/{store_id}/house-rules", body)
    return _saved(console, store_id)


@router.post("/limits")
async def set_limits(console: Paying, store_id: UUID, fields: Fields) -> Response:
    currency = await _currency(console, store_id)
    body = {name: minor_units(fields.get(name, ""), currency) for name in LIMITS_MONEY}
    body |= {name: counted(fields.get(name, "")) for name in LIMITS_COUNTED}
    await console.api.send("PUT", f"/v1/stores/{store_id}/limits", body)
    return _saved(console, store_id)


@router.post("/offline")
async def set_policy(console: Writer, store_id: UUID, fields: Fields) -> Response:
    currency = await _currency(console, store_id)
    amounts = {name: minor_units(fields.get(name, ""), currency) or 0 for name in ("payment_max", "pass_max")}
    body = {"mode": fields.get("mode"), **amounts}
    await console.api.send("PUT", f"/v1/stores/{store_id}/offline-policy", body)
    return _saved(console, store_id)


@router.post("/schedules")
async def add_schedule(console: Writer, store_id: UUID, fields: Fields) -> Response:
    body = {"name": fields.get("name"), "timetable": {"weekly": _weekly(fields)}}
    await console.api.send("POST", f"/v1/stores/{store_id}/schedules", body)
    return _saved(console, store_id)


@router.post("/schedules/{schedule_id}")
async def change_schedule(console: Writer, store_id: UUID, schedule_id: UUID, fields: Fields) -> Response:
    """Its special days stay."""
    special_days = (await console.api.get(f"/v1/schedules/{schedule_id}"))["timetable"]["special_days"]
    timetable = {"weekly": _weekly(fields), "special_days": special_days}
    await console.api.send(
        "PATCH", f"/v1/schedules/{schedule_id}", {"name": fields.get("name"), "timetable": timetable}
    )
    return _saved(console, store_id)


def _weekly(fields: dict[str, str]) -> dict[str, list[list[str]]]:
    """Of `08:00-12:00, 13:00-17:00` for each day; what can't be read so, the API refuses."""
    return {
        day: [[time.strip() for time in interval.split("-")] for interval in hours.split(",")]
        for day in WEEKDAYS
        if (hours := fields.get(day))
    }


async def _currency(console: Console, store_id: UUID) -> str:
    currency: str = (await console.api.get(f"/v1/stores/{store_id}"))["currency"]
    return currency


def _saved(console: Console, store_id: UUID) -> Response:
    return console.back(f"/stores/{store_id}/settings", "Saved.")
