"""One's own account: the password, and where one is signed in."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Form, Response

from facepay.console.api import Refused
from facepay.console.pages import Console, console, pages
from facepay.console.staff_pages import PASSWORDS

router = pages("/account")
Own = Annotated[Console, Depends(console("account:own"))]
Text = Annotated[str, Form(max_length=PASSWORDS["max"])]


@router.get("")
async def see_account(console: Own) -> Response:
    return await _shown(console)


async def _shown(console: Console, **values: Any) -> Response:
    sessions = await console.api.get("/v1/auth/sessions")
    return console.show("account.html", sessions=sessions, passwords=PASSWORDS, **{"wrong": False} | values)


@router.post("/password")
async def change_password(console: Own, current_password: Text, new_password: Text) -> Response:
    body = {"current_password": current_password, "new_password": new_password}
    try:
        await console.api.send("PUT", "/v1/auth/password", body)
    except Refused as refused:
        if refused.status != HTTPStatus.UNAUTHORIZED:  # which elsewhere means that a session is over
            raise
        return await _shown(console, status=HTTPStatus.UNPROCESSABLE_ENTITY, wrong=True)
    return console.back("/sign-in", "Your password is changed. Please sign in with the new one.")


@router.post("/sessions/{session_id}/end")
async def end_session(console: Own, session_id: UUID) -> Response:
    await console.api.send("DELETE", f"/v1/auth/sessions?session_id={session_id}")
    return console.back("/account", "That session has ended.")
