"""Who may pass doors: employees, contractors and visitors, what they carry, and who is invited."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Form, Query, Response

from facepay.console.door_pages import all_of, named
from facepay.console.fields import counted, moment_in
from facepay.console.pages import Console, console, pages

KINDS = ("employee", "contractor", "visitor")
SAID_BY_VALUE = {"invited", "came", "withdrawn"}

router = pages()
Reader = Annotated[Console, Depends(console("stores:read", "access:read"))]
Writer = Annotated[Console, Depends(console("stores:read", "access:read", "access:write"))]
Typed = Annotated[str, Form(max_length=200)]


@router.get("/stores/{store_id}/holders")
async def see_holders(
    console: Reader,
    store_id: UUID,
    kind: Annotated[Literal["employee", "contractor", "visitor", ""], Query()] = "",
    cursor: UUID | None = None,
) -> Response:
    path = f"/v1/stores/{store_id}"
    return console.show(
        "holders.html",
        store=await console.api.get(path),
        holders=await console.api.get(f"{path}/holders", kind=kind or None, cursor=cursor),
        kinds=KINDS,
        kind=kind,
    )


@router.get("/stores/{store_id}/visitors")
async def see_visitors(console: Reader, store_id: UUID, cursor: UUID | None = None) -> Response:
    path = f"/v1/stores/{store_id}"
    hosts = (await console.api.get(f"{path}/holders", kind="employee", limit=200))["items"]
    return console.show(
        "visitors.html",
        store=await console.api.get(path),
        invitations=await console.api.get(f"{path}/invitations", cursor=cursor),
        host_names=named(hosts),
        profiles=named(await all_of(console, f"{path}/access-profiles")),
        may_invite=console.may("access:write"),
    )


@router.post("/stores/{store_id}/visitors")
async def invite(
    console: Writer,
    store_id: UUID,
    visitor_name: Typed = "",
    company: Typed = "",
    host_id: Typed = "",
    profile_id: Typed = "",
    valid_from: Typed = "",
    valid_until: Typed = "",
    escort_required: Annotated[bool, Form()] = False,
) -> Response:
    """The QR code is the visitor's, and shown once: it is the answer itself."""
    store = await console.api.get(f"/v1/stores/{store_id}")
    body = {
        "visitor_name": visitor_name,
        "company": company or None,
        "host_id": host_id,
        "profile_id": profile_id,
        "valid_from": moment_in(store["timezone"], valid_from),
        "valid_until": moment_in(store["timezone"], valid_until),
        "escort_required": escort_required,
    }
    invited = await console.api.send("POST", f"/v1/stores/{store_id}/invitations", body)
    return console.show("invited.html", store=store, invited=invited)


@router.post("/invitations/{invitation_id}/withdrawal")
async def withdraw(console: Writer, invitation_id: UUID) -> Response:
    withdrawn = await console.api.send("DELETE", f"/v1/invitations/{invitation_id}")
    return console.back(f"/stores/{withdrawn['store_id']}/visitors", "The invitation was withdrawn.")


@router.post("/stores/{store_id}/redemptions")
async def take_in(console: Writer, store_id: UUID, token: Typed = "") -> Response:
    """Without consent to a face: the visitor's page as a member is where that is recorded."""
    path = f"/v1/stores/{store_id}/redemptions"
    holder = await console.api.send("POST", path, {"token": token.strip()})
    return console.back(f"/holders/{holder['id']}", "The visitor was taken in.")


@router.get("/holders/{holder_id}")
async def see_holder(console: Reader, holder_id: UUID) -> Response:
    path = f"/v1/holders/{holder_id}"
    holder = await console.api.get(path)
    of_store = f"/v1/stores/{holder['store_id']}"
    profiles = named(await all_of(console, f"{of_store}/access-profiles"))
    given = {each["profile_id"] for each in holder["profiles"]}
    return console.show(
        "holder.html",
        store=await console.api.get(of_store),
        holder=holder,
        credentials=await console.api.get(f"{path}/credentials", limit=200),
        presence=await console.api.get(f"{path}/presence"),
        zone_names=named(await all_of(console, f"{of_store}/zones")),
        profile_names=profiles,
        others={id_: name for id_, name in profiles.items() if id_ not in given},
        may_change=console.may("access:write"),
        may_see_member=console.may("members:read"),
    )


@router.post("/holders/{holder_id}/block")
async def block(console: Writer, holder_id: UUID, why: Typed = "") -> Response:
    await console.api.send("PUT", f"/v1/holders/{holder_id}/block", {"why": why})
    return console.back(f"/holders/{holder_id}", "No door opens for them any more.")


@router.post("/holders/{holder_id}/unblock")
async def unblock(console: Writer, holder_id: UUID) -> Response:
    await console.api.send("DELETE", f"/v1/holders/{holder_id}/block")
    return console.back(f"/holders/{holder_id}", "Doors open for them again.")


@router.post("/holders/{holder_id}/badges")
async def issue_badge(console: Writer, holder_id: UUID, facility_code: Typed = "", number: Typed = "") -> Response:
    body = {"facility_code": counted(facility_code), "number": counted(number)}
    await console.api.send("POST", f"/v1/holders/{holder_id}/badges", body)
    return console.back(f"/holders/{holder_id}", "The badge was issued.")


@router.post("/holders/{holder_id}/credentials/{credential_id}")
async def change_credential(
    console: Writer,
    holder_id: UUID,
    credential_id: UUID,
    change: Annotated[Literal["suspend", "resume", "revoke"], Form()],
    why: Typed = "",
) -> Response:
    path = f"/v1/credentials/{credential_id}"
    method, what, body = {
        "suspend": ("PUT", "suspension", {"why": why}),
        "resume": ("DELETE", "suspension", None),
        "revoke": ("PUT", "revocation", {"why": why}),
    }[change]
    await console.api.send(method, f"{path}/{what}", body)
    return console.back(f"/holders/{holder_id}", "The credential was changed.")


@router.post("/holders/{holder_id}/profiles")
async def give_profile(console: Writer, holder_id: UUID, profile_id: Annotated[UUID, Form()]) -> Response:
    await console.api.send("PUT", f"/v1/holders/{holder_id}/profiles/{profile_id}", {})
    return console.back(f"/holders/{holder_id}", "The access profile was given.")


@router.post("/holders/{holder_id}/profiles/{profile_id}/removal")
async def take_profile(console: Writer, holder_id: UUID, profile_id: UUID) -> Response:
    await console.api.send("DELETE", f"/v1/holders/{holder_id}/profiles/{profile_id}")
    return console.back(f"/holders/{holder_id}", "The access profile was taken.")
