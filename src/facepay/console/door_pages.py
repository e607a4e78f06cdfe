"""Doors: how they stand, what opens them and for whom, the zones behind them, hours, and emergencies."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Form, Response

from facepay.console.pages import Console, console, pages
from facepay.kernel.paging import PAGE_MAX

SAID_BY_VALUE = {
    *("closed", "forced", "held_open", "unknown", "locked", "unlocked"),
    *("release", "lockdown"),
    *("none", "soft", "hard", "timed"),
    *("face", "badge", "fingerprint", "pin", "invitation"),
    *("employee", "contractor", "visitor", "customer"),
    *("allow", "deny"),
    *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
}
# What a page about a store's doors names by its id.
NAMED = ("zones", "authentication-policies", "access-profiles", "schedules", "access-points")

router = pages()
Reader = Annotated[Console, Depends(console("stores:read", "access:read"))]
ScheduleReader = Annotated[Console, Depends(console("stores:read"))]
Warden = Annotated[Console, Depends(console("emergency:act"))]
Typed = Annotated[str, Form(max_length=200)]


async def all_of(console: Console, path: str) -> Any:
    """A list that people set up by hand: one page holds all that a store has of it."""
    return (await console.api.get(path, limit=PAGE_MAX))["items"]


def named(items: Any) -> dict[str, str]:
    return {each["id"]: each["name"] for each in items}


@router.get("/stores/{store_id}/doors")
async def see_doors(console: Reader, store_id: UUID) -> Response:
    path = f"/v1/stores/{store_id}"
    zones, policies, profiles, schedules, points = [await all_of(console, f"{path}/{each}") for each in NAMED]
    return console.show(
        "doors.html",
        store=await console.api.get(path),
        doors=await all_of(console, f"{path}/doors"),
        emergencies=(await console.api.get(f"{path}/emergencies", live=True))["items"],
        inside=await console.api.get(f"{path}/muster"),
        points=points,
        zones=zones,
        policies=policies,
        profiles=profiles,
        zone_names=named(zones),
        policy_names=named(policies),
        schedule_names=named(schedules),
        point_names=named(points),
        may_act=console.may("emergency:act"),
        may_tell=console.may("devices:command"),
    )


@router.get("/stores/{store_id}/schedules")
async def see_schedules(console: ScheduleReader, store_id: UUID) -> Response:
    schedules = await all_of(console, f"/v1/stores/{store_id}/schedules")
    states = {each["id"]: await console.api.get(f"/v1/schedules/{each['id']}/state") for each in schedules}
    store = await console.api.get(f"/v1/stores/{store_id}")
    return console.show("schedules.html", store=store, schedules=schedules, states=states)


@router.post("/stores/{store_id}/emergencies")
async def declare(console: Warden, store_id: UUID, kind: Typed, reason: Typed = "", zone_id: Typed = "") -> Response:
    body = {"kind": kind, "reason": reason, "zone_id": zone_id or None}
    await console.api.send("POST", f"/v1/stores/{store_id}/emergencies", body)
    return console.back(f"/stores/{store_id}/doors", "All doors are being told.")


@router.post("/emergencies/{emergency_id}/end")
async def end(console: Warden, emergency_id: UUID, why: Typed = "") -> Response:
    ended = await console.api.send("POST", f"/v1/emergencies/{emergency_id}/end", {"why": why})
    return console.back(f"/stores/{ended['store_id']}/doors", "The emergency has ended.")
