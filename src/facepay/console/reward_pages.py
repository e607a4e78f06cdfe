"""Coupons, tiers and points, and the birthday offer."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Form, Request, Response

from facepay.console.api import Refused
from facepay.console.campaign_pages import chain_zone, changes_of, goods_of
from facepay.console.fields import (
    Fields,
    basis_points,
    counted,
    major_units,
    minor_units,
    moment_in,
    per_cent,
    typed_moment,
)
from facepay.console.pages import Console, console, pages
from facepay.console.people import names_of
from facepay.settings import SettingsOf

SPARE_ROWS = 2
ACTIVITY = {True: "The coupon is good again.", False: "The coupon is paused."}
SAID_BY_VALUE = {*ACTIVITY.values()}

router = pages()
Reader = Annotated[Console, Depends(console("rewards:read"))]
Writer = Annotated[Console, Depends(console("rewards:read", "rewards:write"))]


@router.get("/coupons")
async def see_coupons(console: Reader, settings: SettingsOf, cursor: UUID | None = None) -> Response:
    found = await console.api.get("/v1/coupons", cursor=cursor)
    return console.show(
        "coupons.html",
        coupons=found,
        names=await names_of(console, (each["member_id"] for each in found["items"])),
        zone=await chain_zone(console),
        currency=settings.currency,
        may_write=console.may("rewards:write"),
    )


@router.post("/coupons")
async def add_coupon(console: Writer, settings: SettingsOf, typed: Fields) -> Response:
    zone, currency = await chain_zone(console), settings.currency
    body = changes_of(typed, currency, zone) | goods_of(typed, currency)
    body |= {
        "code": typed.get("code", ""),
        "basis_points": basis_points(typed.get("per_cent", "")),
        "amount": minor_units(typed.get("amount", ""), currency),
        "starts_at": moment_in(zone, typed.get("starts_at", "")),
        "member_id": typed.get("member_id") or None,
    }
    made = await console.api.send("POST", "/v1/coupons", body)
    return console.back(f"/coupons/{made['id']}", "The coupon was added.")


@router.get("/coupons/{coupon_id}")
async def see_coupon(console: Reader, coupon_id: UUID) -> Response:
    coupon = await console.api.get(f"/v1/coupons/{coupon_id}")
    return console.show(
        "coupon.html",
        coupon=coupon,
        names=await names_of(console, (coupon["member_id"],)),
        zone=await chain_zone(console),
        major_units=major_units,
        typed_moment=typed_moment,
        may_write=console.may("rewards:write"),
    )


@router.post("/coupons/{coupon_id}")
async def change_coupon(console: Writer, coupon_id: UUID, typed: Fields) -> Response:
    path = f"/v1/coupons/{coupon_id}"
    body = changes_of(typed, (await console.api.get(path))["currency"], await chain_zone(console))
    await console.api.send("PATCH", path, body)
    return console.back(f"/coupons/{coupon_id}", "Saved.")


@router.post("/coupons/{coupon_id}/activity")
async def set_activity(console: Writer, coupon_id: UUID, active: Annotated[bool, Form()]) -> Response:
    await console.api.send("PATCH", f"/v1/coupons/{coupon_id}", {"active": active})
    return console.back(f"/coupons/{coupon_id}", ACTIVITY[active])


@router.get("/rewards")
async def see_rules(console: Reader, settings: SettingsOf) -> Response:
    return console.show(
        "rewards.html",
        book=await console.api.get("/v1/rewards/rules"),
        currency=settings.currency,
        spare_rows=SPARE_ROWS,
        major_units=major_units,
        per_cent=per_cent,
        may_write=console.may("rewards:write"),
    )


@router.post("/rewards")
async def set_rules(console: Writer, settings: SettingsOf, request: Request) -> Response:
    """Rows without a name, or without points, are left out: that is how one is taken away."""
    form = await request.form()

    def rows(*names: str) -> list[tuple[str, ...]]:
        columns = ([str(each).strip() for each in form.getlist(name)] for name in names)
        return list(zip(*columns, strict=True))

    tiers = [
        {
            "name": name,
            "min_spend": minor_units(spend or "0", settings.currency),
            "discount_basis_points": basis_points(discount or "0"),
            "points_multiplier_basis_points": basis_points(points or "100"),
        }
        for name, spend, discount, points in rows("name", "min_spend", "discount", "multiplier")
        if name
    ]
    earning: list[dict[str, Any]] = [
        {"category": category or None, "points_per_100": counted(points)}
        for category, points in rows("category", "points")
        if points
    ]
    await console.api.send("PUT", "/v1/rewards/rules", {"tiers": tiers, "earning": earning})
    return console.back("/rewards", "The rules hold from the next payment on.")


@router.get("/birthday-offer")
async def see_offer(console: Reader, settings: SettingsOf) -> Response:
    return console.show(
        "birthday_offer.html",
        offer=await _offer(console),
        tiers=[each["name"] for each in (await console.api.get("/v1/rewards/rules"))["tiers"]],
        currency=settings.currency,
        major_units=major_units,
        per_cent=per_cent,
        may_write=console.may("rewards:write"),
    )


async def _offer(console: Console) -> Any:
    try:
        return await console.api.get("/v1/rewards/birthday-offer")
    except Refused as refused:
        if refused.problem["code"] != "birthday_offer_not_set":
            raise
        return None


@router.post("/birthday-offer")
async def set_offer(console: Writer, settings: SettingsOf, request: Request, typed: Fields) -> Response:
    currency = settings.currency
    body = {
        "basis_points": basis_points(typed.get("per_cent", "")),
        "amount_max": minor_units(typed.get("amount_max", ""), currency),
        "amount": minor_units(typed.get("amount", ""), currency),
        "min_basket": minor_units(typed.get("min_basket", "") or "0", currency),
        "days_before": counted(typed.get("days_before", "")),
        "days_after": counted(typed.get("days_after", "")),
        "tiers": [str(each) for each in (await request.form()).getlist("tiers")],
        "budget": minor_units(typed.get("budget", ""), currency),
        "active": "active" in typed,
    }
    await console.api.send("PUT", "/v1/rewards/birthday-offer", body)
    return console.back("/birthday-offer", "Saved.")
