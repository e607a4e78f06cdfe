"""One-time passes over HTTP: the shop's own app asks for one, and shows it to the member who is signed in there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response, Security
from pydantic import Field

from facepay.identity import passes
from facepay.identity.passes import IssuedPass, MemberBlocked
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Overloaded, Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.qr import qr_svg
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Answer
from facepay.kernel.secrets import MasterKey, get_master_key
from facepay.members.members import MemberNotFound
from facepay.settings import SettingsOf

router = Router(prefix="/v1/members/{member_id}/passes", tags=["members"])
Issuer = Annotated[Principal, Security(current_staff, scopes=["passes:write"])]


class PassAnswer(Answer):
    token: Annotated[
        str, Field(serialization_alias="pass", description="What the QR code says: 256 random bits in base32.")
    ]
    code: Annotated[str, Field(description="The same for a keypad.", examples=["40718263"])]
    expires_at: datetime
    qr_svg: Annotated[str, Field(description="The QR code, black on white with its margin, to show as it is.")]

    @classmethod
    def of(cls, issued: IssuedPass) -> PassAnswer:
        return cls(token=issued.token, code=issued.code, expires_at=issued.expires_at, qr_svg=qr_svg(issued.token))


@router.post(
    "",
    status_code=201,
    summary="Issue a one-time pass",
    responses=problems(Unauthenticated, InsufficientScope, MemberNotFound, MemberBlocked, Overloaded),
)
async def issue_pass(
    member_id: UUID,
    response: Response,
    session: Session,
    _: Issuer,
    key: Annotated[MasterKey, Depends(get_master_key)],
    settings: SettingsOf,
    now: Now,
) -> PassAnswer:
    """It opens a gate or pays at a kiosk, once, within a minute, without a face and without consent to one.

    A new pass ends the one before. Whoever may call this can pay as any member, so only the app's own backend
    (role `app`) and owners may; the app sees to it that the member asks for it themself.
    """
    issued = await passes.issue(
        session, member_id=member_id, key=key, now=now, lasts=timedelta(seconds=settings.pass_seconds)
    )
    response.headers["Cache-Control"] = "no-store"
    return PassAnswer.of(issued)
