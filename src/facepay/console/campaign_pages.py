"""Campaigns: what a smile wins, what that may cost and has cost, and who has won."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Form, Request, Response

from facepay.console.fields import (
    Fields,
    basis_points,
    counted,
    major_units,
    minor_units,
    moment_in,
    several,
    typed_moment,
)
from facepay.console.pages import Console, console, pages
from facepay.console.people import names_of
from facepay.settings import SettingsOf

STEPS_SHOWN = 3
ACTIVITY = {True: "The campaign goes on.", False: "The campaign is paused."}
SAID_BY_VALUE = {*ACTIVITY.values()}

router = pages("/campaigns")
Reader = Annotated[Console, Depends(console("rewards:read"))]
Writer = Annotated[Console, Depends(console("rewards:read", "rewards:write"))]


async def stores_of(console: Console, *, limit: int = 200) -> dict[str, dict[str, Any]]:
    """By id; their first's time zone is the one in which these pages say when something begins and ends."""
    if not console.may("stores:read"):
        return {}
    return {each["id"]: each for each in (await console.api.get("/v1/stores", limit=limit))["items"]}


def zone_of(stores: dict[str, dict[str, Any]]) -> str:
    return next((str(each["timezone"]) for each in stores.values()), "UTC")


async def chain_zone(console: Console) -> str:
    """`zone_of` all of them, where nothing else of them is asked for."""
    return zone_of(await stores_of(console, limit=1))


def changes_of(typed: dict[str, str], currency: str, zone: str) -> dict[str, Any]:
    """What campaigns and coupons can change later."""
    return {
        "budget": minor_units(typed.get("budget", ""), currency),
        "ends_at": moment_in(zone, typed.get("ends_at", "")),
        "per_member_max": counted(typed.get("per_member_max", "")),
    }


def goods_of(typed: dict[str, str], currency: str) -> dict[str, Any]:
    """What both hold for from the start."""
    return {
        "min_basket": minor_units(typed.get("min_basket", "") or "0", currency),
        "skus": several(typed.get("skus", "")),
        "categories": several(typed.get("categories", "")),
        "stacks_with_tier": "stacks_with_tier" in typed,
        "stacks_with_coupons": "stacks_with_coupons" in typed,
    }


@router.get("")
async def see_campaigns(console: Reader, settings: SettingsOf, cursor: UUID | None = None) -> Response:
    stores = await stores_of(console)
    return console.show(
        "campaigns.html",
        campaigns=await console.api.get("/v1/campaigns", cursor=cursor),
        stores=stores,
        zone=zone_of(stores),
        currency=settings.currency,
        steps_shown=STEPS_SHOWN,
        may_write=console.may("rewards:write"),
    )


def _steps(typed: dict[str, str], currency: str) -> list[dict[str, Any]]:
    """Rows in which nothing is typed are no steps."""
    steps = []
    for number in range(STEPS_SHOWN):
        strength, per_cent, amount, most = (
            typed.get(f"{name} {number}", "") for name in ("strength", "per_cent", "amount", "amount_max")
        )
        if per_cent or amount:
            steps.append(
                {
                    "strength_min": float(strength) / 100 if strength.isdecimal() else strength,
                    "basis_points": basis_points(per_cent),
                    "amount": minor_units(amount, currency),
                    "amount_max": minor_units(most, currency),
                }
            )
    return steps


@router.post("")
async def add_campaign(console: Writer, settings: SettingsOf, request: Request, typed: Fields) -> Response:
    zone, currency = await chain_zone(console), settings.currency
    body = changes_of(typed, currency, zone) | goods_of(typed, currency)
    body |= {
        "name": typed.get("name", ""),
        "starts_at": moment_in(zone, typed.get("starts_at", "")),
        "store_ids": [str(each) for each in (await request.form()).getlist("store_ids")],
        "steps": _steps(typed, currency),
        "per_member_per_day_max": counted(typed.get("per_member_per_day_max", "")),
        "lasts_minutes": counted(typed.get("lasts_minutes", "")),
    }
    made = await console.api.send("POST", "/v1/campaigns", body)
    return console.back(f"/campaigns/{made['id']}", "The campaign was added.")


@router.get("/{campaign_id}")
async def see_campaign(console: Reader, campaign_id: UUID, cursor: UUID | None = None) -> Response:
    wins = await console.api.get(f"/v1/campaigns/{campaign_id}/wins", cursor=cursor)
    stores = await stores_of(console)
    return console.show(
        "campaign.html",
        campaign=await console.api.get(f"/v1/campaigns/{campaign_id}"),
        wins=wins,
        names=await names_of(console, (each["member_id"] for each in wins["items"])),
        stores=stores,
        zone=zone_of(stores),
        major_units=major_units,
        typed_moment=typed_moment,
        may_write=console.may("rewards:write"),
    )


@router.post("/{campaign_id}")
async def change_campaign(console: Writer, campaign_id: UUID, typed: Fields) -> Response:
    path = f"/v1/campaigns/{campaign_id}"
    body = changes_of(typed, (await console.api.get(path))["currency"], await chain_zone(console))
    body |= {name: counted(typed.get(name, "")) for name in ("per_member_per_day_max", "lasts_minutes")}
    await console.api.send("PATCH", path, body)
    return console.back(f"/campaigns/{campaign_id}", "Saved.")


@router.post("/{campaign_id}/activity")
async def set_activity(console: Writer, campaign_id: UUID, active: Annotated[bool, Form()]) -> Response:
    await console.api.send("PATCH", f"/v1/campaigns/{campaign_id}", {"active": active})
    return console.back(f"/campaigns/{campaign_id}", ACTIVITY[active])
