"""A member's wallet over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Security

from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.schemas import Answer
from facepay.members.members import MemberNotFound, get_member
from facepay.settings import SettingsOf
from facepay.wallet.accounts import member_wallet, wallet_balance
from facepay.wallet.statements import statement

router = APIRouter(prefix="/v1/members/{member_id}/wallet", tags=["wallet"])
Reader = Annotated[Principal, Security(current_staff, scopes=["wallet:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["wallet:write"])]
REFUSALS = (Unauthenticated, InsufficientScope, MemberNotFound)


class WalletAnswer(Answer):
    """In minor units; `available` is what may be spent: posted less what is on hold."""

    currency: str
    posted: int
    held: int
    available: int


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
async def see_wallet(member_id: UUID, session: Session, _: Reader, settings: SettingsOf) -> WalletAnswer:
    await get_member(session, member_id)
    balance = await wallet_balance(session, member_id=member_id, unit=settings.currency)
    return WalletAnswer(
        currency=settings.currency, posted=balance.posted, held=balance.held, available=balance.available
    )


@router.get("/statement", summary="See a wallet's statement", responses=problems(*REFUSALS))
async def see_statement(
    member_id: UUID,
    session: Session,
    _: Reader,
    settings: SettingsOf,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="`next_cursor` of the page before.")] = None,
) -> StatementAnswer:
    """Newest first, each line with the balance after it and what caused it."""
    await get_member(session, member_id)
    found = await statement(session, member_wallet(member_id, settings.currency).id, before=cursor, limit=limit)
    return StatementAnswer(
        currency=settings.currency,
        items=[StatementLine.model_validate(line) for line in found.lines],
        next_cursor=found.next_before,
    )
