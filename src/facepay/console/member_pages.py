"""Members: who they are, what they agreed to, how they are forgotten."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Form, Response

from facepay.console.pages import Console, console, pages
from facepay.kernel.errors import Problem
from facepay.settings import SettingsOf

SAID_BY_VALUE = {"active", "blocked"}
router = pages("/members")
Reader = Annotated[Console, Depends(console("members:read"))]
Writer = Annotated[Console, Depends(console("members:read", "members:write"))]
Exporter = Annotated[Console, Depends(console("members:export"))]
Line = Annotated[str, Form(max_length=200)]
Agreed = Annotated[bool, Form()]


class NameDiffers(Problem):
    """Whoever erases a member types their name first."""

    status = 422
    code = "name_differs"
    title = "Another name"


@router.get("")
async def see_members(
    console: Reader,
    settings: SettingsOf,
    search: str = "",
    status: Literal["active", "blocked", ""] = "",
    cursor: UUID | None = None,
) -> Response:
    return console.show(
        "members.html",
        members=await console.api.get("/v1/members", search=search, status=status or None, cursor=cursor),
        search=search,
        state=status,
        policy=settings.consent_policy_version,
        may_write=console.may("members:write"),
    )


@router.post("")
async def add_member(
    console: Writer,
    settings: SettingsOf,
    name: Line,
    phone: Line = "",
    agreed: Agreed = False,
    keeps_photo: Agreed = False,
) -> Response:
    consent = {"policy_version": settings.consent_policy_version, "accepted": agreed, "keeps_photo": keeps_photo}
    body = {"display_name": name, "phone": phone.strip() or None, "consent": consent}
    made = await console.api.send("POST", "/v1/members", body)
    return console.back(f"/members/{made['id']}" + ("/face" if agreed else ""), "The member was added.")


@router.get("/{member_id}")
async def see_member(console: Reader, settings: SettingsOf, member_id: UUID) -> Response:
    path = f"/v1/members/{member_id}"
    return console.show(
        "member_overview.html",
        member=await console.api.get(path),
        consents=(await console.api.get(f"{path}/consents", limit=50))["items"],
        policy=settings.consent_policy_version,
        may_write=console.may("members:write"),
        may_export=console.may("members:export"),
    )


@router.post("/{member_id}")
async def change_member(console: Writer, member_id: UUID, name: Line, status: Line, phone: Line = "") -> Response:
    body = {"display_name": name, "phone": phone.strip() or None, "status": status}
    await console.api.send("PATCH", f"/v1/members/{member_id}", body)
    return console.back(f"/members/{member_id}", "Saved.")


@router.post("/{member_id}/consent")
async def record_consent(
    console: Writer, settings: SettingsOf, member_id: UUID, agreed: Agreed = False, keeps_photo: Agreed = False
) -> Response:
    body = {"policy_version": settings.consent_policy_version, "accepted": agreed, "keeps_photo": keeps_photo}
    await console.api.send("PUT", f"/v1/members/{member_id}/consent", body)
    return console.back(f"/members/{member_id}", "The consent is on record.")


@router.post("/{member_id}/withdrawal")
async def withdraw(console: Writer, member_id: UUID, key: Line) -> Response:
    receipt = await console.api.send("DELETE", f"/v1/members/{member_id}/face", key=key)
    member = await console.api.get(f"/v1/members/{member_id}")
    return console.show("member_erased.html", receipt=receipt, member=member)


@router.post("/{member_id}/pin")
async def set_pin(console: Writer, member_id: UUID, pin: Line) -> Response:
    await console.api.send("PUT", f"/v1/members/{member_id}/pin", {"pin": pin})
    return console.back(f"/members/{member_id}", "The new PIN holds.")


@router.post("/{member_id}/age")
async def check_age(console: Writer, member_id: UUID, born_on: Line) -> Response:
    await console.api.send("PUT", f"/v1/members/{member_id}/age-check", {"born_on": born_on})
    return console.back(f"/members/{member_id}", "The age is checked.")


@router.post("/{member_id}/erasure")
async def erase(console: Writer, member_id: UUID, name: Line, key: Line, forfeit: Agreed = False) -> Response:
    """The receipt is shown once here; it stays in the list of erasures, and names nobody."""
    member = await console.api.get(f"/v1/members/{member_id}")
    if name.strip() != member["display_name"]:
        raise NameDiffers("This isn't the member's name.")
    path = f"/v1/members/{member_id}"
    receipt = await console.api.send("DELETE", path, key=key, params={"forfeit": forfeit})
    return console.show("member_erased.html", receipt=receipt, member=None)


@router.get("/{member_id}/export")
async def export(console: Exporter, member_id: UUID) -> Response:
    answer = await console.api.read(f"/v1/members/{member_id}/export")
    kept = ("content-disposition", "cache-control")
    headers = {name: answer.headers[name] for name in kept}
    return Response(answer.content, media_type="application/json", headers=headers)
