"""Staff accounts: who may sign in, and as what."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form, Response

from facepay.console.pages import Console, console, pages
from facepay.staff.accounts import PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN, Role

router = pages("/staff")
Owner = Annotated[Console, Depends(console("staff:write"))]
Text = Annotated[str, Form(max_length=PASSWORD_LENGTH_MAX)]
PASSWORDS = {"min": PASSWORD_LENGTH_MIN, "max": PASSWORD_LENGTH_MAX}


@router.get("")
async def see_staff(console: Owner, cursor: UUID | None = None) -> Response:
    accounts = await console.api.get("/v1/staff", cursor=cursor)
    return console.show("staff.html", accounts=accounts, roles=list(Role), passwords=PASSWORDS)


@router.post("")
async def add_staff(console: Owner, username: Text, display_name: Text, role: Text, password: Text) -> Response:
    body = {"username": username, "display_name": display_name, "role": role, "password": password}
    added = await console.api.send("POST", "/v1/staff", body)
    return console.back(f"/staff/{added['id']}", "They can sign in now.")


@router.get("/{staff_id}")
async def see_account(console: Owner, staff_id: UUID) -> Response:
    account = await console.api.get(f"/v1/staff/{staff_id}")
    return console.show("staff_account.html", account=account, roles=list(Role), passwords=PASSWORDS)


@router.post("/{staff_id}")
async def change_account(console: Owner, staff_id: UUID, display_name: Text, role: Text) -> Response:
    account = await console.api.get(f"/v1/staff/{staff_id}")
    asked = {"display_name": display_name, "role": role}
    # A role that is sent again, though the same, would end their sessions.
    changes = {name: value for name, value in asked.items() if account[name] != value}
    if changes:
        await console.api.send("PATCH", f"/v1/staff/{staff_id}", changes)
    return console.back(f"/staff/{staff_id}", "Saved.")


@router.post("/{staff_id}/password")
async def give_password(console: Owner, staff_id: UUID, password: Text) -> Response:
    await console.api.send("PATCH", f"/v1/staff/{staff_id}", {"password": password})
    return console.back(f"/staff/{staff_id}", "The new password holds; whoever was signed in has to do so again.")


@router.post("/{staff_id}/access")
async def set_access(console: Owner, staff_id: UUID, disabled: Annotated[bool, Form()]) -> Response:
    await console.api.send("PATCH", f"/v1/staff/{staff_id}", {"disabled": disabled})
    if disabled:
        return console.back(f"/staff/{staff_id}", "They can't sign in any more, and are signed out.")
    return console.back(f"/staff/{staff_id}", "They can sign in now.")
