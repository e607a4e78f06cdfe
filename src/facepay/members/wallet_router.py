"""A member's wallet over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Security
from pydantic import AwareDatetime, Field

from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Answer, Currency, Line, Request
from facepay.members import freezes
from facepay.members.freezes import WalletNotFrozen, current_freeze
from facepay.members.members import MemberNotFound, get_member
from facepay.settings import SettingsOf
from facepay.wallet.accounts import member_wallet, wallet_balance
from facepay.wallet.statements import balance_at, statement

router = Router(prefix="/v1/members/{member_id}/wallet", tags=["wallet"])
Reader = Annotated[Principal, Security(current_staff, scopes=["wallet:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["wallet:write"])]
REFUSALS = (Unauthenticated, InsufficientScope, MemberNotFound)
WalletCurrency = Annotated[
    Currency | None, Query(description="A member has a wallet in each; `FACEPAY_CURRENCY` where none is given.")
]


class FreezeRequest(Request):
    reason: Annotated[Line, Field(examples=["Phone and card reported stolen"])]


class FreezeAnswer(Answer):
    reason: str
    frozen_by: str
    frozen_at: datetime


class WalletAnswer(Answer):
    """In minor units; `available` is posted less what is on hold: what may be spent, unless the wallet is frozen."""

    currency: str
    posted: int
    held: int
    available: int
    frozen: Annotated[FreezeAnswer | None, Field(description="Why nothing goes out at present.")] = None


class StatementLine(Answer):
    """One entry; `posted_after` is the running balance."""

    position: int
    transfer_id: UUID
    kind: str
    cause: str
    cause_id: UUID
    actor: str
    event_at: datetime
    amount: int
    held: int
    posted_after: int
    held_after: int


class StatementAnswer(Answer):
    currency: str
    items: list[StatementLine]
    next_cursor: int | None


@router.get("", summary="See a wallet", responses=problems(*REFUSALS))
async def see_wallet(
    member_id: UUID,
    session: Session,
    _: Reader,
    settings: SettingsOf,
    at: Annotated[AwareDatetime | None, Query(description="The balance as it was then.")] = None,
    currency: WalletCurrency = None,
) -> WalletAnswer:
    """The balance now, or at any past instant."""
    await get_member(session, member_id)
    unit = currency or settings.currency
    if at is None:
        balance = await wallet_balance(session, member_id=member_id, unit=unit)
    else:
        balance = await balance_at(session, member_wallet(member_id, unit).id, at)
    frozen = await current_freeze(session, member_id=member_id)
    return WalletAnswer(
        currency=unit,
        posted=balance.posted,
        held=balance.held,
        available=balance.available,
        frozen=FreezeAnswer.model_validate(frozen) if frozen else None,
    )


@router.post("/freeze", summary="Freeze a wallet", responses=problems(*REFUSALS))
async def freeze(member_id: UUID, body: FreezeRequest, session: Session, writer: Writer, now: Now) -> FreezeAnswer:
    """From now on nothing goes out: no payment, no top-up back to its card. Refunds of orders and top-ups come in.

    Freezing it again changes nothing.
    """
    frozen = await freezes.freeze(session, member_id=member_id, reason=body.reason, actor=f"staff:{writer.id}", now=now)
    return FreezeAnswer.model_validate(frozen)


@router.delete(
    "/freeze", status_code=204, summary="Thaw a frozen wallet", responses=problems(*REFUSALS, WalletNotFrozen)
)
async def thaw(member_id: UUID, session: Session, writer: Writer, now: Now) -> None:
    """It can be paid with again. Who froze it, who thawed it and when stays on record."""
    await freezes.thaw(session, member_id=member_id, actor=f"staff:{writer.id}", now=now)


@router.get("/statement", summary="See a wallet's statement", responses=problems(*REFUSALS))
async def see_statement(
    member_id: UUID,
    session: Session,
    _: Reader,
    settings: SettingsOf,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="`next_cursor` of the page before.")] = None,
    currency: WalletCurrency = None,
) -> StatementAnswer:
    """Newest first, each line with the balance after it and what caused it."""
    await get_member(session, member_id)
    unit = currency or settings.currency
    found = await statement(session, member_wallet(member_id, unit).id, before=cursor, limit=limit)
    return StatementAnswer(
        currency=unit,
        items=[StatementLine.model_validate(line) for line in found.lines],
        next_cursor=found.next_before,
    )
