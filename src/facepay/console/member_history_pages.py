"""What a member did and was told: orders, visits, disputes, notices, uses of their face."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Response

from facepay.console.member_pages import Reader
from facepay.console.order_pages import STATE_WORDS
from facepay.console.pages import Console, console, pages
from facepay.console.review_pages import KINDS, VERDICTS, stores
from facepay.members.biometric_uses import Use
from facepay.notices.notices import NoticeKind

NOTICES: dict[NoticeKind, str] = {
    NoticeKind.ORDER_CANCELLED: "An order was cancelled.",
    NoticeKind.GOODS_RETURNED: "Goods were taken back.",
    NoticeKind.CHARGED_LATER: "Goods were charged later.",
    NoticeKind.DEBT_INCURRED: "A debt was made.",
    NoticeKind.DEBT_SETTLED: "A debt was paid.",
    NoticeKind.BASKET_CORRECTED: "A basket was corrected.",
    NoticeKind.DISHES_READY: "Dishes are ready.",
    NoticeKind.BIRTHDAY_OFFER: "A birthday offer was given.",
    NoticeKind.TABLE_SETTLED: "A table was settled.",
    NoticeKind.FAMILY_PURCHASE: "Their family bought something.",
    NoticeKind.FAMILY_REFUSED: "Their family was refused something.",
    NoticeKind.FAMILY_RULE_BROKEN: "A rule of their family was broken.",
    NoticeKind.FAMILY_LEFT: "Somebody left their family.",
    NoticeKind.DRIVE_RESERVED: "A test drive was reserved.",
    NoticeKind.DRIVE_CANCELLED: "A test drive was cancelled.",
    NoticeKind.DRIVE_MISSED: "A test drive was missed.",
    NoticeKind.DRIVE_PICKED_UP: "A car was picked up.",
    NoticeKind.DRIVE_EXTENDED: "A test drive was extended.",
    NoticeKind.DRIVE_DUE_SOON: "A car is due soon.",
    NoticeKind.DRIVE_LATE: "A car was late.",
    NoticeKind.DRIVE_RETURNED: "A car came back.",
    NoticeKind.DRIVE_DAMAGE_CLAIMED: "Damage to a car was claimed.",
    NoticeKind.DRIVE_CLOSED: "A test drive was closed.",
}
SAID_BY_VALUE = {*NOTICES.values(), *Use}
router = pages("/members/{member_id}")
Buys = Annotated[Console, Depends(console("members:read", "orders:read"))]
Disputes = Annotated[Console, Depends(console("members:read", "reviews:read"))]


@router.get("/orders")
async def see_orders(console: Buys, member_id: UUID, bought: bool = False, cursor: UUID | None = None) -> Response:
    """What they paid; or `bought` and their family paid."""
    of = {"buyer_id" if bought else "member_id": str(member_id)}
    found = await console.api.get("/v1/orders", cursor=cursor, **of)
    more = {"bought": bought, "stores": await stores(console), "states": STATE_WORDS}
    return await _show(console, "member_orders.html", member_id, found, **more)


@router.get("/visits")
async def see_visits(console: Reader, member_id: UUID, cursor: UUID | None = None) -> Response:
    found = await console.api.get(f"/v1/members/{member_id}/visits", cursor=cursor)
    return await _show(console, "member_visits.html", member_id, found, stores=await stores(console))


@router.get("/disputes")
async def see_disputes(console: Disputes, member_id: UUID, cursor: UUID | None = None) -> Response:
    found = await console.api.get("/v1/disputes", member_id=str(member_id), cursor=cursor)
    return await _show(console, "member_disputes.html", member_id, found, kinds=KINDS, verdicts=VERDICTS)


@router.get("/notices")
async def see_notices(console: Reader, member_id: UUID, cursor: UUID | None = None) -> Response:
    found = await console.api.get(f"/v1/members/{member_id}/notices", cursor=cursor)
    return await _show(console, "member_notices.html", member_id, found, words=NOTICES)


@router.get("/uses")
async def see_uses(console: Reader, member_id: UUID, cursor: UUID | None = None) -> Response:
    found = await console.api.get(f"/v1/members/{member_id}/biometric-uses", cursor=cursor)
    return await _show(console, "member_uses.html", member_id, found)


async def _show(console: Console, template: str, member_id: UUID, found: Any, **more: Any) -> Response:
    """A list of the API as a page about the member."""
    member = await console.api.get(f"/v1/members/{member_id}")
    return console.show(template, member=member, names={member["id"]: member["display_name"]}, found=found, **more)
