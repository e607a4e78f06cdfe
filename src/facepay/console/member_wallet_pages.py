"""A member's money: balance, statement, top-ups, debts; a wallet frozen and thawed."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form, Response

from facepay.console.fields import minor_units
from facepay.console.pages import Console, console, pages

router = pages("/members/{member_id}/wallet")
Reader = Annotated[Console, Depends(console("members:read", "wallet:read"))]
Writer = Annotated[Console, Depends(console("members:read", "wallet:read", "wallet:write"))]
Line = Annotated[str, Form(max_length=200)]


@router.get("")
async def see_wallet(console: Reader, member_id: UUID, cursor: int | None = None) -> Response:
    path = f"/v1/members/{member_id}"
    return console.show(
        "member_wallet.html",
        member=await console.api.get(path),
        wallet=await console.api.get(f"{path}/wallet"),
        statement=await console.api.get(f"{path}/wallet/statement", cursor=cursor),
        debts=(await console.api.get(f"{path}/debts"))["items"],
        may_write=console.may("wallet:write"),
    )


@router.post("/top-ups")
async def top_up(console: Writer, member_id: UUID, amount: Line, currency: Line, key: Line) -> Response:
    body = {"amount": minor_units(amount, currency), "currency": currency}
    await console.api.send("POST", f"/v1/members/{member_id}/wallet/top-ups", body, key=key)
    return console.back(f"/members/{member_id}/wallet", "The top-up is on its way.")


@router.post("/freeze")
async def freeze(console: Writer, member_id: UUID, reason: Line) -> Response:
    await console.api.send("POST", f"/v1/members/{member_id}/wallet/freeze", {"reason": reason})
    return console.back(f"/members/{member_id}/wallet", "The wallet is frozen.")


@router.post("/thaw")
async def thaw(console: Writer, member_id: UUID) -> Response:
    await console.api.send("DELETE", f"/v1/members/{member_id}/wallet/freeze")
    return console.back(f"/members/{member_id}/wallet", "The wallet can be paid with again.")


@router.post("/debts/collection")
async def collect(console: Writer, member_id: UUID, currency: Line, key: Line) -> Response:
    await console.api.send("POST", f"/v1/members/{member_id}/debts/collection", {"currency": currency}, key=key)
    return console.back(f"/members/{member_id}/wallet", "What the wallet has went to the debt.")


@router.post("/debts/write-off")
async def write_off(console: Writer, member_id: UUID, currency: Line, reason: Line, key: Line) -> Response:
    body = {"currency": currency, "reason": reason}
    await console.api.send("POST", f"/v1/members/{member_id}/debts/write-off", body, key=key)
    return console.back(f"/members/{member_id}/wallet", "The debt is written off.")


@router.get("/month")
async def see_month(console: Reader, member_id: UUID, month: str, currency: str = "") -> Response:
    """To be printed: the page that the API makes of it."""
    path = f"/v1/members/{member_id}/wallet/statements/{month}"
    answer = await console.api.read(path, format="html", currency=currency or None)
    return Response(answer.content, media_type="text/html", headers=answer.headers)
