"""On which terms a member buys: points, coupons and gifts, limits, family, diet."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Form, Response

from facepay.catalog.products import Allergen
from facepay.console.api import Refused
from facepay.console.fields import Fields, counted, major_units, minor_units, several
from facepay.console.member_pages import Reader, Writer
from facepay.console.pages import Console, console, pages
from facepay.console.people import names_of
from facepay.console.review_pages import member_meant
from facepay.settings import SettingsOf

LIMITS = {
    "payment_max": "One payment",
    "daily_spend_max": "In one day",
    "store_daily_spend_max": "In one day at one store",
    "ten_minute_payments_max": "Payments in ten minutes",
    "step_up_above": "A second factor above",
}
COUNTED = "ten_minute_payments_max"
ROLES = {"adult": "an adult", "child": "a child"}
SAID_BY_VALUE = {*LIMITS.values(), *ROLES.values(), *Allergen}
router = pages("/members/{member_id}")
Rewards = Annotated[Console, Depends(console("members:read", "rewards:read"))]
Giver = Annotated[Console, Depends(console("members:read", "rewards:read", "rewards:write"))]
Payer = Annotated[Console, Depends(console("members:read", "wallet:read"))]
Limiter = Annotated[Console, Depends(console("members:read", "wallet:read", "wallet:write"))]
Line = Annotated[str, Form(max_length=200)]


@router.get("/rewards")
async def see_rewards(console: Rewards, member_id: UUID) -> Response:
    path = f"/v1/members/{member_id}"
    return console.show(
        "member_rewards.html",
        member=await console.api.get(path),
        rewards=await console.api.get(f"{path}/rewards"),
        may_write=console.may("rewards:write"),
    )


@router.post("/gifts")
async def give(
    console: Giver, member_id: UUID, amount: Line, currency: Line, until: Annotated[date, Form()], key: Line
) -> Response:
    expires_at = datetime.combine(until, time(), UTC).isoformat()
    body = {"amount": minor_units(amount, currency), "currency": currency, "expires_at": expires_at}
    await console.api.send("POST", f"/v1/members/{member_id}/gifts", body, key=key)
    return console.back(f"/members/{member_id}/rewards", "The gift was given.")


@router.get("/limits")
async def see_limits(console: Payer, settings: SettingsOf, member_id: UUID) -> Response:
    path = f"/v1/members/{member_id}"
    found = await console.api.get(f"{path}/limits")
    return console.show(
        "member_limits.html",
        member=await console.api.get(path),
        limits=found,
        words=LIMITS,
        counted=COUNTED,
        typed={each: _typed(each, found[each], settings.currency) for each in LIMITS},
        currency=settings.currency,
        may_write=console.may("wallet:write"),
    )


@router.post("/limits")
async def set_limits(console: Limiter, settings: SettingsOf, member_id: UUID, typed: Fields) -> Response:
    body = {each: _limit(each, typed.get(each, ""), settings.currency) for each in LIMITS}
    await console.api.send("PUT", f"/v1/members/{member_id}/limits", body)
    return console.back(f"/members/{member_id}/limits", "Saved.")


@router.get("/family")
async def see_family(console: Reader, settings: SettingsOf, member_id: UUID) -> Response:
    path = f"/v1/members/{member_id}"
    family = await _or_none(console, f"{path}/family")
    people = (family["payer_id"], *(each["member_id"] for each in family["members"])) if family else ()
    return console.show(
        "member_family.html",
        member=await console.api.get(path),
        family=family,
        names=await names_of(console, people),
        roles=ROLES,
        currency=settings.currency,
        may_write=console.may("members:write"),
    )


@router.post("/family")
async def make_family(console: Writer, member_id: UUID) -> Response:
    await console.api.send("POST", "/v1/families", {"payer_id": str(member_id)})
    return console.back(f"/members/{member_id}/family", "Saved.")


@router.post("/family/members")
async def add_to_family(console: Writer, settings: SettingsOf, member_id: UUID, typed: Fields) -> Response:
    family = await console.api.get(f"/v1/members/{member_id}/family")
    body = {
        "member_id": await member_meant(console, typed.get("person", "")),
        "role": typed.get("role"),
        "agreed": "agreed" in typed,
        "payment_max": minor_units(typed.get("payment_max", ""), settings.currency),
        "daily_max": minor_units(typed.get("daily_max", ""), settings.currency),
    }
    await console.api.send("POST", f"/v1/families/{family['id']}/members", body)
    return console.back(f"/members/{member_id}/family", "Saved.")


@router.post("/family/members/{dependant_id}/removal")
async def take_from_family(console: Writer, member_id: UUID, dependant_id: UUID) -> Response:
    family = await console.api.get(f"/v1/members/{member_id}/family")
    await console.api.send("DELETE", f"/v1/families/{family['id']}/members/{dependant_id}")
    return console.back(f"/members/{member_id}/family", "Saved.")


@router.get("/diet")
async def see_diet(console: Writer, settings: SettingsOf, member_id: UUID) -> Response:
    """What somebody can't eat may say how healthy they are: only those see it who may also change it."""
    path = f"/v1/members/{member_id}"
    return console.show(
        "member_diet.html",
        member=await console.api.get(path),
        diet=await _or_none(console, f"{path}/diet"),
        allergens=list(Allergen),
        policy=settings.diet_policy_version,
    )


@router.post("/diet")
async def set_diet(
    console: Writer,
    settings: SettingsOf,
    member_id: UUID,
    allergens: Annotated[list[str], Form()] = [],  # noqa: B006
    ingredients: Annotated[str, Form(max_length=2_000)] = "",
    agreed: Annotated[bool, Form()] = False,
) -> Response:
    consent = {"policy_version": settings.diet_policy_version, "accepted": agreed}
    body = {"allergens": allergens, "ingredients": several(ingredients), "consent": consent}
    await console.api.send("PUT", f"/v1/members/{member_id}/diet", body)
    return console.back(f"/members/{member_id}/diet", "Saved.")


@router.post("/diet/removal")
async def forget_diet(console: Writer, member_id: UUID) -> Response:
    await console.api.send("DELETE", f"/v1/members/{member_id}/diet")
    return console.back(f"/members/{member_id}/diet", "It is forgotten.")


async def _or_none(console: Console, path: str) -> Any:
    try:
        return await console.api.get(path)
    except Refused as refused:
        if refused.problem["code"] not in ("family_not_found", "not_in_family", "diet_not_kept"):
            raise
        return None


def _limit(name: str, typed: str, currency: str) -> Any:
    return counted(typed) if name == COUNTED else minor_units(typed, currency)


def _typed(name: str, value: int | None, currency: str) -> str:
    if name == COUNTED:
        return "" if value is None else str(value)
    return major_units(value, currency)
