"""Monthly statements over HTTP, to print and for spreadsheets."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Header, Path, Query, Response, Security

from facepay.checkout.statement_page import csv_of, page_of
from facepay.checkout.statements import StatementNotFound, monthly_statement
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.members.members import MemberNotFound, get_member
from facepay.members.wallet_router import WalletCurrency
from facepay.settings import SettingsOf

router = Router(prefix="/v1/members/{member_id}/wallet/statements", tags=["wallet"])
Reader = Annotated[Principal, Security(current_staff, scopes=["wallet:read"])]
Month = Annotated[str, Path(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", examples=["2026-11"])]
# The page loads nothing and runs nothing, and neither form is for a cache.
PRIVATE = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
FORMS = {"text/html": {"schema": {"type": "string"}}, "text/csv": {"schema": {"type": "string"}}}


@router.get(
    "/{month}",
    summary="See a wallet's month, to print or as CSV",
    response_class=Response,
    responses={
        200: {"description": "The statement.", "content": FORMS},
        **problems(Unauthenticated, InsufficientScope, MemberNotFound, StatementNotFound),
    },
)
async def see_month(
    member_id: UUID,
    month: Month,
    session: Session,
    _: Reader,
    settings: SettingsOf,
    now: Now,
    form: Annotated[Literal["html", "csv"] | None, Query(alias="format", description="Else by Accept.")] = None,
    currency: WalletCurrency = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Opening balance, every line with the balance after it, closing balance; days as in the chain's time zone.

    CSV with `format=csv` or `Accept: text/csv`, or else a page of HTML. A month that goes on is shown so far.
    """
    member = await get_member(session, member_id)
    statement = await monthly_statement(
        session,
        member=member,
        month=month,
        currency=currency or settings.currency,
        time_zone=settings.time_zone,
        now=now,
    )
    if form == "csv" or (form is None and "text/csv" in accept.lower()):
        name = {"Content-Disposition": f'attachment; filename="statement-{month}.csv"'}
        return Response(csv_of(statement), media_type="text/csv", headers=PRIVATE | name)
    return Response(page_of(statement, now=now), media_type="text/html", headers=PRIVATE)
