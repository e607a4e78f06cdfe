"""What is held of people, what is due to be erased, and the receipts of what was."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response

from facepay.console.pages import Console, console, pages
from facepay.console.people import names_of
from facepay.privacy.receipts import Reason

SCOPES = {"face": "the face", "member": "the whole member"}
REASONS = {
    Reason.WITHDRAWAL: "consent withdrawn",
    Reason.REQUEST: "the member asked",
    Reason.RETENTION: "its time was over",
}
SAID_BY_VALUE = {*SCOPES.values(), *REASONS.values()}
router = pages("/privacy")
Reader = Annotated[Console, Depends(console("members:read"))]


@router.get("")
async def see_privacy(console: Reader) -> Response:
    return console.show("privacy.html", held=await console.api.get("/v1/privacy"))


@router.get("/consents")
async def see_ending_consents(console: Reader, cursor: UUID | None = None) -> Response:
    found = await console.api.get("/v1/consents/ending", cursor=cursor)
    names = await names_of(console, (each["member_id"] for each in found["items"]))
    return console.show("consents_ending.html", found=found, names=names)


@router.get("/erasures")
async def see_erasures(console: Reader, cursor: UUID | None = None) -> Response:
    found = await console.api.get("/v1/erasures", cursor=cursor)
    return console.show("erasures.html", found=found, scopes=SCOPES, reasons=REASONS)


@router.get("/erasures/{erasure_id}")
async def see_erasure(console: Reader, erasure_id: UUID) -> Response:
    return console.show("erasure.html", receipt=await console.api.get(f"/v1/erasures/{erasure_id}"))
