"""A member's wallet over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Security
from pydantic import ConfigDict
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Conflict, Unauthenticated
from facepay.kernel.idempotency import (
    IdempotencyKeyInUse,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    IdempotencyOf,
    RequiredKey,
)
from facepay.kernel.ids import new_id
from facepay.kernel.problems import problems
from facepay.kernel.schemas import Amount, Answer, Currency
from facepay.kernel.schemas import Request as Body
from facepay.members.members import MemberNotFound, get_member
from facepay.settings import SettingsOf
from facepay.wallet.accounts import member_wallet, wallet_balance
from facepay.wallet.statements import statement
from facepay.wallet.top_ups import top_up

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


class NewTopUp(Body):
    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"amount": 5000, "currency": "CNY"}]}
    )

    amount: Amount
    currency: Currency


class TopUpAnswer(Answer):
    id: UUID
    amount: int
    currency: str
    transfer_id: UUID
    balance: int
    created_at: datetime


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


class TopUpRefused(Conflict):
    """The ledger refused the top-up; `reason` is its code."""

    code = "top_up_refused"
    title = "Top-up refused"


@router.get("", summary="See a wallet", responses=problems(*REFUSALS))
async def see_wallet(member_id: UUID, session: Session, _: Reader, settings: SettingsOf) -> WalletAnswer:
    await get_member(session, member_id)
    balance = await wallet_balance(session, member_id=member_id, unit=settings.currency)
    return WalletAnswer(
        currency=settings.currency, posted=balance.posted, held=balance.held, available=balance.available
    )


@router.post(
    "/top-ups",
    status_code=201,
    summary="Top up a wallet",
    response_model=TopUpAnswer,
    responses=problems(*REFUSALS, IdempotencyKeyMissing, IdempotencyKeyInUse, IdempotencyKeyReused, TopUpRefused),
)
async def add_top_up(
    member_id: UUID,
    body: NewTopUp,
    request: Request,
    key: RequiredKey,
    writer: Writer,
    idempotency: IdempotencyOf,
    now: Now,
) -> Any:
    """From the payment provider to the member. Retry with the same Idempotency-Key after any doubt."""

    async def act(session: AsyncSession) -> TopUpAnswer:
        await get_member(session, member_id)
        top_up_id = new_id()
        made = await top_up(
            session,
            top_up_id=top_up_id,
            member_id=member_id,
            amount=body.amount,
            currency=body.currency,
            actor=f"staff:{writer.id}",
            now=now,
        )
        if not made.ok:
            raise TopUpRefused("The ledger refused the top-up.", reason=made.code)
        return TopUpAnswer(
            id=top_up_id,
            amount=body.amount,
            currency=body.currency,
            transfer_id=made.transfer_id,
            balance=made.balance_after or 0,
            created_at=now,
        )

    return await idempotency.once(request, owner_id=writer.id, key=key, body=body, act=act, status=201)


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
